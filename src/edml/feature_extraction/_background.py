"""Work that goes on beside the main thread, where it is worth a thread."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self


class Background:
    """Runs jobs that do not depend on each other in a thread beside this one.

    It is for numpy's work on large arrays, which lets go of the interpreter.
    Leaving the context takes over half of what is left, waits for the rest, and
    raises what the first job that failed has raised.

    Parameters
    ----------
    worth_it : bool
        Whether to use a thread at all; else each job runs at once.
    """

    def __init__(self, worth_it: bool) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1) if worth_it else None
        self._jobs: list[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def __call__(self, job: Callable[..., Any], *args: Any) -> None:
        """Run ``job`` now or soon."""
        if self._pool is None:
            job(*args)
        else:
            self._jobs.append((self._pool.submit(job, *args), job, args))

    def __enter__(self) -> Self:
        """Give the object itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the jobs; where the main thread failed, drop those not begun."""
        if self._pool is None:
            return
        if error is None:
            for future, job, args in reversed(self._jobs):
                if not future.cancel():  # the other thread has come this far
                    break
                job(*args)
        self._pool.shutdown(wait=True, cancel_futures=True)
        if error is None:
            for future, _, _ in self._jobs:
                if not future.cancelled():
                    future.result()
