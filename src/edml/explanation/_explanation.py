"""Explanation: contributions, and the reasons derived from them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edml._translation import translator
from edml.explanation._phrases import find_topic, write_reason
from edml.schema import FloatArray, IntArray

_SHOWN = 10  # features in a notebook
_NOTHING = 1e-9  # a smaller sum is 0 up to rounding
_NOTE = (
    "It explains the score before calibration. Contributions say what moved the "
    "score; they are not causes."
)


@dataclass(eq=False, repr=False)
class Explanation:
    """The contribution of each feature to the score of each row.

    It explains the score *before* calibration, in favour of the class that
    fails. Contributions are not causes: they show what the model relied on. For each
    row, the base value plus its contributions is the model's raw output.

    Parameters
    ----------
    contributions : DataFrame of shape (n_rows, n_features)
        The contribution of each feature, on ``scale``, with the index of the explained
        rows.
    base_values : ndarray of shape (n_rows,)
        The output before any feature is known.
    values : DataFrame of shape (n_rows, n_features)
        The feature values, NaN where nothing was known yet.
    raw_output : ndarray of shape (n_rows,)
        The model's output before calibration, on ``scale``.
    scale : {"log-odds", "probability"}
        The unit of contributions, base values and output.

    See Also
    --------
    edml.explanation.explain : Explain a model.

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.explanation import Explanation
    >>> names = ["nota_overall_mean", "hrs_before_due_mean"]
    >>> explanation = Explanation(
    ...     contributions=pd.DataFrame([[0.8, -0.1], [0.3, 0.5]], columns=names),
    ...     base_values=[-3.0, -3.0],
    ...     values=pd.DataFrame([[3.5, 30.0], [None, -12.0]], columns=names),
    ...     raw_output=[-2.3, -2.2],
    ...     scale="log-odds",
    ... )
    >>> for reasons in explanation.reasons():
    ...     print("; ".join(reasons))
    mean exam grade 3.5/10 (raises the risk); handed in 30 hours before due on average
    (lowers the risk)
    handed in 12 hours late on average (raises the risk); no exam grade yet (raises
    the risk)
    >>> explanation.importance().round(2).to_dict()
    {'nota_overall_mean': 0.55, 'hrs_before_due_mean': 0.3}
    """

    __module__ = "edml.explanation"

    contributions: pd.DataFrame
    base_values: FloatArray
    values: pd.DataFrame
    raw_output: FloatArray
    scale: str

    def __post_init__(self) -> None:
        self.base_values = np.asarray(self.base_values, dtype=np.float64)
        self.raw_output = np.asarray(self.raw_output, dtype=np.float64)

    def __len__(self) -> int:
        return len(self.contributions)

    def __repr__(self) -> str:
        n_rows, n_features = self.contributions.shape
        return (
            f"Explanation({n_rows} rows, {n_features} features, {self.scale} before "
            "calibration, not causes)"
        )

    def importance(self) -> pd.Series:
        """Compute the mean absolute contribution of each feature.

        Returns
        -------
        importance : Series of shape (n_features,)
            Every feature, highest first, on ``scale``; NaN without any row.
        """
        mean = self.contributions.abs().mean().rename("importance")
        return mean.sort_values(ascending=False, kind="stable")

    def reasons(self, n: int = 3, language: str = "en") -> pd.Series:
        """Describe what moved each score most, in short plain phrases.

        Many features are nearly redundant, such as the mean and the lowest grade.
        Contributions are therefore summed by topic (exams overall, each kind of exam,
        scores, missed assignments, ...), topics are ranked by the size of their sum,
        and each is described by the feature that contributes most in its direction.
        Topics without influence are omitted.

        Parameters
        ----------
        n : int, default=3
            Maximum number of reasons per row, >= 0.
        language : {"en", "es"}, default="en"
            The reader's language.

        Returns
        -------
        reasons : Series of shape (n_rows,)
            For each row a list of str, the most important first.

        Raises
        ------
        ValueError
            If the language is unknown, or ``n`` is below 0.
        """
        translator(language)  # an unknown language raises an error even without rows
        reasons: list[list[str]] = [[] for _ in range(len(self))]
        names = [str(name) for name in self.contributions.columns]
        values = [self.values.iloc[:, k].to_numpy() for k in range(len(names))]
        for row, feature, rises in self._rank(n):
            text = write_reason(names[feature], values[feature][row], rises, language)
            reasons[row].append(text)
        return pd.Series(
            reasons, self.contributions.index, dtype=object, name="reasons"
        )

    def reason_features(self, n: int = 3) -> pd.Series:
        """Return the feature behind each of the `reasons`, without its value.

        Parameters
        ----------
        n : int, default=3
            Maximum number of reasons per row, >= 0.

        Returns
        -------
        features : Series of shape (n_rows,)
            For each row a list of str, in the order of its reasons.

        Raises
        ------
        ValueError
            If ``n`` is below 0.
        """
        features: list[list[str]] = [[] for _ in range(len(self))]
        names = [str(name) for name in self.contributions.columns]
        for row, feature, _ in self._rank(n):
            features[row].append(names[feature])
        return pd.Series(
            features, self.contributions.index, dtype=object, name="reason_features"
        )

    def _rank(self, n: int) -> Any:
        """Yield row, feature and direction of each reason, the most important first."""
        if n < 0:
            message = f"n={n} is not a number of reasons. Pass 0 or more."
            raise ValueError(message)
        numbers = self.contributions.to_numpy(dtype=np.float64)
        if not numbers.size:
            return []
        topic = _topics([str(name) for name in self.contributions.columns])
        members = topic[:, None] == np.arange(topic.max() + 1)
        total = numbers @ members
        order = np.argsort(-np.abs(total), axis=1, kind="stable")[:, :n]
        rows = np.repeat(np.arange(len(numbers)), order.shape[1])
        chosen = order.ravel()
        moved = total[rows, chosen]
        in_direction = numbers[rows] * np.sign(moved)[:, None]
        # only features of the topic describe it
        in_direction[topic != chosen[:, None]] = -np.inf
        feature = in_direction.argmax(axis=1)
        some = np.abs(moved) > _NOTHING
        return zip(
            rows[some].tolist(),
            feature[some].tolist(),
            (moved[some] > 0).tolist(),
            strict=True,
        )

    def _repr_html_(self) -> str:
        n_rows, n_features = self.contributions.shape
        shown = self.importance().head(_SHOWN)
        table = shown.to_frame(f"mean |contribution|, {self.scale}")
        table.columns.name = f"{len(shown)} of {n_features} features"
        return (
            f"<div><p><b>Explanation</b> of {n_rows} rows. {_NOTE}</p>"
            f"{table.to_html(float_format='{:.4g}'.format)}</div>"
        )


def _topics(names: list[str]) -> IntArray:
    """Return the topic of each feature, as a code; an unknown one is its own topic."""
    topics = [find_topic(name) or f"feature {k}" for k, name in enumerate(names)]
    return pd.factorize(np.array(topics))[0]
