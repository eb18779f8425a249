"""Expected performance before the outcomes, and realised performance beside it."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from edml.metrics import percentile_interval
from edml.monitoring._cells import MIN_STUDENTS
from edml.monitoring._chance import FIGURES, draw_figures, expect, sort_scores
from edml.monitoring._reference import Reference
from edml.monitoring._signs import (
    ACT,
    CANNOT_TELL,
    FINE,
    LOOK,
    Part,
    Sign,
    make_part,
    make_sign,
)
from edml.monitoring._weeks import Weeks
from edml.schema import BoolArray, FloatArray

COLUMNS = (
    *("week", "day", "n_students", "figure"),
    *("reference", "expected", "low", "high", "realised", "p_value"),
)
_WORSE = 0.05  # of ROC AUC: beyond it, a model is worth replacing
_RARE = 0.01  # the chance of outcomes this far from what was expected


class Draws(NamedTuple):
    """How intervals are drawn."""

    confidence: float
    n_resamples: int
    random_state: int | np.random.RandomState | None


def estimate(
    units: Weeks,
    score: FloatArray,
    threshold: float,
    reference: Reference,
    outcome: BoolArray | None,
    draws: Draws,
) -> pd.DataFrame:
    """Compute expected figures by week, and realised ones where outcomes are given."""
    rows = []
    for week in reference.weeks:
        number = 0 if week.day is None else (week.day + 1) // reference.step
        kept = np.flatnonzero(units.week == number)
        one = units.take(kept)
        n_students = len(np.unique(one.students))
        if week.curve is None or n_students < 2 * MIN_STUDENTS:
            continue
        at = score[kept]
        ranked = sort_scores(at, threshold)
        expected = expect(ranked, week.curve.apply(at))
        # the same draws in every week, so that one more week changes no other
        random = np.random.RandomState(_seed(draws.random_state))
        drawn = draw_figures(
            ranked, week.curve, at, one.students, one.runs, draws.n_resamples, random
        )
        real = np.full(len(FIGURES), np.nan)
        if outcome is not None:
            real = expect(ranked, outcome[kept].astype(np.float64))
        for place, figure in enumerate(FIGURES):
            low, high = percentile_interval(drawn[:, place], draws.confidence)
            before = week.figures.get(figure, np.nan)
            rows.append(
                (
                    *(number, week.day, n_students, figure, before),
                    *(expected[place], low, high, real[place]),
                    _rarity(drawn[:, place], real[place]),
                )
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rarity(draws: FloatArray, value: float) -> float:
    """Return how rarely draws lie as far out as a value, on its side, doubled."""
    if np.isnan(value):
        return np.nan
    fewer = min((draws <= value).sum(), (draws >= value).sum())
    return min(1.0, 2 * (1 + int(fewer)) / (1 + len(draws)))


def _seed(random_state: int | np.random.RandomState | None) -> int | None:
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int32).max))
    return random_state


def judge_expected(table: pd.DataFrame, doubts: list[Sign]) -> Part:
    """Return the verdict on the figures of the last week, unless there are doubts."""
    last = table[table["week"] == table["week"].max()].set_index("figure")
    if not len(last):
        sign = make_sign("no-estimate", CANNOT_TELL)
        return make_part("expected", [], sign)
    auc = last.loc["roc_auc"]
    values = {
        name: float(auc[name]) for name in ("expected", "low", "high", "reference")
    }
    signs = list(doubts)
    if auc["high"] < auc["reference"] - _WORSE:
        signs.append(make_sign("expected-worse", LOOK, **values))
    sign = make_sign("expected", FINE, **values)
    return make_part("expected", signs, sign)


def judge_realised(table: pd.DataFrame | None, n_known: int, n_all: int) -> Part:
    """Compare the outcomes with what was expected, in the last week with outcomes."""
    if table is None or not len(table):
        sign = make_sign("no-outcomes", CANNOT_TELL, n=n_known, all=n_all)
        return make_part("realised", [], sign)
    last = table[table["week"] == table["week"].max()].set_index("figure")
    auc, share = last.loc["roc_auc"], last.loc["share_failing"]
    signs = []
    if auc["p_value"] <= _RARE and auc["realised"] < auc["expected"]:
        gap = auc["expected"] - auc["realised"]
        signs.append(
            make_sign(
                "ranks-worse",
                ACT if gap > _WORSE else LOOK,
                realised=float(auc["realised"]),
                low=float(auc["low"]),
            )
        )
    if share["p_value"] <= _RARE:
        signs.append(
            make_sign(
                "share-differs",
                LOOK,
                share=float(share["realised"]),
                **{f"share_{one}": float(share[one]) for one in _BOUNDS},
            )
        )
    sign = make_sign(
        "as-expected",
        FINE,
        **{name: float(auc[name]) for name in ("realised", "low", "high")},
    )
    return make_part("realised", signs, sign)


_BOUNDS = ("expected", "low", "high")
