"""Folds side by side: in threads that share the table, or in processes."""

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from sklearn.utils.parallel import Parallel, delayed

from edml.exceptions import EdmlError
from edml.tuning._clock import OutOfTimeError

Task = tuple[Callable[..., Any], tuple[Any, ...]]


class FoldError(Exception):
    """What went wrong in a fold, as text: it may come from another process.

    Parameters
    ----------
    kind : str
        The name of the error's class.
    text : str
        What it said.
    own : bool
        Whether edml raised it, whose messages quote no values.
    """

    def __init__(self, kind: str, text: str, own: bool) -> None:
        super().__init__(kind, text, own)
        self.kind = kind
        self.text = text
        self.own = own

    @classmethod
    def of(cls, error: Exception) -> Self:
        """Put an error into text."""
        return cls(type(error).__name__, str(error), isinstance(error, EdmlError))


class Workers:
    """Runs the folds of a candidate side by side.

    Processes are started when they are first needed, and kept until the end.

    Parameters
    ----------
    n_jobs : int or None
        How many folds at a time.
    """

    def __init__(self, n_jobs: int | None) -> None:
        self._n_jobs = n_jobs
        self._processes: Parallel | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def in_threads(self, tasks: Iterable[Task]) -> list[Any]:
        """Run tasks in threads, which share all memory.

        Parameters
        ----------
        tasks : iterable of (callable, arguments)
            What to run.

        Returns
        -------
        results : list
            In the order of the tasks.

        Raises
        ------
        FoldError, OutOfTimeError
            The first of the tasks' errors, when all have ended.
        """
        threads = Parallel(n_jobs=self._n_jobs, prefer="threads")
        return _read(threads(delayed(_attempt)(*task) for task in tasks))

    def in_processes(self, tasks: Iterable[Task]) -> list[Any]:
        """Run tasks in processes, which do not wait for each other's Python.

        Parameters, results and errors are as of `in_threads`; all are pickled on
        the way. Large arrays are laid on disk once, and read by all.
        """
        if self._processes is None:
            self._processes = Parallel(n_jobs=self._n_jobs).__enter__()
        try:
            done = self._processes(delayed(_attempt)(*task) for task in tasks)
        except BaseException:
            self._close()  # a process may have died: the next tasks get new ones
            raise
        return _read(done)

    def _close(self) -> None:
        if self._processes is not None:
            self._processes.__exit__(None, None, None)
            self._processes = None


def _attempt(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Give the result or the error: one that is raised would end the other folds."""
    try:
        return function(*arguments)
    except OutOfTimeError as error:
        return error
    except Exception as error:  # whatever a classifier or a scorer raises
        return FoldError.of(error)


def _read(results: Iterable[Any]) -> list[Any]:
    read = list(results)
    for result in read:
        if isinstance(result, Exception):
            raise result
    return read
