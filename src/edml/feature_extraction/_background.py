"""Work that goes on beside the main thread, where it is worth a thread."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self


class Background:
    """Runs jobs one after another in a thread of its own, in the order given.

    It is for numpy's work on large arrays, which lets go of the interpreter and
    is bound by memory. Leaving the context waits for all jobs, and raises what
    the first that failed has raised.

    Parameters
    ----------
    worth_it : bool
        Whether to use a thread at all; else each job runs at once.
    """

    def __init__(self, worth_it: bool) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1) if worth_it else None
        self._jobs: list[Future[Any]] = []

    def __call__(self, job: Callable[..., Any], *args: Any) -> None:
        """Run ``job`` now or soon."""
        if self._pool is None:
            job(*args)
        else:
            self._jobs.append(self._pool.submit(job, *args))

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
        self._pool.shutdown(wait=True, cancel_futures=error is not None)
        if error is None:
            for job in self._jobs:
                job.result()
