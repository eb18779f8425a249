"""Models that are not trusted are loaded in a limited process first."""

import pytest

from edml.exceptions import RegistryError
from edml.registry import ModelRegistry, _sandbox
from model_files import X, fitted

pytestmark = pytest.mark.skipif(_sandbox.resource is None, reason="no limits here")

IMPORTS = _sandbox._START.replace("_sandbox.answer_trial(head)", "")
ANSWER = "print(json.dumps({'problem': problem}))"


@pytest.fixture
def registry(tmp_path):
    registry = ModelRegistry(tmp_path, untrusted=True)
    registry.register(fitted("logistic"))
    return registry


@pytest.mark.parametrize(
    ("start", "found"),
    [
        ("import os; os.abort()", r"\(SIGABRT\)"),
        ("import os; os.kill(os.getpid(), 11)", r"\(SIGSEGV\)"),
        ("raise SystemExit(3)", r"\(exit status 3\)"),
        ("print('[' * 10**6)", r"\(exit status 0\)"),
        ("print('[]')", r"\(exit status 0\)"),
        ("import time; time.sleep(60)", r"\(more than 1 seconds of work\)"),
        ("import sys; sys.stdin.close(); raise SystemExit(4)", "exit status 4"),
    ],
)
def test_a_model_that_ends_its_process_is_not_loaded(
    registry, monkeypatch, start, found
):
    monkeypatch.setattr(_sandbox, "_START", start)
    monkeypatch.setattr(_sandbox, "_WALL_SECONDS", 20 if "exit" in found else 10)
    if "seconds" in found:
        monkeypatch.setattr(_sandbox, "_WALL_SECONDS", 1)
    with pytest.raises(RegistryError, match=found):
        registry.load(1)


def test_a_system_without_limits_loads_no_untrusted_model(registry, monkeypatch):
    monkeypatch.setattr(_sandbox, "resource", None)
    with pytest.raises(RegistryError, match="found Windows"):
        registry.load(1)


@pytest.mark.slow
def test_an_untrusted_model_that_answers_is_loaded(registry):
    model = registry.load(1)
    assert (model.predict_proba(X) == fitted("logistic").predict_proba(X)).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        ("open('FOLDER/written', 'wb', buffering=0).write(b'a')", "OSError"),
        ("bytearray(2 * 10**9)", "MemoryError"),
        ("[open('/dev/null') for _ in range(20)]", "OSError"),
        ("__import__('os').environ['HOME']", "KeyError"),
    ],
)
def test_the_process_is_limited(registry, tmp_path, monkeypatch, attempt, error):
    attempt = attempt.replace("FOLDER", str(tmp_path))
    code = (
        f"{IMPORTS}\nproblem = None\n_sandbox._limit(0)\n"
        f"try: {attempt}\nexcept BaseException as e: problem = type(e).__name__\n"
        f"{ANSWER}"
    )
    monkeypatch.setattr(_sandbox, "_START", code)
    with pytest.raises(RegistryError, match=error):
        registry.load(1)


@pytest.mark.slow
def test_an_endless_computation_ends(registry, monkeypatch):
    monkeypatch.setattr(
        _sandbox,
        "_START",
        f"{IMPORTS}\n_sandbox._CPU_SECONDS = 1\n_sandbox._limit(0)\nwhile True: pass",
    )
    with pytest.raises(RegistryError, match=r"SIGXCPU|SIGKILL"):
        registry.load(1)
