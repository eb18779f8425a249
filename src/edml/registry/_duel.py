"""What decides a contest: the same rows, and the same resamples, for all models."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_scalar

from edml.exceptions import RegistryError
from edml.inspection import Evaluation, evaluate
from edml.inspection._judged import Judged, judge
from edml.metrics import bootstrap_metrics, percentile_interval
from edml.registry._record import DEFAULT_THRESHOLD, FIGURES
from edml.schema import BoolArray, FloatArray, IntArray

#: Figures of which less is better.
LOSSES = ("brier", "log_loss", "calibration_error")
METHODS = ("bootstrap", "plain")


@dataclass(frozen=True)
class Rules:
    """How a contest is decided.

    Attributes
    ----------
    metric : str
        A headline figure.
    min_gain : float
        What the gain must exceed.
    confidence : float
        Of all intervals together.
    method : {"bootstrap", "plain"}
        What must exceed it: the lower end of the interval, or the gain itself.
    n_resamples : int
        How often students are drawn.
    random_state : int
        Draws them.
    """

    metric: str
    min_gain: float
    confidence: float
    method: str
    n_resamples: int
    random_state: int

    def __post_init__(self) -> None:
        """Check them, before any model is loaded."""
        for name, known in (("metric", FIGURES), ("method", METHODS)):
            found = getattr(self, name)
            if found not in known:
                message = (
                    f"Expected {name} to be one of {', '.join(known)}; found "
                    f"{found!r}. Choose one of them."
                )
                raise RegistryError(message)
        # The two models must be judged on the same draws: only an int repeats them.
        check_scalar(self.random_state, "random_state", Integral)
        check_scalar(self.n_resamples, "n_resamples", Integral, min_val=1)
        check_scalar(self.min_gain, "min_gain", Real, min_val=0)
        check_scalar(
            self.confidence,
            "confidence",
            Real,
            min_val=0,
            max_val=1,
            include_boundaries="neither",
        )

    @property
    def sign(self) -> int:
        """1 where more of the metric is better, else -1."""
        return -1 if self.metric in LOSSES else 1


class Contestant:
    """A model with its answers for the rows of a contest, asked for once.

    Parameters
    ----------
    model : classifier
        A stored model.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The rows.
    y : array-like of shape (n_rows,)
        Their outcomes.
    rules : Rules
        How the contest is decided.
    """

    def __init__(self, model: Any, X: Any, y: ArrayLike, rules: Rules) -> None:
        answered = Answered(model, X)
        self.threshold = answered.threshold_
        self.judged = judge(answered, X, y, None)
        self.evaluation: Evaluation = evaluate(
            answered,
            X,
            y,
            confidence=rules.confidence,
            n_resamples=rules.n_resamples,
            random_state=rules.random_state,
        )
        self.figure = self.evaluation.metrics[rules.metric]

    def draw(self, rules: Rules) -> FloatArray:
        """Give the metric in resamples that are the same for all contestants.

        Parameters
        ----------
        rules : Rules
            How the contest is decided.

        Returns
        -------
        draws : ndarray of shape (n_resamples,)
            The metric in each.
        """
        fails, probability, clusters = _in_row_order(self.judged)
        draws = bootstrap_metrics(
            fails,
            probability,
            clusters,
            threshold=self.threshold,
            metrics=[rules.metric],
            n_resamples=rules.n_resamples,
            random_state=rules.random_state,
        )
        found: FloatArray = draws[rules.metric].to_numpy()
        return found


class Answered:
    """A model that has answered already, so that features are made once.

    Parameters
    ----------
    model : classifier
        Fitted.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The rows.
    """

    def __init__(self, model: Any, X: Any) -> None:
        self.pipeline_ = getattr(model, "pipeline_", model)  # names its columns
        self.classes_: NDArray[Any] = model.classes_
        self.threshold_ = float(getattr(model, "threshold_", DEFAULT_THRESHOLD))
        self.answer = model.predict_proba(X)

    def predict_proba(self, X: Any) -> Any:
        """Give the answer, whatever is asked.

        Parameters
        ----------
        X : object
            Ignored.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, 2)
            Those of the rows.
        """
        return self.answer


def decide(
    contestants: Mapping[int, Contestant],
    champion: int | None,
    rules: Rules,
) -> dict[str, Any]:
    """Let the best candidate meet the champion.

    Parameters
    ----------
    contestants : mapping of int to Contestant
        The candidates and the champion, judged on the same rows.
    champion : int or None
        Which of them is the champion.
    rules : Rules
        How it is decided.

    Returns
    -------
    decision : dict
        Fields of a Contest: figures, gains, intervals, challenger, winner and why.

    Raises
    ------
    RegistryError
        If the metric cannot be told of a contestant on these rows.
    """
    figures = {version: one.figure for version, one in contestants.items()}
    unknown = [version for version, figure in figures.items() if np.isnan(figure)]
    if unknown:
        message = (
            f"Expected rows on which {rules.metric} can be told; found that it is "
            f"undefined for version {unknown[0]}. Give rows of students who fail and "
            "of students who pass."
        )
        raise RegistryError(message)
    candidates = [version for version in contestants if version != champion]
    # of equals the first, which is the better one by validation
    challenger = max(candidates, key=lambda version: rules.sign * figures[version])
    if champion is None:
        return {
            "figures": figures,
            "gains": {},
            "intervals": {},
            "challenger": challenger,
            "winner": challenger,
            "why": f"Version {challenger} is the best candidate by {rules.metric} "
            f"({figures[challenger]:.4g}), and there was no champion to beat.",
        }
    gains = {v: rules.sign * (figures[v] - figures[champion]) for v in candidates}
    intervals = _intervals(contestants, champion, candidates, rules)
    low, high = intervals[challenger]
    gain = gains[challenger]
    wins = bool((low if rules.method == "bootstrap" else gain) > rules.min_gain)
    sure = (
        f", interval [{low:+.4g}, {high:+.4g}]" if rules.method == "bootstrap" else ""
    )
    why = (
        f"Version {challenger} gains {gain:+.4g} in {rules.metric} over the champion "
        f"{champion} ({figures[challenger]:.4g}, {figures[champion]:.4g}{sure}); "
        f"{'that' if rules.method == 'plain' else 'the lower end'} is "
        f"{'above' if wins else 'not above'} {rules.min_gain:g}."
    )
    return {
        "figures": figures,
        "gains": gains,
        "intervals": intervals,
        "challenger": challenger,
        "winner": challenger if wins else champion,
        "why": why,
    }


def _intervals(
    contestants: Mapping[int, Contestant],
    champion: int,
    candidates: list[int],
    rules: Rules,
) -> dict[int, tuple[float, float]]:
    if rules.method == "plain":
        return dict.fromkeys(candidates, (np.nan, np.nan))
    # The best of several is found on the same rows on which it must win, so each
    # interval leaves out its share of the doubt (Bonferroni): an equal model wins no
    # more often for having been entered several times.
    confidence = 1 - (1 - rules.confidence) / len(candidates)
    base = contestants[champion].draw(rules)
    return {
        version: percentile_interval(
            rules.sign * (contestants[version].draw(rules) - base), confidence
        )
        for version in candidates
    }


def _in_row_order(judged: Judged) -> tuple[BoolArray, FloatArray, IntArray]:
    """Give the units in the order of the table, with the same clusters for all models.

    Rows of a plain table are judged in an order that depends on the model.
    """
    order = np.argsort(judged.rows)
    clusters = judged.clusters[order]
    if len(np.unique(clusters)) == len(clusters):
        clusters = np.arange(len(clusters))
    return judged.fails[order], judged.probability[order], clusters
