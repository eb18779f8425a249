"""The architecture page names every package, and only files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "edml"
PAGE = (ROOT / "docs" / "architecture.rst").read_text(encoding="utf-8")


def named_files():
    files = re.findall(r"``([\w/.]+\.(?:py|po|rst))``", PAGE)
    return sorted({name for name in files if "/" in name})


@pytest.mark.parametrize("name", named_files())
def test_named_file_exists(name):
    assert any((folder / name).exists() for folder in (ROOT, SOURCES))


def test_every_package_has_its_line():
    listed = re.findall(r"^   \* - ``edml\.(\w+)``", PAGE, flags=re.MULTILINE)
    modules = [
        path for path in SOURCES.iterdir() if not path.name.startswith(("_", "."))
    ]
    packages = {
        path.stem for path in modules if path.name not in {"py.typed", "locale"}
    }
    assert sorted(listed) == sorted(packages)
