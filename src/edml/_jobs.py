"""Jobs that two threads share, where a table is large enough for it."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")

_WORTH_A_THREAD = 50_000  # rows


class Jobs:
    """Runs jobs that do not depend on each other in two threads, this one and another.

    It is for the work of numpy and Arrow on large arrays, which lets go of the
    interpreter. The other thread takes the jobs in their order; this one takes those
    that are left from the last one on when the context ends, or earlier the one whose
    result is asked for. At the end all are done, or the first that failed raises.

    Parameters
    ----------
    n_rows : int
        Rows of the table. Where they are few, each job runs at once.

    Examples
    --------
    >>> with Jobs(n_rows=100_000) as jobs:
    ...     total = jobs(sum, [1, 2])
    ...     largest = jobs(max, [1, 2])
    >>> total(), largest()
    (3, 2)
    """

    def __init__(self, n_rows: int) -> None:
        worth_it = n_rows >= _WORTH_A_THREAD
        self._pool = ThreadPoolExecutor(max_workers=1) if worth_it else None
        self._jobs: list[_Job[Any]] = []

    def __call__(self, work: Callable[..., T], *args: Any) -> Callable[[], T]:
        """Take a job; give a function that waits for its result."""
        if self._pool is None:
            value = work(*args)
            return lambda: value
        job = _Job(partial(work, *args))
        self._jobs.append(job)
        self._pool.submit(job.run)
        return job.result

    def __enter__(self) -> Self:
        """Give the object itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do what is left; where this thread failed, drop what is not begun."""
        if self._pool is None:
            return
        if error is None:
            for job in reversed(self._jobs):
                job.run()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if error is None:
            for job in self._jobs:
                job.result()


class _Job(Generic[T]):
    """Work that is done once, by the thread that comes first."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._claim = Lock()
        self._outcome: Future[T] = Future()

    def run(self) -> None:
        """Do the work, unless a thread has begun it."""
        if not self._claim.acquire(blocking=False):
            return
        try:
            self._outcome.set_result(self._work())
        except BaseException as error:
            self._outcome.set_exception(error)

    def result(self) -> T:
        """Give what came of the work, or raise what stopped it."""
        self.run()
        return self._outcome.result()
