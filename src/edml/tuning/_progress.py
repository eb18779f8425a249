"""What is shown while the search goes on."""

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from edml.tuning._clock import Clock
from edml.tuning._trial import Trial


class SearchProgress:
    """A bar on stderr, or in a notebook; nothing where ``verbose`` is 0.

    Parameters
    ----------
    verbose : int
        0 shows nothing, 1 a bar, 2 also a line for each candidate.
    clock : Clock
        The time of the search.
    n_iter : int or None
        How many candidates there will be at most.
    """

    def __init__(self, verbose: int, clock: Clock, n_iter: int | None) -> None:
        self._verbose = verbose
        self._clock = clock
        self._n_iter = n_iter
        self._n_done = 0
        self._best: Trial | None = None
        # of no height where it is silent, and markup: an algorithm may be named [x]
        console = Console(stderr=True, markup=False, highlight=False)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=verbose < 1,
            transient=False,
        )

    def __enter__(self) -> Self:
        if self._verbose:  # starting it would end a line, even where it is silent
            self._progress.start()
        self._task = self._progress.add_task("searching", total=1.0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._verbose:
            self._progress.stop()

    def report(self, trial: Trial) -> None:
        """Show a trial that is done."""
        self._n_done += 1
        if trial.status == "evaluated" and (
            self._best is None or trial.score > self._best.score
        ):
            self._best = trial
        if self._verbose >= 2:
            self._progress.console.print(_line(trial), style="dim")
        what = ", refining the best" if trial.refines is not None else ""
        if trial.members:
            what = ", blending the best"
        self._show(f"{self._n_done} candidates{what}")

    def refit(self, number: int, n_candidates: int) -> None:
        """Show that a candidate is being refitted."""
        self._show(f"refitting {number} of {n_candidates}")

    def _show(self, what: str) -> None:
        parts: list[Any] = [what]
        if self._best is not None:
            parts += [f"best search score {self._best.score:.4f}"]
            parts += [self._best.algorithm.name]
        if self._clock.timeout is not None:
            parts += [f"{max(0.0, self._clock.left):.0f} s left"]
        self._progress.update(
            self._task, description=" · ".join(parts), completed=self._share()
        )

    def _share(self) -> float:
        shares = []
        if self._n_iter is not None:
            shares.append(self._n_done / self._n_iter)
        if self._clock.timeout is not None:
            shares.append(self._clock.spent / self._clock.timeout)
        return min(1.0, max(shares, default=0.0))


def _line(trial: Trial) -> str:
    outcome = f"{trial.score:.4f}" if trial.status == "evaluated" else trial.status
    return (
        f"{trial.number:4d}  {outcome:>9}  {trial.wall_time:6.2f} s  "
        f"{trial.algorithm.name}  {_remark(trial)}"
    )


def _remark(trial: Trial) -> str:
    said = "" if trial.refines is None else f"refines {trial.refines}"
    if trial.members:
        said = f"blends {', '.join(str(member.number) for member in trial.members)}"
    return trial.error[:120] or said
