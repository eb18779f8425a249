"""The candidates of a search, and the tables that users see of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from edml.exceptions import EdmlError
from edml.tuning._algorithms import Algorithm
from edml.tuning._bayes import Evaluation, OutOfTimeError, Params


@dataclass(frozen=True)
class Candidate:
    """A point of an algorithm's space, and what came of it.

    ``started`` is in seconds since the fit began. ``refit_error`` says why the model
    could not be fitted in the end.
    """

    number: int
    algorithm: Algorithm
    evaluation: Evaluation
    started: float
    refit_error: str = ""

    @property
    def status(self) -> str:
        """What came of it: "evaluated", "stopped" (out of time) or "failed"."""
        if self.evaluation.scores:
            return "evaluated"
        stopped = isinstance(self.evaluation.error, OutOfTimeError)
        return "stopped" if stopped else "failed"

    @property
    def score(self) -> float:
        """The mean over the folds; NaN without a score."""
        scores = self.evaluation.scores
        return float(np.mean(scores)) if scores else float("nan")

    @cached_property
    def params(self) -> Params:
        """The algorithm and its parameters, fit for ``warm_start``."""
        return self.algorithm.describe(self.evaluation.params)

    @property
    def refit_time(self) -> float:
        """Seconds that fitting the model will take, about."""
        times = self.evaluation.wall_time, self.evaluation.fit_time
        return refit_time(*times, len(self.evaluation.scores))

    @property
    def error(self) -> str:
        """The class and the text of its error."""
        error = self.evaluation.error
        if isinstance(error, OutOfTimeError):
            return f"stopped after {self.evaluation.wall_time:.1f} s"
        if error is not None:
            return describe_error(error, self)
        return self.refit_error

    def row(self, best_score: float) -> dict[str, Any]:
        """Return its row of ``history_``; see `ModelTuner`."""
        return {
            "algorithm": self.algorithm.name,
            "status": self.status,
            "score": self.score,
            "best_score": best_score,
            "started": self.started,
            "wall_time": self.evaluation.wall_time,
            "fit_time": self.evaluation.fit_time,
            "score_time": self.evaluation.score_time,
            "params": dict(self.params),
            "error": self.error,
        }


def refit_time(wall_time: float, fit_time: float, n_folds: int) -> float:
    """Return the seconds for the folds once more, and for all rows."""
    return 1.1 * (wall_time + fit_time / max(1, n_folds - 1))


def describe_error(error: Exception, candidate: Candidate) -> str:
    """Return the class and text of an error, without values quoted from the table."""
    known = {str(value) for value in candidate.params.values()}
    for name in candidate.algorithm.pipeline.get_params():
        known |= {name, *name.split("__")}

    def hide(quoted: re.Match[str]) -> str:
        return quoted[0] if quoted[1] in known else "'...'"

    text = str(error)
    if not isinstance(error, EdmlError):
        text = re.sub(r"'([^']*)'", hide, text)
    return f"{type(error).__name__}: {text}"


def describe_failed(candidates: Sequence[Candidate]) -> str:
    """Return a warning of evaluations that failed; "" where none did."""
    failed = [one for one in candidates if one.status == "failed"]
    return _quote_first(failed, f"{len(failed)} of {len(candidates)} candidates failed")


def describe_unfitted(candidates: Sequence[Candidate]) -> str:
    """Return a warning of models that could not be fitted; "" where all could."""
    unfitted = [one for one in candidates if one.refit_error]
    what = f"{len(unfitted)} of the best candidates could not be fitted on all rows"
    return _quote_first(unfitted, what)


def _quote_first(failed: Sequence[Candidate], what: str) -> str:
    if not failed:
        return ""
    name, error = failed[0].algorithm.name, failed[0].error
    return f"{what}; history_ holds their errors. The first, of {name!r}: {error}"


def describe_no_score(candidates: Sequence[Candidate]) -> str:
    """Return why a search without any score has none."""
    failed = [one for one in candidates if one.status == "failed"]
    if failed:
        return (
            f"All {len(candidates)} candidates failed or were stopped. The first "
            f"error, of {failed[0].algorithm.name!r}: {failed[0].error}"
        )
    return (
        f"No candidate could be evaluated in the time given ({len(candidates)} were "
        "stopped). Raise timeout, or name faster algorithms."
    )


def by_score(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return those with a score, best first; of equal ones the earlier."""
    scored = [one for one in candidates if one.status == "evaluated"]
    return sorted(scored, key=lambda one: (-one.score, one.number))


def make_history(candidates: Sequence[Candidate]) -> pd.DataFrame:
    """Return a table of one row per candidate, in the order of evaluation."""
    scores = np.array([one.score for one in candidates])
    best = np.fmax.accumulate(scores)
    return pd.DataFrame(
        [one.row(float(top)) for one, top in zip(candidates, best, strict=True)]
    )


def make_cv_results(candidates: Sequence[Candidate], n_folds: int) -> dict[str, Any]:
    """Return the results in the form of scikit-learn's searches."""
    missing = (np.nan,) * n_folds
    splits = np.array([one.evaluation.scores or missing for one in candidates])
    params = [one.params for one in candidates]
    results: dict[str, Any] = {
        name: np.array([getattr(one.evaluation, time) for one in candidates]) / n_folds
        for name, time in (
            ("mean_fit_time", "fit_time"),
            ("mean_score_time", "score_time"),
        )
    }
    results["params"] = params
    results["status"] = np.array([one.status for one in candidates], dtype=object)
    for name in sorted({name for point in params for name in point}):
        results[f"param_{name}"] = np.ma.MaskedArray(
            [point.get(name) for point in params],
            mask=[name not in point for point in params],
            dtype=object,
        )
    for fold in range(n_folds):
        results[f"split{fold}_test_score"] = splits[:, fold]
    mean = results["mean_test_score"] = splits.mean(axis=1)
    results["std_test_score"] = splits.std(axis=1)
    rank = pd.Series(-mean).rank(method="min", na_option="bottom")
    results["rank_test_score"] = rank.to_numpy(dtype=np.int32)
    return results
