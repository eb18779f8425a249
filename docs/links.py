"""Links to the documentation of other libraries, without a network in the build.

Sphinx reads inventories of names. Those of other projects are large and online, so
this writes small ones, of the names that edml's pages use.
"""

import zlib
from pathlib import Path

_SKLEARN = "modules/generated/{}.html"
#: Each project's documentation, and the role and page of the names.
PROJECTS = {
    "sklearn": (
        "https://scikit-learn.org/stable/",
        {
            "sklearn.base.BaseEstimator": ("class", _SKLEARN),
            "sklearn.calibration.CalibratedClassifierCV": ("class", _SKLEARN),
            "sklearn.ensemble.RandomForestClassifier": ("class", _SKLEARN),
            "sklearn.frozen.FrozenEstimator": ("class", _SKLEARN),
            "sklearn.model_selection.TimeSeriesSplit": ("class", _SKLEARN),
            "sklearn.model_selection.cross_validate": ("function", _SKLEARN),
        },
    ),
    "pandas": (
        "https://pandas.pydata.org/docs/",
        {
            "pandas.DataFrame": ("class", "reference/api/{}.html"),
            "pandas.Series": ("class", "reference/api/{}.html"),
        },
    ),
    "imblearn": (
        "https://imbalanced-learn.org/stable/",
        {
            "imblearn.over_sampling.SMOTE": ("class", "references/generated/{}.html"),
            "imblearn.pipeline.Pipeline": ("class", "references/generated/{}.html"),
        },
    ),
}
#: Words in the types of parameters, and the names that they stand for.
ALIASES = {
    "BaseEstimator": "sklearn.base.BaseEstimator",
    "DataFrame": "pandas.DataFrame",
    "Series": "pandas.Series",
}


def write_inventories(folder: Path) -> dict[str, tuple[str, str]]:
    """Write an inventory for each project, and return Sphinx's mapping of them."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for project, (url, names) in PROJECTS.items():
        lines = [
            f"{name} py:{role} 1 {page.format(name)}#{name} -\n"
            for name, (role, page) in sorted(names.items())
        ]
        path = folder / f"{project}.inv"
        head = (
            f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
            "# The remainder of this file is compressed using zlib.\n"
        )
        path.write_bytes(head.encode() + zlib.compress("".join(lines).encode()))
        mapping[project] = (url, str(path))
    return mapping
