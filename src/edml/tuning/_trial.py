"""One candidate, evaluated: half of the folds, and the others if it is promising."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from edml._sklearn import safe_indexing
from edml.classifier._checks import check_scores
from edml.classifier._prepared import Prepared
from edml.classifier._training import Training, prepare_training, raw_scores
from edml.exceptions import EdmlError
from edml.pipeline import split_per_history
from edml.schema import FloatArray
from edml.tuning._algorithms import Algorithm
from edml.tuning._clock import Limit, OutOfTimeError
from edml.tuning._growing import Path, grow, probability_at
from edml.tuning._material import Fold, Material, read_matrix
from edml.tuning._scoring import FlagRule, Scorer
from edml.tuning._spaces import CHECKPOINTS, PATIENCE


@dataclass
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
    number : int
        From 0, in the order of evaluation.
    algorithm : Algorithm
        Whose candidate it is.
    params : dict
        The point of the space.
    started : float
        Seconds since the search began.
    status : str
        "evaluated", "dropped" (after half of the folds), "stopped" (too slow) or
        "failed".
    scores : list of float
        By fold, where all folds were evaluated.
    score : float
        Their mean; NaN where not all were evaluated.
    estimate : float
        The score, or what half of the folds let expect; NaN where it failed.
    roc_auc : float
        Mean ROC AUC over the folds, which is less noisy than most scores.
    screened : list of float
        By fold, on the screened rows.
    n_trees : int or None
        How many trees were best.
    probabilities : list of ndarray or None
        Out-of-fold probabilities, by fold; only of the best candidates.
    fit_time, score_time : float
        Seconds, summed over folds.
    wall_time : float
        Seconds that evaluating it took.
    error : str
        What went wrong.
    """

    number: int
    algorithm: Algorithm
    params: dict[str, Any]
    started: float = 0.0
    status: str = "failed"
    scores: list[float] = field(default_factory=list)
    score: float = float("nan")
    estimate: float = float("nan")
    roc_auc: float = float("nan")
    screened: list[float] = field(default_factory=list)
    n_trees: int | None = None
    probabilities: list[FloatArray] | None = None
    fit_time: float = 0.0
    score_time: float = 0.0
    wall_time: float = 0.0
    error: str = ""

    def pipeline(self) -> Any:
        """Give its pipeline, not fitted."""
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
    n_jobs : int or None
        Folds that are evaluated at a time, in threads that share the table.
    """

    def __init__(
        self,
        material: Material,
        scorer: Scorer,
        flags: FlagRule,
        n_jobs: int | None,
    ) -> None:
        self.material = material
        self.scorer = scorer
        self._flags = flags
        self._n_jobs = n_jobs
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
        fit = self._fitter(trial, limit)
        fits = self._fit(trial, fit, folds[:half])
        trial.screened = _at_best(fits)[1]
        if len(folds) > half:
            if not promising(trial.screened):
                trial.status = "dropped"
                return
            fits += self._fit(trial, fit, folds[half:])
        best, trial.screened = _at_best(fits)
        trial.n_trees = best or None
        start = perf_counter()
        probabilities = self._parallel(delayed(fit.predict)(best) for fit in fits)
        tests = [fold.test for fold in folds]
        lengths = [len(test) for test in tests]
        check_scores(
            np.concatenate(probabilities), np.repeat(np.arange(len(tests)), lengths)
        )
        scores = self.scorer.folds(tests, probabilities, self._flags)
        trial.score_time += perf_counter() - start
        if not np.isfinite(scores).all():
            message = "the scorer gave NaN or infinity"
            raise ValueError(message)
        trial.scores, trial.score = scores, float(np.mean(scores))
        trial.probabilities = probabilities
        trial.roc_auc = self.scorer.mean_roc_auc(tests, probabilities)
        trial.status = "evaluated"

    def _fitter(self, trial: Trial, limit: Limit) -> Callable[[Fold], FoldFit]:
        """Give what fits a fold, with all that its folds share done once."""
        if trial.algorithm.own:
            # each fold has a pipeline of its own: its steps are fitted in place
            return lambda fold: self._grow(trial, trial.pipeline(), fold, limit)
        start = perf_counter()
        own = self._prepare(trial.pipeline())
        training = prepare_training(own.rest, own.ready, own.fails, None)
        trial.fit_time += perf_counter() - start
        return lambda fold: self._fit_any(own, training, fold, limit)

    def _fit(
        self, trial: Trial, fit: Callable[[Fold], FoldFit], folds: list[Fold]
    ) -> list[FoldFit]:
        fits: list[FoldFit] = self._parallel(delayed(fit)(fold) for fold in folds)
        trial.fit_time += sum(fit.fit_time for fit in fits)
        return fits

    def _parallel(self, tasks: Any) -> list[Any]:
        # Threads share the table; the fits leave Python's lock to each other.
        return list(Parallel(n_jobs=self._n_jobs, prefer="threads")(tasks))

    def _grow(self, trial: Trial, pipeline: Any, fold: Fold, limit: Limit) -> FoldFit:
        """Fit one of edml's own algorithms on the matrix of features."""
        start = perf_counter()
        steps, material = dict(pipeline.steps), self.material
        rows = material.train_rows(fold, trial.params.get("snapshots__every", 1))
        y = material.fails[rows]
        if len(np.unique(y)) < 2:
            message = f"the {len(y)} training rows of a fold hold one class"
            raise ValueError(message)
        X, screen = material.rows(rows), material.rows(fold.screen)
        imputer = steps.get("impute", "passthrough")
        if imputer != "passthrough":
            X, screen = imputer.fit_transform(X), imputer.transform(screen)
        if steps["balance"] != "passthrough":
            limit.check()
            if not material.events and imputer == "passthrough":
                X = safe_indexing(material.prepared.X, rows)  # mixes whole numbers so
            X, y = steps["balance"].fit_resample(X, y)
            X = read_matrix(X)
        name = trial.algorithm.name
        path = Path(
            CHECKPOINTS[name],
            PATIENCE[name],
            lambda given: self.scorer.screen(fold.screen, given),
            limit,
        )
        fitted = grow(steps["classify"], X, y, screen, path)

        def predict(n_trees: int) -> FloatArray:
            units = material.rows(fold.test)
            if imputer != "passthrough":
                units = imputer.transform(units)
            return probability_at(fitted, units, n_trees)

        return FoldFit(path.scores, predict, perf_counter() - start)

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
        path = {0: self.scorer.screen(fold.test, probability)}
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

    text = str(error)
    if not isinstance(error, EdmlError):
        text = re.sub(r"'([^']*)'", hide, text)
    return f"{type(error).__name__}: {text}"


def _at_best(fits: list[FoldFit]) -> tuple[int, list[float]]:
    """Give the number of trees that is best over the folds, and their scores."""
    common = sorted(set.intersection(*(set(fit.path) for fit in fits)))
    means = [float(np.mean([fit.path[n] for fit in fits])) for n in common]
    if not np.isfinite(means).all():
        message = "the scorer gave NaN or infinity"
        raise ValueError(message)
    best = common[int(np.argmax(means))]
    return best, [fit.path[best] for fit in fits]
