"""The search over all algorithms: one `BayesSearchCV` after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np

from edml.classifier import Prepared, RiskClassifier
from edml.tuning._algorithms import Algorithm
from edml.tuning._bayes import (
    Evaluation,
    NoScoreError,
    RecordedSearch,
    count_points,
    make_search,
)
from edml.tuning._candidates import (
    Candidate,
    by_score,
    describe_error,
    describe_no_score,
    refit_time,
)
from edml.tuning._data import SearchData, SearchScorer

_FOR_OTHERS = 0.2  # of the timeout: to fit the candidates after the best one
_UNBOUNDED = 1_000_000  # candidates, where time or a score ends the search


@dataclass(frozen=True)
class StoppingRules:
    """What ends a search, and which models are fitted afterwards.

    ``start`` is the instant of `time.monotonic` at which the fit began.
    """

    n_iter: int | None
    timeout: float | None
    target_score: float | None
    min_score: float | None
    n_candidates: int
    start: float

    def check(self) -> None:
        """Raise ValueError unless something bounds the search."""
        for name in ("target_score", "min_score"):
            if np.isnan(getattr(self, name) or 0.0):
                message = f"{name} is NaN, which no score reaches. Pass a number."
                raise ValueError(message)
        if self.n_iter is None and self.timeout is None and self.target_score is None:
            message = (
                "Nothing bounds the search: n_iter, timeout and target_score are None. "
                "Set one of them."
            )
            raise ValueError(message)

    @property
    def spent(self) -> float:
        """Seconds since the fit began."""
        return monotonic() - self.start

    @property
    def left(self) -> float:
        """Seconds left, refits included; infinite without a timeout."""
        return float("inf") if self.timeout is None else self.timeout - self.spent


class Search:
    """The candidates of all algorithms.

    ``report`` is called with each candidate when it is done, and returns whether to
    end the search there.
    """

    def __init__(
        self,
        algorithms: Sequence[Algorithm],
        prepared: Prepared,
        scorer: SearchScorer,
        rules: StoppingRules,
        report: Callable[[Candidate], bool],
    ) -> None:
        self.candidates: list[Candidate] = []
        self.interrupted = False
        self._algorithms = list(algorithms)
        self._prepared = prepared
        self._scorer = scorer
        self.rules = rules
        self._report = report
        self._is_over = False

    @property
    def best(self) -> list[Candidate]:
        """The candidates with a score, best first."""
        return by_score(self.candidates)

    @property
    def good(self) -> list[Candidate]:
        """Those that reach ``min_score``, best first."""
        least = self.rules.min_score
        return [one for one in self.best if least is None or one.score >= least]

    def row(self, candidate: Candidate) -> dict[str, Any]:
        """Return what a callback gets of a candidate."""
        best = self.best[0].score if self.best else float("nan")
        return {
            "number": candidate.number,
            **candidate.row(best),
            "fold_scores": list(candidate.evaluation.scores),
        }

    def run(self, n_jobs: int | None, random_state: int) -> None:
        """Search each algorithm within its share of the candidates and the time.

        Raise ValueError where no candidate has a score.
        """
        n_left = self.rules.n_iter
        for place, algorithm in enumerate(self._algorithms):
            n_algorithms = len(self._algorithms) - place
            n_iter = _UNBOUNDED if n_left is None else -(-n_left // n_algorithms)
            # until one has a score, the next algorithm may be faster than those so far
            is_late = self._is_late(self.best and self.candidates)
            if self._is_over or n_iter == 0 or is_late or self.rules.left <= 0:
                break
            before = len(self.candidates)
            try:
                data = SearchData.of(self._prepared, algorithm)
            except Exception as error:  # whatever a user's transformer raises
                self._add(algorithm, Evaluation({}, monotonic(), 0.0, error=error))
            else:
                search = make_search(
                    data.estimator,
                    algorithm.space,
                    algorithm.first,
                    random_state,
                    n_iter=n_iter,
                    scoring=self._scorer,
                    n_jobs=n_jobs,
                    cv=data.splits,
                )
                end = self.rules.spent + self._time_to_search() / n_algorithms
                self._run_one(algorithm, search, data, end)
            if n_left is not None:
                n_left -= len(self.candidates) - before
        if not self.best:
            raise ValueError(describe_no_score(self.candidates))

    def fit_best(
        self,
        fit_model: Callable[[Candidate], RiskClassifier],
        report: Callable[[int, int], None],
    ) -> Iterator[tuple[Candidate, RiskClassifier]]:
        """Yield the best candidates with their models, as far as time allows.

        ``report`` is called with the number of the next model, and of all.
        """
        n_fitted, n_models = 0, min(len(self.good), self.rules.n_candidates)
        for candidate in self.good:
            if n_fitted == n_models or (n_fitted and self.interrupted):
                return
            if n_fitted and candidate.refit_time > self.rules.left:
                continue  # one that takes less time may still fit in
            report(n_fitted + 1, n_models)
            try:
                model = fit_model(candidate)
            except KeyboardInterrupt:
                if not n_fitted:
                    raise
                self.interrupted = True
            except Exception as error:  # whatever a classifier raises on all rows
                self.candidates[candidate.number] = replace(
                    candidate, refit_error=describe_error(error, candidate)
                )
            else:
                n_fitted += 1
                yield candidate, model

    def _run_one(
        self, algorithm: Algorithm, search: RecordedSearch, data: SearchData, end: float
    ) -> None:
        """Run one algorithm's search; ``end`` is in seconds since the fit began."""
        n_points, before = count_points(algorithm.space), len(self.candidates)

        def is_done(_: object) -> bool:
            known = len(self.candidates) - before
            for evaluation in search.evaluations_[known:]:
                self._add(algorithm, evaluation)
            self._set_deadline()
            own = self.candidates[before:]
            exhausted = len(own) >= n_points
            return self._is_over or exhausted or self._is_late(own, end)

        self._set_deadline()
        try:
            search.fit(data.X, data.y, callback=[is_done])
        except NoScoreError:
            return
        except KeyboardInterrupt:
            if not self.best:
                raise
            self.interrupted = True
        self.interrupted = self.interrupted or search.interrupted_
        self._is_over = self._is_over or self.interrupted

    def _add(self, algorithm: Algorithm, evaluation: Evaluation) -> None:
        number = len(self.candidates)
        started = evaluation.started - self.rules.start
        candidate = Candidate(number, algorithm, evaluation, started)
        self.candidates.append(candidate)
        target = self.rules.target_score
        reached = target is not None and candidate.score >= target
        self._is_over = self._report(candidate) or reached or self._is_over

    def _is_late(self, like: Sequence[Candidate], end: float = float("inf")) -> bool:
        """Whether another candidate like these would take too long."""
        if self.rules.timeout is None or not like:
            return False
        usual = float(np.median([one.evaluation.wall_time for one in like]))
        return usual > min(end - self.rules.spent, self._longest())

    def _time_to_search(self) -> float:
        """Return the seconds left, without those that the last fits will take."""
        timeout = self.rules.timeout
        if timeout is None:
            return float("inf")
        costs = [one.refit_time for one in self.best[: self.rules.n_candidates]]
        # the best one is fitted in any case, the others within a share of the time
        others = min(sum(costs[1:]), _FOR_OTHERS * timeout)
        return self.rules.left - sum(costs[:1]) - others

    def _longest(self) -> float:
        """Return the seconds for the next candidate, which may be the best."""
        again = refit_time(1.0, 1.0, len(self._prepared.plan.splits))
        return min(self._time_to_search(), self.rules.left / (1 + again))

    def _set_deadline(self) -> None:
        self._scorer.deadline = monotonic() + self._longest()
