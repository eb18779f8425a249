"""Shared by all tests: hypothesis's profiles, and the folder of the real tables."""

import os
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from object_store import BUCKET, forget_stores, serve_s3

os.environ.setdefault("MPLBACKEND", "Agg")  # no test opens a window

# A shared machine is slow at times, and no test measures time.
settings.register_profile(
    "dev",
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)
# In CI the examples never change, so that a failure comes from the change.
settings.register_profile(
    "ci", settings.get_profile("dev"), derandomize=True, print_blob=True
)
# The slow session tries more.
settings.register_profile("many", settings.get_profile("ci"), max_examples=100)
_DEFAULT_PROFILE = "ci" if os.environ.get("CI") else "dev"
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", _DEFAULT_PROFILE))


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk():
    """Do not wait for the disk after each write.

    The system outlives each killed process. Some tests check the order of the steps,
    on which a power cut depends.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def oulad_home() -> Path:
    """Return the folder of the real tables, or skip the test if there is none.

    EDML_OULAD names it; the default is next to the checkout.
    """
    folder = Path(os.environ.get("EDML_OULAD", _DATA / "oulad"))
    if not (folder / "studentInfo.csv").exists():
        pytest.skip("needs the OULAD tables: set EDML_OULAD to their folder")
    return folder


@pytest.fixture(scope="session")
def canvas_home() -> Path:
    """Return the folder of a public Canvas export, or skip the test if there is none.

    EDML_CANVAS names it; the default is next to the checkout.
    """
    folder = Path(os.environ.get("EDML_CANVAS", _DATA / "lms" / "canvas"))
    if not (folder / "courses.jsonl").exists():
        pytest.skip("needs a Canvas export: set EDML_CANVAS to its folder")
    return folder


@pytest.fixture(scope="session")
def _tried():
    return set()


@pytest.fixture
def try_each_model_once(monkeypatch, _tried):
    """Try the same model file in a process with limits once, which takes seconds."""
    from edml.registry import _sandbox  # noqa: PLC0415 - some sessions lack skops

    try_model = _sandbox._try_model

    def try_once(data, record, trusted):
        key = sha256(data).digest()
        if key not in _tried:
            try_model(data, record, trusted)
            _tried.add(key)

    monkeypatch.setattr(_sandbox, "_try_model", try_once)


@pytest.fixture(scope="session")
def _s3():
    with serve_s3() as store, pytest.MonkeyPatch.context() as patch:
        for name, value in store.environ().items():
            patch.setenv(name, value)
        store.files.mkdir(BUCKET)
        yield store


@pytest.fixture
def store(_s3, monkeypatch):
    """Return an empty bucket of a real S3 server, by HTTP."""
    for name, value in _s3.environ().items():
        monkeypatch.setenv(name, value)
    forget_stores()
    _s3.clear()
    yield _s3
    forget_stores()
