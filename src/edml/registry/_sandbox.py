"""Load a stored model, one that is not trusted in a process with limits first.

The process is a fresh interpreter, so it knows no key and has no open file. It gets the
model through a pipe, may write no file, and has bounded memory and time. On Linux it
may read the libraries only, and connect to nothing. Whatever a file does to a parser
happens there; only a model that answers there is loaded here.
"""

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from edml.exceptions import RegistryError
from edml.registry import _model_file, _types
from edml.registry._golden import answers_of, check_answers
from edml.registry._landlock import read_only_from
from edml.registry._record import ModelRecord

try:
    import resource
except ImportError:  # on Windows
    resource = None  # type: ignore[assignment]

#: Memory for each byte of the file, and beyond what the imported libraries take.
_MEMORY_RATIO = 50
_MEMORY_BYTES = 256 * 2**20
_CPU_SECONDS = 60  # and one more for each megabyte
_WALL_SECONDS = 300
_OPEN_FILES = 16
_LONGEST_ANSWER = 4000

_START = (
    "import json, sys; head = json.loads(sys.stdin.buffer.readline()); "
    "sys.path[:] = head['path']; from edml.registry import _sandbox; "
    "_sandbox.answer_trial(head)"
)
_ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "LANG": "C.UTF-8",
    # a thread of pyarrow that begins before the limits would not have them
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
_PACKAGE = Path(__file__).parents[1]
#: Folders of libraries, which may import parts of themselves late; no file of a user is
#: in them.
_READABLE = (sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", _PACKAGE)


def load_model(
    data: bytes,
    record: ModelRecord,
    *,
    trusted: Sequence[str] = (),
    untrusted: bool = False,
) -> Any:
    """Return the model of a file, after comparing its answers with the record's."""
    if untrusted:
        _try_model(data, record, trusted)
    model = _model_file.loads(data, trusted=trusted)
    check_answers(model, record)
    return model


def _try_model(data: bytes, record: ModelRecord, trusted: Sequence[str]) -> None:
    """Load a model and ask it in a separate process; raise if that fails."""
    if resource is None:
        raise RegistryError(
            "Expected a system that can limit the memory of a process, such as Linux "
            "or macOS, to load an untrusted model; found Windows. Load it there, or "
            "sign the registry and leave untrusted=True out."
        )
    head = {
        "path": [str(Path(folder).resolve()) for folder in sys.path],
        "record": record.to_dict(),
        "trusted": list(trusted),
    }
    with subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-I", "-c", _START],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    ) as child:
        try:
            answer, _ = child.communicate(
                json.dumps(head).encode() + b"\n" + data, _WALL_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise _ended(f"more than {_WALL_SECONDS} seconds of work") from None
        finally:
            with suppress(ProcessLookupError):  # whatever it started ends, too
                os.killpg(child.pid, signal.SIGKILL)
    if child.returncode < 0:
        raise _ended(signal.Signals(-child.returncode).name)
    try:
        problem = json.loads(answer[:_LONGEST_ANSWER])["problem"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _ended(f"exit status {child.returncode}") from None
    if problem is not None:
        raise RegistryError(str(problem))


def answer_trial(head: dict[str, Any]) -> None:
    """Do the work of the process: load, ask, and print a problem or null."""
    record = ModelRecord.from_dict(head["record"])
    # libraries take more memory than most models, and others' folders are not readable
    for name in _types.OBJECTS | {*head["trusted"]}:
        with suppress(Exception):
            import_module(name.rpartition(".")[0])
    data = sys.stdin.buffer.read()
    _limit(len(data))
    problem = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the caller's process warns
        try:
            model = _model_file.loads(data, trusted=head["trusted"])
            check_answers(model, record)
            if record.answers is None:
                answers_of(model)  # a crash shows here
        except RegistryError as error:
            problem = str(error)[: _LONGEST_ANSWER // 8]
    sys.stdout.write(json.dumps({"problem": problem}))
    sys.stdout.flush()
    os._exit(0)


def _limit(size: int) -> None:
    """Limit this process's memory, time, files and connections, for good."""
    memory = _memory() + _MEMORY_BYTES + _MEMORY_RATIO * size
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime + _CPU_SECONDS + size / 2**20
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        _, hard = resource.getrlimit(limit)
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (least, least))
    read_only_from(_READABLE)


def _memory() -> int:
    """Return the addresses that this process has mapped, in bytes."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:  # not on macOS, which counts resident memory
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize()


def _ended(how: str) -> RegistryError:
    return RegistryError(
        "Expected a model that loads in a process with limited memory, time and files; "
        f"found that it ends that process ({how}). Do not load it: find out who wrote "
        "it, or restore the file from a backup."
    )
