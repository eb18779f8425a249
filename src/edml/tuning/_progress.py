"""The progress bar of a search."""

from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from edml.tuning._candidates import Candidate
from edml.tuning._search import StoppingRules


class SearchProgress:
    """A bar on stderr, or in a notebook: 0 shows nothing, 2 also each candidate."""

    def __init__(self, verbose: int, rules: StoppingRules) -> None:
        self._verbose = verbose
        self._rules = rules
        self._n_done = 0
        self._best: Candidate | None = None
        # without markup: an algorithm may be named [x]
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

    def __exit__(self, *_: object) -> None:
        if self._verbose:
            self._progress.stop()

    def report(self, candidate: Candidate) -> None:
        """Show a candidate that is done."""
        self._n_done += 1
        if candidate.status == "evaluated" and (
            self._best is None or candidate.score > self._best.score
        ):
            self._best = candidate
        if self._verbose >= 2:
            self._progress.console.print(_line(candidate), style="dim")
        self._show(f"{self._n_done} candidates")

    def refit(self, number: int, n_candidates: int) -> None:
        """Show that a candidate is fitted on all rows."""
        self._show(f"fitting model {number} of {n_candidates}")

    def _show(self, what: str) -> None:
        parts = [what]
        if self._best is not None:
            best = f"best search score {self._best.score:.4f}"
            parts += [best, self._best.algorithm.name]
        if self._rules.timeout is not None:
            parts += [f"{max(0.0, self._rules.left):.0f} s left"]
        self._progress.update(
            self._task, description=" · ".join(parts), completed=self._share()
        )

    def _share(self) -> float:
        shares = []
        if self._rules.n_iter is not None:
            shares.append(self._n_done / self._rules.n_iter)
        if self._rules.timeout is not None:
            shares.append(self._rules.spent / self._rules.timeout)
        return min(1.0, max(shares, default=0.0))


def _line(candidate: Candidate) -> str:
    outcome = candidate.status
    if outcome == "evaluated":
        outcome = f"{candidate.score:.4f}"
    return (
        f"{candidate.number:4d}  {outcome:>9}  {candidate.evaluation.wall_time:6.2f} s"
        f"  {candidate.algorithm.name}  {candidate.error[:120]}"
    )
