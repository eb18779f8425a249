import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import edml
from public_api import public_objects, public_packages

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "edml"
API_PAGES = ROOT / "docs" / "api"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

# Typer installs its dependencies; and scikit-learn needs scipy.
BROUGHT = {
    "rich": "typer",
    "click": "typer",
    "scipy": "scikit-learn",
    "werkzeug": "flask",
}


def run_python(code: str) -> str:
    done = subprocess.run(  # noqa: S603 - the code is in this file
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


# -- import edml --------------------------------------------------------------


@pytest.mark.parametrize("use", ["", "dir(edml)", "edml.__version__"])
def test_importing_edml_imports_no_third_party(use):
    loaded = run_python(
        "import sys, importlib.metadata\n"
        "before = set(sys.modules)\n"
        f"import edml\n{use}\n"
        "tops = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(tops - sys.stdlib_module_names))"
    )
    assert loaded == "['edml']"


@pytest.mark.parametrize("name", edml.__all__)
def test_public_name_resolves(name):
    assert getattr(edml, name) is not None
    assert name in dir(edml)


@pytest.mark.parametrize("name", sorted({*edml.__all__} - {"__version__"}))
def test_public_name_has_one_home(name):
    homes = [
        package for package in public_packages().values() if name in package.__all__
    ]
    assert len(homes) == 1
    assert getattr(edml, name) is getattr(homes[0], name)


def in_order(names: Iterable[str]) -> list[str]:
    """Sort as ruff sorts `__all__`: constants, classes, then functions."""
    return sorted(
        set(names),
        key=lambda name: (name[0] != "_", not name.isupper(), name[0].islower(), name),
    )


def test_all_is_sorted_and_without_duplicates():
    assert edml.__all__ == in_order(edml.__all__)


@pytest.mark.parametrize("name", sorted(public_packages()))
def test_package_exports_its_declared_names(name):
    package = public_packages()[name]
    assert package.__doc__
    assert list(package.__all__) == in_order(package.__all__)
    assert set(package.__all__) <= set(dir(package))


def test_unknown_attribute():
    with pytest.raises(AttributeError, match=r"module 'edml' has no attribute 'Nope'"):
        edml.Nope  # noqa: B018 - the access is the test
    with pytest.raises(ImportError, match="cannot import name 'Nope' from 'edml'"):
        from edml import Nope  # noqa: F401, PLC0415


def test_star_import_exports_every_public_name():
    names = run_python("from edml import *; print(' '.join(dir()))")
    assert set(edml.__all__) <= set(names.split())


# -- the package ----------------------------------------------------------------


def test_version():
    assert edml.__version__ == version("edml") == PROJECT["version"]


def test_types_are_shipped():
    assert (Path(edml.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize(
    ("path", "cls"),
    [(path, obj) for path, obj in public_objects().items() if isinstance(obj, type)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_class_names_its_public_package(path, cls):
    # Saved models name it, and it survives the renaming of a private file.
    assert f"{cls.__module__}.{cls.__qualname__}" == path


# -- documented ------------------------------------------------------------------


def documented_names() -> set[str]:
    """Return the public paths that the API pages list."""
    found = set()
    for page in API_PAGES.glob("*.rst"):
        package, listing = "", False
        for line in page.read_text("utf-8").splitlines():
            if line.startswith(".. currentmodule::"):
                package = line.split()[-1]
            if line.startswith(".. autosummary::"):
                listing = True
            elif line and not line.startswith(" "):
                listing = False
            elif listing and (entry := re.fullmatch(r"   (\w+)", line)):
                found.add(f"{package}.{entry[1]}")
    return found


def test_api_pages_list_every_public_name():
    assert documented_names() == set(public_objects())


# -- imports -----------------------------------------------------------------------


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.fixture(scope="module")
def imports():
    """Map each file to the modules it imports."""
    files = (path for path in SOURCES.rglob("*.py") if "." not in path.parent.name)
    found = {
        path.relative_to(SOURCES).as_posix(): set(imported_modules(path))
        for path in files
    }
    assert len(found) > 100
    return found


def test_third_party_imports_are_declared(imports):
    extras = [one for some in PROJECT["optional-dependencies"].values() for one in some]
    declared = {
        canonicalize_name(Requirement(text).name)
        for text in [*PROJECT["dependencies"], *extras]
    }
    distributions = packages_distributions()

    def is_declared(module):
        top = module.partition(".")[0]
        names = {BROUGHT.get(top, name) for name in distributions.get(top, [top])}
        return (
            top in sys.stdlib_module_names
            or top == "edml"
            or not declared.isdisjoint(map(canonicalize_name, names))
        )

    undeclared = {
        (path, module)
        for path, modules in imports.items()
        for module in modules
        if not is_declared(module)
    }
    assert undeclared == set()


def test_only_one_module_imports_private_scikit_learn_names(imports):
    private = {
        path
        for path, modules in imports.items()
        for module in modules
        if module.startswith(("sklearn.", "imblearn.")) and "._" in module
    }
    assert private <= {"_sklearn.py"}


def test_requirements_are_lower_bounds_except_where_private_parts_are_subclassed():
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *extras["plot"], *extras["serve"]]:
        requirement = Requirement(text)
        operators = {bound.operator for bound in requirement.specifier}
        # edml.serving subclasses parts of gunicorn that a new major version may change
        capped = requirement.name == "gunicorn"
        assert operators == ({">=", "<"} if capped else {">="}), text


def test_the_extra_all_has_every_extra_but_the_large_ones():
    (everything,) = PROJECT["optional-dependencies"]["all"]
    others = set(PROJECT["optional-dependencies"]) - {"all", "azure", "gcs", "spark"}
    assert Requirement(everything).extras == others
