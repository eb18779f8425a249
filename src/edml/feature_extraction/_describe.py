"""The 44 features of a table's events, written for each row."""

from collections.abc import Iterable, Mapping

import numpy as np

from edml._jobs import Jobs
from edml.feature_extraction._events import Events
from edml.feature_extraction._history import (
    TIMINGS,
    Features,
    history_features,
)
from edml.schema import (
    EXAM_KINDS,
    PARTITION,
    FloatArray,
    IntArray,
    resolve_exam_kinds,
)


def _with_statistics(name: str) -> list[str]:
    return [f"{name}_{statistic}" for statistic in ("min", "max", "mean", "std")]


#: The names of the 44 features, in order.
FEATURES = (
    PARTITION,
    *(
        name
        for kind in EXAM_KINDS
        for name in (f"{kind}_n_sum", *_with_statistics(f"nota_{kind}"))
    ),
    "overall_parciales_n_sum",
    *_with_statistics("nota_overall"),
    "assignment_n_sum",
    *_with_statistics("score"),
    "assignment_zero_sum",
    *(name for timing in TIMINGS for name in _with_statistics(timing)),
    "parcial_sobre_ass",
)


def describe(
    events: Events,
    jobs: Jobs,
    *,
    exam_kinds: Mapping[str, Iterable[str]] | None,
    pending: str,
    fill_value: float | None,
    wanted: IntArray | None = None,
) -> FloatArray:
    """Work out the features of a table's rows, or of some.

    Parameters
    ----------
    events : Events
        The table's rows and events.
    jobs : Jobs
        Takes the work; all is written when its context ends.
    exam_kinds, pending, fill_value
        As `FeatureEngineer` has them.
    wanted : ndarray of shape (n_wanted,), default=None
        Positions of the rows to describe; None for all.

    Returns
    -------
    described : ndarray of shape (44, n_wanted)
        A feature in each row, in the order of ``FEATURES``.
    """
    partition = events.rows.partition
    n_wanted = len(partition if wanted is None else wanted)
    described = np.empty((len(FEATURES), n_wanted))
    kinds = {
        kind: np.flatnonzero([name in members for name in events.exam_names])
        for kind, members in resolve_exam_kinds(exam_kinds).items()
    }
    described[FEATURES.index(PARTITION)] = (
        partition if wanted is None else partition[wanted]
    )
    for features in history_features(
        *(events.rows, events.exams, events.creations, events.submissions),
        kinds,
        jobs,
        pending_is_zero=pending == "zero",
        wanted=wanted,
    ):
        jobs(_write, features, fill_value, described)
    return described


def _write(features: Features, fill_value: float | None, described: FloatArray) -> None:
    """Give each row its features, missing ones replaced."""
    first, values, step, of_rows = features
    if fill_value is not None:
        np.copyto(values, fill_value, where=np.isnan(values))
    begin = FEATURES.index(first)
    out = described[begin : begin + len(values)]
    if step is not None:
        of_rows = np.take(step, of_rows)
    # the mode "raise" would make a copy of the output
    np.take(values, of_rows, axis=1, out=out, mode="clip")
