"""The search: which algorithm comes next, with what, and when to stop."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from edml.tuning._algorithms import Algorithm
from edml.tuning._bayes import Params, Proposer
from edml.tuning._choosing import N_COMPARED, by_score, choose, lag, rank
from edml.tuning._clock import Clock, Limit
from edml.tuning._trial import Evaluator, Trial

_LEAST_WEIGHT = 0.05  # of an algorithm that is far behind
_N_BEFORE_JUDGING = 6  # candidates of an algorithm, before it may be far behind
_N_BEFORE_DROPPING = 4  # full evaluations, from which to learn how halves mislead
_DROP_AT = 2.0  # standard deviations below the best
_LONGEST_TRIAL = 0.2  # of the whole time
_FOR_A_BLEND = 0.1  # of the whole time, to fit its members on everything
_DAYS = "snapshots__every"  # the parameter that members of a blend share
_REFINING = 5  # of so many candidates, or seconds, the last one is for refining


Given = tuple[Algorithm, Params, int | None]


@dataclass(frozen=True)
class Stops:
    """What ends a search.

    Attributes
    ----------
    n_iter : int or None
        Candidates.
    target_score : float or None
        A score to reach.
    n_candidates : int
        For whose refits time is kept back.
    n_blended : int
        Candidates of which a blend is the mean.
    """

    n_iter: int | None
    target_score: float | None
    n_candidates: int
    n_blended: int


class Search:
    """The candidates of all algorithms, and the budget between them.

    Parameters
    ----------
    algorithms : list of Algorithm
        What is searched over.
    evaluator : Evaluator
        Scores a candidate.
    clock : Clock
        The time.
    stops : Stops
        What else ends it.
    random_state : int
        Rules all that is drawn.
    report : callable
        Told each trial when it is done; whether to end the search there.

    Attributes
    ----------
    trials : list of Trial
        In the order of evaluation.
    interrupted : bool
        Whether Ctrl-C ended it.
    """

    def __init__(
        self,
        algorithms: list[Algorithm],
        evaluator: Evaluator,
        clock: Clock,
        stops: Stops,
        random_state: int,
        report: Callable[[Trial], bool],
    ) -> None:
        self.arms = [
            _Arm(algorithm, Proposer(algorithm.space, random_state))
            for algorithm in algorithms
        ]
        self.trials: list[Trial] = []
        self.interrupted = False
        self._n_ranked, self._ranked = 0, list[Trial]()
        self._evaluator = evaluator
        self._clock = clock
        self._stops = stops
        self._report = report

    @property
    def evaluated(self) -> list[Trial]:
        """The trials with a score, best first; of equal ones the earlier."""
        return by_score(self.trials)

    @property
    def ranked(self) -> list[Trial]:
        """The trials with a score, in the order in which they are chosen."""
        if len(self.trials) != self._n_ranked:  # asked for often
            self._n_ranked, self._ranked = len(self.trials), rank(self.trials)
        return self._ranked

    def run(self, given: Iterable[Given] = ()) -> None:
        """Evaluate candidates until something ends the search.

        Parameters
        ----------
        given : iterable of (Algorithm, dict, int or None)
            What the user wants to be evaluated first: points, and how many trees,
            where that is not read off the fits.

        Raises
        ------
        KeyboardInterrupt
            If it comes before any candidate was evaluated.
        """
        try:
            for trial in self._candidates(given):
                if self._evaluate(trial):
                    return
                if self._is_over():
                    break
            for trial in self._blends():
                if self._evaluate(trial):
                    return
        except KeyboardInterrupt:
            if not self.evaluated:
                raise
            self.interrupted = True

    def _candidates(self, given: Iterable[Given]) -> Iterable[Trial]:
        for algorithm, params, of_trees in given:
            trees = {} if of_trees is None else {"classify__n_estimators": of_trees}
            if self._arms[algorithm.name].proposer.take(params | trees):
                yield Trial(algorithm, params, of_trees)
        rounds = max((len(arm.algorithm.first) for arm in self.arms), default=0)
        for number in range(rounds):
            for arm in sorted(self.arms, key=lambda arm: arm.is_slow):
                first = arm.algorithm.first[number : number + 1]
                if first and arm.proposer.take(first[0]):
                    yield Trial(arm.algorithm, first[0])
        while True:
            refined = self._next_refined()
            if refined is not None:
                yield refined
                continue
            left = self._clock.left - self._reserve()
            arms = [arm for arm in self.arms if arm.may_go_on(left)]
            if not arms:
                return
            arm = self._next_arm(arms)
            proposed = arm.proposer.ask()
            if proposed is None:
                arm.exhausted = True
                continue
            yield Trial(arm.algorithm, proposed)

    def _evaluate(self, trial: Trial) -> bool:
        """Evaluate a candidate; whether that ends the search."""
        trial.number, trial.started = len(self.trials), self._clock.spent
        limit = self._limit()
        new = trial.refines is None and not trial.members
        try:
            self._evaluator.evaluate(trial, limit, self._is_promising if new else _yes)
        except KeyboardInterrupt:
            limit.cancel()  # folds may go on in threads
            raise
        self.trials.append(trial)
        trial.estimate = self._estimate(trial)
        if new:  # a refined one or a blend is no point of the space
            arm = self._arm_of(trial)
            arm.trials.append(trial)
            self._tell(arm, trial)
        self._forget()
        return self._report(trial)

    def _next_refined(self) -> Trial | None:
        """Give the best trial that is not refined yet, refined, once it is late."""
        if not self._is_late():
            return None
        done = {trial.refines for trial in self.trials}
        for trial in self._best_coarse():
            refined = trial.refined()
            if refined is None or trial.number in done:
                continue
            if self._time_to_refine(trial, refined) <= self._clock.left:
                return refined
        return None

    def _time_to_refine(self, trial: Trial, refined: Trial) -> float:
        """Give the seconds that it takes at most, its refit included."""
        # its fits grew at least as many trees as were best
        longer = (refined.of_trees or 1) / (trial.n_trees or 1)
        return longer * (trial.wall_time + self.refit_time(trial))

    def _best_coarse(self) -> list[Trial]:
        coarse = rank([trial for trial in self.trials if trial.refines is None])
        return choose(coarse, self._stops.n_candidates, None)

    def _blends(self) -> list[Trial]:
        """Give the mean of the best candidates of each algorithm, best first.

        As many as there is room for: of few candidates, none.
        """
        n_iter, blends = self._stops.n_iter, []
        ranked = [trial for trial in self.ranked if not trial.members]
        for algorithm in {t.algorithm.name: t.algorithm for t in ranked}.values():
            members = self._members(algorithm)
            if len(members) > 1:
                days = {k: v for k, v in members[0].params.items() if k == _DAYS}
                blends.append(Trial(algorithm, days, members=members))
        return blends if n_iter is None else blends[: n_iter // _REFINING // 2]

    def _members(self, algorithm: Algorithm) -> list[Trial]:
        """Give the best of an algorithm that train on the same days.

        No more than can be fitted on everything in a tenth of the time.
        """
        best = [trial for trial in self.ranked if trial.algorithm is algorithm]
        best = [trial for trial in best if not trial.members and trial.probabilities]
        if not (best and algorithm.own):
            return best[:1]
        days = best[0].params.get(_DAYS)
        alike = [trial for trial in best if trial.params.get(_DAYS) == days]
        chosen = alike[: self._stops.n_blended]
        if self._clock.timeout is not None:
            costs = np.cumsum([self.refit_time(trial) for trial in chosen])
            n_paid = int(np.sum(costs <= _FOR_A_BLEND * self._clock.timeout))
            chosen = chosen[: max(1, n_paid)]
        return chosen

    def _is_late(self) -> bool:
        n_iter, timeout = self._stops.n_iter, self._clock.timeout
        if n_iter is not None:
            n_late = min(self._stops.n_candidates, n_iter // _REFINING)
            if len(self.trials) >= n_iter - n_late:
                return True
        return timeout is not None and self._clock.left <= timeout / _REFINING

    def _limit(self) -> Limit:
        timeout = self._clock.timeout
        if timeout is None:
            return Limit()
        left = self._clock.left - self._reserve()
        if self.evaluated:
            left = min(left, _LONGEST_TRIAL * timeout)
        return self._clock.limit(left)

    def _reserve(self) -> float:
        """Give the seconds that refitting the candidates takes, about."""
        best = self.ranked[: self._stops.n_candidates]
        if not best:
            return 0.0
        costs = [self.refit_time(trial) for trial in best]
        costs[0] = sum(map(self.refit_time, self._members(best[0].algorithm)))
        timeout = self._clock.timeout or 0.0
        # the best one is refitted in any case, the others within a share
        return costs[0] + min(sum(costs[1:]), 0.1 * timeout)

    def refit_time(self, trial: Trial) -> float:
        """Give the seconds that fitting a trial on everything takes, about."""
        if trial.members:
            return sum(map(self.refit_time, trial.members))
        n_folds = len(self._evaluator.material.folds)
        return 1.2 * trial.fit_time / max(1, n_folds - 1)

    def _is_over(self) -> bool:
        n_iter, target = self._stops.n_iter, self._stops.target_score
        if n_iter is not None and len(self.trials) >= n_iter - len(self._blends()):
            return True
        if target is not None and any(t.score >= target for t in self.ranked[:1]):
            return True
        return self._clock.left <= self._reserve()

    def _is_promising(self, screened: list[float]) -> bool:
        """Tell whether half of the folds leave hope to beat the best.

        By how far the half misled before, in the difference to the best.
        """
        evaluated = self.evaluated
        if len(evaluated) < _N_BEFORE_DROPPING:
            return True
        best = np.array(evaluated[0].screened)
        half = len(screened)
        others = evaluated[1 : 1 + N_COMPARED]
        differences = [np.array(trial.screened) - best for trial in others]
        misled = [float(d.mean() - d[:half].mean()) for d in differences]
        spread = float(np.sqrt(np.mean(np.square(misled))))
        return float(np.mean(screened) - best[:half].mean()) >= -_DROP_AT * spread

    def _estimate(self, trial: Trial) -> float:
        """Give its score, or what half of the folds let expect."""
        if trial.status != "dropped":
            return trial.score
        best, half = self.evaluated[0], len(trial.screened)
        lost = np.mean(best.screened[:half]) - np.mean(trial.screened)
        return best.score - float(lost)

    def _tell(self, arm: "_Arm", trial: Trial) -> None:
        """Let the surrogate learn from it, and penalise what failed."""
        if not np.isnan(trial.estimate):
            arm.proposer.tell(trial.params, trial.estimate)
        else:
            arm.untold.append(trial)
        known = [t.estimate for t in arm.trials if not np.isnan(t.estimate)]
        if not known:
            return  # no scale yet to penalise by
        worst = min(known) - (max(known) - min(known)) / 2
        for failed in arm.untold:
            arm.proposer.tell(failed.params, worst)
        arm.untold.clear()

    def _next_arm(self, arms: list["_Arm"]) -> "_Arm":
        """Give the turn to whom it is due most, by what each has shown."""
        timed = self._clock.timeout is not None
        scored = by_score([trial for trial in self.trials if trial.refines is None])
        best = scored[0] if scored else None

        def due(arm: _Arm) -> float:
            cost = arm.usual_time + 1e-3 if timed else 1.0
            return arm.weight(best) / (cost * (len(arm.trials) + 1))

        return max(arms, key=due)

    def _forget(self) -> None:
        """Keep out-of-fold probabilities of those alone that may be refitted."""
        n = self._stops.n_candidates
        ranked = self.ranked
        kept = {trial.number for trial in [*ranked[: 2 * n], *self.evaluated[: 2 * n]]}
        kept |= {trial.number for trial in choose(ranked, n, None)}
        kept |= {trial.number for trial in self._best_coarse()}
        kept |= {arm.best.number for arm in self.arms if arm.best is not None}
        kept |= {t.number for arm in self.arms for t in self._members(arm.algorithm)}
        for trial in self.trials:
            if trial.number not in kept:
                trial.probabilities = trial.judged = None

    def _arm_of(self, trial: Trial) -> "_Arm":
        return self._arms[trial.algorithm.name]

    @property
    def _arms(self) -> dict[str, "_Arm"]:
        return {arm.algorithm.name: arm for arm in self.arms}


def _yes(_: list[float]) -> bool:
    return True


class _Arm:
    """An algorithm, and what it has shown."""

    def __init__(self, algorithm: Algorithm, proposer: Proposer) -> None:
        self.algorithm = algorithm
        self.proposer = proposer
        self.trials: list[Trial] = []
        self.untold: list[Trial] = []
        self.exhausted = False

    @property
    def is_slow(self) -> bool:
        return self.algorithm.name == "random_forest"

    @property
    def best(self) -> Trial | None:
        return next(iter(by_score(self.trials)), None)

    @property
    def usual_time(self) -> float:
        """Seconds that a candidate takes."""
        return float(np.median([t.wall_time for t in self.trials] or [0.0]))

    def may_go_on(self, left: float) -> bool:
        """Tell whether it has another candidate, likely to end in so many seconds."""
        return not self.exhausted and self.usual_time <= left

    def weight(self, best: Trial | None) -> float:
        """Give the share of the budget that it deserves, in (0, 1]."""
        own = self.best
        if own is None or best is None:
            return 1.0 if len(self.trials) < _N_BEFORE_JUDGING else _LEAST_WEIGHT
        behind = lag(own, best)
        n_scored = sum(not np.isnan(trial.estimate) for trial in self.trials)
        if n_scored < _N_BEFORE_JUDGING:
            behind = min(behind, 1.0)  # it has shown little, and folds are noisy
        return max(_LEAST_WEIGHT, float(np.exp(-behind)))
