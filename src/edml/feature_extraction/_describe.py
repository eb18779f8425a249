"""The 44 features of a table's events, written for each row."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from edml._jobs import Jobs
from edml.feature_extraction._events import Events
from edml.feature_extraction._history import (
    STATISTICS,
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
    return [f"{name}_{statistic}" for statistic in STATISTICS]


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
    out = dict(zip(FEATURES, described, strict=True))
    kinds = {
        kind: np.flatnonzero([name in members for name in events.exam_names])
        for kind, members in resolve_exam_kinds(exam_kinds).items()
    }
    work = history_features(
        *(events.rows, events.exams, events.creations, events.submissions),
        kinds,
        pending_is_zero=pending == "zero",
        wanted=wanted,
    )
    out[PARTITION][:] = partition if wanted is None else partition[wanted]
    for work_out in work:
        jobs(_write, work_out, fill_value, out)
    return described


def _write(
    work_out: Callable[[], list[Features]],
    fill_value: float | None,
    out: Mapping[str, FloatArray],
) -> None:
    """Work out some features and give each row its own, missing ones replaced."""
    for values, of_rows in work_out():
        for name, value in values.items():
            if fill_value is not None:
                np.copyto(value, fill_value, where=np.isnan(value))
            # the mode "raise" would make a copy of the output
            np.take(value, of_rows, out=out[name], mode="clip")
