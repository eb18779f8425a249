"""Sphinx's settings: `nox -s docs` builds the pages, and a warning is an error."""

import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from numpydoc import xref

sys.path.insert(0, str(Path(__file__).parent))
from links import ALIASES, write_inventories

project = "edml"
author = "The edml developers"
copyright = author
version = release = installed_version("edml")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "generated", "examples", "user_guide/_*.rst"]
source_suffix = {".rst": "restructuredtext"}  # CHANGELOG.md is included in a page
default_role = "py:obj"  # `StudentKFold` links to its page
smartquotes = False  # quoted text is often meant to be copied
intersphinx_mapping = write_inventories(Path(__file__).parent / "generated")
extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}

# -- the changelog ------------------------------------------------------------------


def write_changelog() -> None:
    """Write CHANGELOG.md with the fragments of the next release on top."""
    root = Path(__file__).parents[1]
    command = [sys.executable, "-m", "towncrier", "build", "--draft"]
    draft = subprocess.run(  # noqa: S603 - a fixed command
        [*command, "--version", "Unreleased", "--date", "today"],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    unreleased = draft.strip().replace("## Unreleased (today)", "## Unreleased")
    start = "<!-- towncrier release notes start -->\n"
    released = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    page = Path(__file__).parent / "generated" / "changelog.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(released.replace(start, f"{unreleased}\n"), encoding="utf-8")


# -- the reference ----------------------------------------------------------------


def methods_of_bases() -> dict[str, list[str]]:
    """Return the methods that each public class inherits from private bases."""
    found: dict[str, list[str]] = {}
    for page in sorted(Path(__file__).parent.glob("api/*.rst")):
        if page.stem == "index":
            continue
        package = import_module(f"edml.{page.stem}")
        for name in package.__all__:
            bases = getattr(getattr(package, name), "__mro__", ())[1:]
            found[f"{package.__name__}.{name}"] = [
                method
                for base in bases
                if base.__module__.startswith("edml.")
                for method, value in vars(base).items()
                if callable(value) and not method.startswith("_")
            ]
    return found


autosummary_context = {"methods_of_bases": methods_of_bases()}
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say it in words
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the template lists the members
numpydoc_xref_param_type = True  # `DataFrame` links to pandas
numpydoc_xref_aliases = ALIASES
numpydoc_xref_ignore = "all"  # other words
xref.DEFAULT_LINKS.clear()  # to the inventories of Python and NumPy, which are online
# The docstring of a constant is that of its built-in type.
numpydoc_validation_exclude = {r"^edml\.[a-z_]+\.[A-Z_]+$"}
numpydoc_validation_checks = {
    "GL03",  # no double blank line
    "GL06",  # unknown section
    "GL07",  # sections in the wrong order
    "GL08",  # no docstring
    "PR01",  # parameter not documented
    "PR02",  # unknown parameter
    "PR03",  # parameters in the wrong order
    "PR04",  # parameter without a type
    "PR05",  # type ends in a full stop
    "PR06",  # not the type's name in Python
    "PR07",  # parameter without a description
    "PR10",  # no space before the colon
    "RT01",  # no Returns
    "SS01",  # no summary
    "SS02",  # summary without a capital
    "SS03",  # summary without a full stop
    "SS04",  # summary with leading space
    "SS05",  # summary not in the imperative
    "SS06",  # summary of more than a line
    "YD01",  # no Yields
}

# -- the pages ----------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = f"edml {release}"
html_theme_options = {
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "install": [], "changelog": [], "gallery/*": []}
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["edml.css"]

# -- pictures -------------------------------------------------------------------------

plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = ["svg"]
plot_rcparams = {"figure.figsize": (7, 4), "savefig.bbox": "tight"}
plot_apply_rcparams = True

# -- the examples ---------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "backreferences_dir": "generated/examples",  # for "Examples using ..."
    "doc_module": ("edml",),
    "within_subsection_order": "FileNameSortKey",
    "run_stale_examples": True,  # the library changes more often than they do
    "reset_modules": ("matplotlib",),
    "image_srcset": ["2x"],
    "ignore_repr_types": "Display",  # the picture says it all
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": 3600,
    "show_signature": False,
    "remove_config_comments": True,
}


def escape_names(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Keep the ``n_features_in_`` of a shape from being read as a link."""
    for number, line in enumerate(lines):
        if " : " in line:
            lines[number] = re.sub(r"(?<=\w)_(?=[,)])", r"\\_", line)


def setup(app: Any) -> None:
    """Write the changelog, and run `escape_names` before numpydoc."""
    write_changelog()
    app.connect("autodoc-process-docstring", escape_names, priority=400)
