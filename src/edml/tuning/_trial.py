"""One candidate, evaluated: half of the folds, and the others if it is promising."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from edml._sklearn import safe_indexing
from edml.classifier._checks import check_scores
from edml.classifier._prepared import Prepared
from edml.classifier._training import Training, prepare_training, raw_scores
from edml.pipeline import split_per_history
from edml.pipeline._blend import blend_pipelines, mean_probability
from edml.schema import FloatArray, IntArray
from edml.tuning._algorithms import Algorithm
from edml.tuning._clock import Limit, OutOfTimeError
from edml.tuning._fold import FoldJob, Grown, fit_fold, rows_of
from edml.tuning._material import Fold, Material
from edml.tuning._scoring import FlagRule, Scorer
from edml.tuning._spaces import CHECKPOINTS, PATIENCE
from edml.tuning._workers import FoldError, Workers

#: Bytes of features below which Python's own work makes up much of a fit, so that
#: threads would wait for each other (benchmarks/bench_tuning.py).
_SMALL = 16e6


@dataclass(frozen=True)
class FoldFit:
    """What one fold of a candidate gave.

    Attributes
    ----------
    path : dict of int to float
        Score of the screened rows by number of trees; by 0 where none are counted.
    predict : callable
        Gives the probability of failing of the fold's units by so many trees.
    fit_time : float
        Seconds.
    """

    path: dict[int, float]
    predict: Callable[[int], FloatArray]
    fit_time: float


@dataclass
class Trial:
    """A candidate, and what came of it.

    Attributes
    ----------
    algorithm : Algorithm
        Whose candidate it is.
    params : dict
        The point of the space.
    of_trees : int or None
        How many trees it has; None where that is read off the fits.
    refines : int or None
        The number of the candidate whose model it is again, of more and finer trees.
    members : list of Trial
        The candidates whose mean it is; empty of a single one.
    number : int
        From 0, in the order of evaluation.
    started : float
        Seconds since the search began.
    status : str
        "evaluated", "dropped" (after half of the folds), "stopped" (too slow) or
        "failed".
    scores : list of float
        By fold, where all folds were evaluated; each with as many trees as were best
        over the others.
    score : float
        Their mean; NaN where not all were evaluated.
    estimate : float
        The score, or what half of the folds let expect; NaN where it failed.
    roc_auc : float
        Mean ROC AUC over the folds.
    screened : list of float
        By fold, on the screened rows.
    n_trees : int or None
        How many trees it has.
    probabilities : list of ndarray or None
        Out-of-fold probabilities, by fold; only of the best candidates.
    judged : list of ndarray or None
        Those that were scored, of as many trees as were best over the other folds;
        likewise.
    fit_time, score_time : float
        Seconds, summed over folds.
    wall_time : float
        Seconds that evaluating it took.
    error : str
        What went wrong.
    """

    algorithm: Algorithm
    params: dict[str, Any]
    of_trees: int | None = None
    refines: int | None = None
    members: "list[Trial]" = field(default_factory=list)
    number: int = -1
    started: float = 0.0
    status: str = "failed"
    scores: list[float] = field(default_factory=list)
    score: float = float("nan")
    estimate: float = float("nan")
    roc_auc: float = float("nan")
    screened: list[float] = field(default_factory=list)
    n_trees: int | None = None
    probabilities: list[FloatArray] | None = None
    judged: list[FloatArray] | None = None
    fit_time: float = 0.0
    score_time: float = 0.0
    wall_time: float = 0.0
    error: str = ""

    def refined(self) -> "Trial | None":
        """Give the same model of more and finer trees, if there is one.

        What came with its number of trees stays as it is.
        """
        if self.of_trees is not None or self.members:
            return None
        finer = self.algorithm.refine(self.params, self.n_trees)
        if finer is None:
            return None
        return Trial(self.algorithm, *finer, refines=self.number)

    def pipeline(self) -> Any:
        """Give its pipeline, not fitted."""
        if self.members:
            members = [member.pipeline() for member in self.members]
            return blend_pipelines(members, self.algorithm.scale)
        return self.algorithm.configure(self.params, self.n_trees)


class Evaluator:
    """Evaluates candidates on the folds of one table.

    Parameters
    ----------
    material : Material
        What all candidates share.
    scorer : Scorer
        How they are scored.
    flags : FlagRule
        How candidates flag, where flags are judged.
    workers : Workers
        Run folds side by side.
    """

    def __init__(
        self, material: Material, scorer: Scorer, flags: FlagRule, workers: Workers
    ) -> None:
        self.material = material
        self.scorer = scorer
        self._flags = flags
        self._workers = workers
        self._prepared: dict[str, Prepared] = {}  # one table at a time

    def evaluate(
        self, trial: Trial, limit: Limit, promising: Callable[[list[float]], bool]
    ) -> None:
        """Fill in a trial; an error of its own fits is recorded, and not raised.

        Parameters
        ----------
        trial : Trial
            The candidate.
        limit : Limit
            When to stop its fits.
        promising : callable
            Whether scores of the first half of the folds merit the second half.
        """
        start = perf_counter()
        try:
            if trial.members:
                self._blend(trial)
            else:
                self._evaluate(trial, limit, promising)
        except OutOfTimeError as error:
            took = perf_counter() - start
            trial.status, trial.error = "stopped", f"{error} after {took:.1f} s"
        except Exception as error:  # whatever a classifier raises
            trial.status = "failed"
            trial.error = _describe(error, trial)
        trial.wall_time = perf_counter() - start

    def _evaluate(
        self, trial: Trial, limit: Limit, promising: Callable[[list[float]], bool]
    ) -> None:
        folds = self.material.folds
        half = (len(folds) + 1) // 2
        fit = self._fit_own if trial.algorithm.own else self._fitter(trial)
        fits = fit(trial, folds[:half], limit)
        trial.screened = _at_best(fits)[1]
        if len(folds) > half:
            if not promising(trial.screened):
                trial.status = "dropped"
                return
            fits += fit(trial, folds[half:], limit)
        best, trial.screened = _at_best(fits)
        trial.n_trees = best or None
        start = perf_counter()
        probabilities = self._predict_all(trial, fits, [best] * len(fits))
        tests = [fold.test for fold in folds]
        lengths = [len(test) for test in tests]
        check_scores(
            np.concatenate(probabilities), np.repeat(np.arange(len(tests)), lengths)
        )
        others = _best_of_others(fits)
        judged = probabilities
        if others != [best] * len(fits):
            judged = self._predict_all(trial, fits, others)
        trial.probabilities, trial.judged = probabilities, judged
        self._score(trial, tests)
        trial.score_time += perf_counter() - start
        trial.status = "evaluated"

    def _score(self, trial: Trial, tests: list[IntArray]) -> None:
        judged = trial.judged or []
        scores = self.scorer.folds(tests, judged, self._flags)
        if not np.isfinite(scores).all():
            message = "the scorer gave NaN or infinity"
            raise ValueError(message)
        trial.scores, trial.score = scores, float(np.mean(scores))
        trial.roc_auc = self.scorer.mean_roc_auc(tests, judged)

    def _blend(self, trial: Trial) -> None:
        """Take the mean of what the members gave; nothing is fitted."""
        start = perf_counter()
        scale = trial.algorithm.scale

        def mean(kind: str) -> list[FloatArray]:
            by_fold = zip(*(getattr(m, kind) for m in trial.members), strict=True)
            return [mean_probability(each, scale) for each in by_fold]

        trial.probabilities, trial.judged = mean("probabilities"), mean("judged")
        self._score(trial, [fold.test for fold in self.material.folds])
        trial.score_time = perf_counter() - start
        trial.status = "evaluated"

    def _predict_all(
        self, trial: Trial, fits: list[FoldFit], n_trees: list[int]
    ) -> list[FloatArray]:
        if not self._threads_help(trial.algorithm):
            return [fit.predict(n) for fit, n in zip(fits, n_trees, strict=True)]
        tasks = [(fit.predict, (n,)) for fit, n in zip(fits, n_trees, strict=True)]
        return self._workers.in_threads(tasks)

    def _fit_own(self, trial: Trial, folds: list[Fold], limit: Limit) -> list[FoldFit]:
        """Fit one of edml's own algorithms on the matrix of features."""
        tasks = [(fit_fold, (self._job(trial, fold, limit),)) for fold in folds]
        if self._threads_help(trial.algorithm):
            done = self._workers.in_threads(tasks)
        else:
            done = self._workers.in_processes(tasks)
        trial.fit_time += sum(grown.fit_time for grown in done)
        return [
            FoldFit(grown.path, partial(self._predict, grown, fold), grown.fit_time)
            for grown, fold in zip(done, folds, strict=True)
        ]

    def _threads_help(self, algorithm: Algorithm) -> bool:
        """Tell whether its fits leave Python to each other; forests never do.

        Forests in threads also reset each other's filters of warnings.
        """
        if not algorithm.own or algorithm.name == "random_forest":
            return False
        return self.material.matrix.nbytes >= _SMALL

    def _job(self, trial: Trial, fold: Fold, limit: Limit) -> FoldJob:
        material, pipeline, name = self.material, trial.pipeline(), trial.algorithm.name
        train = material.train_rows(fold, trial.params.get("snapshots__every", 1))
        balanced = dict(pipeline.steps)["balance"] != "passthrough"
        rows_too = balanced and not material.events
        return FoldJob(
            CHECKPOINTS[name] if trial.of_trees is None else (trial.of_trees,),
            PATIENCE[name],
            pipeline,
            material.matrix,
            train,
            material.fails[train],
            safe_indexing(material.prepared.X, train) if rows_too else None,
            fold.screen,
            self.scorer.judge(fold.screen),
            limit,
        )

    def _predict(self, grown: Grown, fold: Fold, n_trees: int) -> FloatArray:
        return grown.predict(rows_of(self.material.matrix, fold.test), n_trees)

    def _fitter(
        self, trial: Trial
    ) -> Callable[[Trial, list[Fold], Limit], list[FoldFit]]:
        """Give what fits folds of a user's pipeline, all that they share done once."""
        start = perf_counter()
        own = self._prepare(trial.pipeline())
        training = prepare_training(own.rest, own.ready, own.fails, None)
        trial.fit_time += perf_counter() - start

        def fit(trial: Trial, folds: list[Fold], limit: Limit) -> list[FoldFit]:
            tasks = [(self._fit_any, (own, training, fold, limit)) for fold in folds]
            done: list[FoldFit] = self._workers.in_threads(tasks)
            trial.fit_time += sum(fit.fit_time for fit in done)
            return done

        return fit

    def _fit_any(
        self, own: Prepared, training: Training, fold: Fold, limit: Limit
    ) -> FoldFit:
        """Fit a user's pipeline as `RiskClassifier` does."""
        limit.check()
        start = perf_counter()
        fitted = training.fit(fold.train)
        shown, ready = fold.test, own.ready
        students = own.units.students
        if own.front is None and own.units.events and students is not None:
            # what is not described yet is shown with all of its history
            shown = np.flatnonzero(np.isin(students, students[fold.test]))
        given = raw_scores(fitted, safe_indexing(ready, shown))
        probability = given[np.searchsorted(shown, fold.test)]
        path = {0: self.scorer.judge(fold.test)(probability)}
        return FoldFit(path, lambda _: probability, perf_counter() - start)

    def _prepare(self, pipeline: Any) -> Prepared:
        """Describe the histories, once for all candidates of the same steps."""
        front, rest = split_per_history(pipeline)
        key = "" if front is None else repr(front.get_params())
        if key not in self._prepared:
            self._prepared = {key: self.material.prepared.of(pipeline)}
        return replace(self._prepared[key], estimator=pipeline, rest=rest)


def _describe(error: Exception, trial: Trial) -> str:
    """Tell an error without the values that it may quote from the table."""
    known = {str(value) for value in trial.params.values()}
    for name in trial.algorithm.pipeline.get_params():
        known |= {name, *name.split("__")}

    def hide(quoted: re.Match[str]) -> str:
        return quoted[0] if quoted[1] in known else "'...'"

    if not isinstance(error, FoldError):
        error = FoldError.of(error)
    text = error.text if error.own else re.sub(r"'([^']*)'", hide, error.text)
    return f"{error.kind}: {text}"


def _at_best(fits: list[FoldFit]) -> tuple[int, list[float]]:
    """Give the number of trees that is best over the folds, and their scores."""
    counts, scores = _paths(fits)
    best = int(np.argmax(scores.mean(axis=0)))
    return counts[best], scores[:, best].tolist()


def _best_of_others(fits: list[FoldFit]) -> list[int]:
    """Give for each fold the number of trees that is best over the other folds.

    A fold that had a say in its own number would flatter the candidate, and most so
    where there are many numbers to choose from.
    """
    counts, scores = _paths(fits)
    if len(fits) == 1:
        return [counts[int(np.argmax(scores[0]))]]
    others = scores.sum(axis=0) - scores
    return [counts[place] for place in others.argmax(axis=1)]


def _paths(fits: list[FoldFit]) -> tuple[list[int], FloatArray]:
    """Give the numbers of trees that all folds reached, and the scores by fold."""
    counts = sorted(set.intersection(*(set(fit.path) for fit in fits)))
    scores = np.array([[fit.path[n] for n in counts] for fit in fits])
    if not np.isfinite(scores).all():
        message = "the scorer gave NaN or infinity"
        raise ValueError(message)
    return counts, scores
