"""Models that are not trusted are loaded in a limited process first."""

import ctypes
import os
import socket
import sys

import pytest

from edml.exceptions import RegistryError
from edml.registry import ModelRegistry, _sandbox
from edml.registry._landlock import read_only_from
from model_files import MAKERS, X, fitted

pytestmark = pytest.mark.skipif(_sandbox.resource is None, reason="no limits here")

IMPORTS = _sandbox._START.replace("_sandbox.answer_trial(head)", "")
ANSWER = "print(json.dumps({'problem': problem}))"


#: Landlock's version; from 6 on it knows connections and signals.
VERSION = 0
if sys.platform == "linux":
    VERSION = ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1)


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
@pytest.mark.parametrize("name", MAKERS)
def test_an_untrusted_model_that_answers_is_loaded(registry, name):
    if name != "logistic":  # which is there
        registry.register(fitted(name))
    model = registry.load("latest")
    assert (model.predict_proba(X) == fitted(name).predict_proba(X)).all()


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
    only = "_sandbox.read_only_from = id"  # as on a system without Landlock
    assert found_in_the_process(registry, monkeypatch, attempt, only) == error


def found_in_the_process(registry, monkeypatch, attempt, first="pass"):
    """Return the error of some code in a limited process, or "none"."""
    code = (
        f"{IMPORTS}\nproblem = 'none'\n{first}\n_sandbox._limit(0)\n"
        f"try: {attempt}\nexcept BaseException as e: problem = type(e).__name__\n"
        f"{ANSWER}"
    )
    monkeypatch.setattr(_sandbox, "_START", code)
    with pytest.raises(RegistryError, match=r"^\w") as raised:
        registry.load(1)
    return str(raised.value)


@pytest.mark.slow
@pytest.mark.skipif(VERSION < 6, reason="needs Landlock")
@pytest.mark.parametrize(
    "attempt",
    [
        "open('/etc/passwd')",
        "open('FOLDER/secret.key')",
        "open('/proc/self/environ')",
        "open('FOLDER/new', 'x')",
        "__import__('os').mkdir('FOLDER/new')",
        "__import__('os').remove('FOLDER/secret.key')",
        "__import__('os').truncate('FOLDER/secret.key', 0)",
        "__import__('os').rename('FOLDER/secret.key', 'FOLDER/b')",
        "__import__('os').listdir('FOLDER')",
        "__import__('os').execv('/bin/sh', ['sh', '-c', 'true'])",
        "__import__('socket').create_connection(('127.0.0.1', PORT))",
        "__import__('os').kill(PARENT, 0)",
    ],
)
def test_the_process_sees_no_file_and_no_network(
    registry, tmp_path, monkeypatch, attempt
):
    (tmp_path / "secret.key").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        for name, value in (
            ("FOLDER", tmp_path),
            ("PORT", server.getsockname()[1]),
            ("PARENT", os.getpid()),
        ):
            attempt = attempt.replace(name, str(value))
        found = found_in_the_process(registry, monkeypatch, attempt)
    assert found == "PermissionError"


@pytest.mark.slow
def test_libraries_are_imported_late(registry, monkeypatch):
    attempt = "import wsgiref.simple_server, scipy.signal, edml.tracking"
    assert found_in_the_process(registry, monkeypatch, attempt) == "none"


@pytest.mark.slow
def test_no_thread_of_the_process_began_before_its_limits(registry, monkeypatch):
    code = _sandbox._START.replace(
        "_sandbox.answer_trial(head)",
        "_sandbox.read_only_from = lambda folders: print(json.dumps({'problem': "
        "str(len(__import__('os').listdir('/proc/self/task')))})) "
        "or sys.stdout.flush() or __import__('os')._exit(0); "
        "_sandbox.answer_trial(head)",
    )
    monkeypatch.setattr(_sandbox, "_START", code)
    with pytest.raises(RegistryError, match=r"^1$"):
        registry.load(1)


def test_a_system_without_landlock_goes_on(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not read_only_from(["/usr"])


@pytest.mark.slow
def test_an_endless_computation_ends(registry, monkeypatch):
    monkeypatch.setattr(
        _sandbox,
        "_START",
        f"{IMPORTS}\n_sandbox._CPU_SECONDS = 1\n_sandbox._limit(0)\nwhile True: pass",
    )
    with pytest.raises(RegistryError, match=r"SIGXCPU|SIGKILL"):
        registry.load(1)
