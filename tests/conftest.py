"""What all tests share: hypothesis's profiles, and where the real tables are."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")  # no test opens a window

# No deadline: a shared machine is slow at times, and no test is about time.
settings.register_profile("dev", deadline=None, max_examples=50)
# In CI the same examples every time: a red run is then about the change.
settings.register_profile(
    "ci", deadline=None, max_examples=100, derandomize=True, print_blob=True
)
_DEFAULT_PROFILE = "ci" if os.environ.get("CI") else "dev"
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", _DEFAULT_PROFILE))

_OULAD = Path(__file__).parents[2] / "shared" / "data" / "oulad"


@pytest.fixture(scope="session")
def oulad_home() -> Path:
    """Give the folder of the real tables, or skip the test where there is none.

    It is named by EDML_OULAD, or lies beside the checkout.
    """
    folder = Path(os.environ.get("EDML_OULAD", _OULAD))
    if not (folder / "studentInfo.csv").exists():
        pytest.skip("needs the OULAD tables: set EDML_OULAD to their folder")
    return folder
