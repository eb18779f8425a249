"""Check what a wheel holds: `python check_wheel.py dist/edml-....whl`."""

import email
import sys
import zipfile
from pathlib import Path

LARGEST_KB = 1400  # 1,000 of code and 300 of the sample, so that no data slips in


def faults(wheel: Path) -> list[str]:
    """Say what is wrong with a wheel; nothing, if all is well."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = next(n for n in names if n.endswith(".dist-info/METADATA"))
        headers = email.message_from_bytes(archive.read(metadata))
    found = []
    sources = Path(__file__).parent.parent / "src"
    expected = {
        path.relative_to(sources).as_posix()
        for path in sources.rglob("*")
        if path.is_file() and not _left_behind(path.relative_to(sources))
    }
    packed = {name for name in names if ".dist-info/" not in name}
    if packed != expected:
        found.append(f"differs from src/: {sorted(packed ^ expected)}")
    if "edml/py.typed" not in packed:
        found.append("lacks py.typed, without which its types are not read")
    if not any(name.endswith("licenses/LICENSE") for name in names):
        found.append("lacks the licence file")
    if headers["License-Expression"] != "BSD-3-Clause":
        found.append(f"has the licence {headers['License-Expression']!r}")
    if len(headers.get_payload()) < 500:
        found.append("has no long description; is README.md empty?")
    size = wheel.stat().st_size // 1024
    if size > LARGEST_KB:
        found.append(f"has {size} KB, more than {LARGEST_KB}")
    return found


def _left_behind(path: Path) -> bool:
    """Tell whether a tool has left a file there, which git ignores."""
    return any(part == "__pycache__" or part[0] == "." for part in path.parts)


def main() -> int:
    """Check the wheel that is named on the command line."""
    wheel = Path(sys.argv[1])
    found = faults(wheel)
    for fault in found:
        sys.stderr.write(f"{wheel.name} {fault}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
