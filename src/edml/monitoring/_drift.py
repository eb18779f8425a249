"""Drift of features and of the score against the same weeks of the reference."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from edml.monitoring._cells import MIN_STUDENTS, add_up, adjust, compare, conclude
from edml.monitoring._reference import SCORE, Reference, Week
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
from edml.monitoring._weeks import Weeks, one_per_student
from edml.schema import FloatArray

COLUMNS = (
    *("week", "day", "feature", "weight", "n_students"),
    *("p_value", "adjusted", "size", "direction", "change"),
)
SMALL, LARGE = 0.2, 0.5  # of the size
_FEW_POINTS, _MANY_POINTS = 0.03, 0.1  # of the mean probability
_RATE = {True: 0.01, False: 0.03}  # of false discoveries: the score, and features
_MOST_COURSES = 0.8  # of the units, to compare course by course


def measure_drift(
    units: Weeks, values: FloatArray, reference: Reference
) -> pd.DataFrame:
    """Test each feature and the score, the last column, in each week."""
    of_week = {_number(week, reference.step): week for week in reference.weeks}
    names = [*reference.features, SCORE]
    weights = [*reference.weights, np.nan]
    rows = []
    for number in np.unique(units.week):
        week = of_week.get(int(number))
        kept = np.flatnonzero(units.week == number)
        if week is None:
            continue
        groups, design_effect = _strata(units.take(kept), week, reference)
        n_students = sum(len(places) for places in groups.values())
        if n_students < 2 * MIN_STUDENTS:
            continue
        for place, (name, weight) in enumerate(zip(names, weights, strict=True)):
            found = add_up(
                compare(week.cells[one][place], values[kept[places], place])
                for one, places in groups.items()
            )
            p, size, direction = conclude(found, design_effect)
            if reference.categories and name in reference.categories:
                direction = np.nan  # categories have no order
            head = (int(number), week.day, name, weight, n_students)
            change = np.nan
            if name == SCORE:
                change = sum(
                    values[kept[places], place].sum() - len(places) * week.means[one]
                    for one, places in groups.items()
                )
            rows.append((*head, p, np.nan, size, direction, change / n_students))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    is_score = (table["feature"] == SCORE).to_numpy()
    for chosen in (is_score, ~is_score):
        weight = table["weight"].to_numpy(dtype=np.float64)[chosen]
        table.loc[chosen, "adjusted"] = adjust(
            table["p_value"].to_numpy(dtype=np.float64)[chosen],
            np.where(np.isnan(weight), 1.0, weight),
        )
    return table


def _number(week: Week, step: int) -> int:
    return 0 if week.day is None else (week.day + 1) // step


def _strata(
    units: Weeks, week: Week, reference: Reference
) -> tuple[Mapping[str, np.ndarray], float]:
    """Return the units to compare with each histogram, and the design effect."""
    known = np.array([label in week.cells for label in units.labels])[units.courses]
    if len(known) and known.mean() >= _MOST_COURSES:
        each = units.take(known)
        places = np.flatnonzero(known)
        groups = {
            units.labels[course]: places[each.courses == course]
            for course in np.unique(each.courses)
        }
        return groups, each.design_effect
    trained = np.isin(units.labels, reference.courses)[units.courses]
    places = np.flatnonzero(trained) if trained.any() else np.arange(len(trained))
    return {"": places[one_per_student(units.take(places))]}, 1.0


def judge_drift(table: pd.DataFrame) -> Part:
    """Return the verdict on the table of `measure_drift`."""
    if not len(table):
        sign = make_sign("too-early", CANNOT_TELL)
        return make_part("drift", [], sign)
    is_score = table["feature"] == SCORE
    rate = np.where(is_score, _RATE[True], _RATE[False])
    shifted = (table["adjusted"] < rate) & (table["size"] >= SMALL)
    signs = [*_judge_score(table[shifted & is_score])]
    features = table[shifted & ~is_score]
    if len(features):
        signs.append(_judge_features(features))
    sign = make_sign("no-drift", FINE)
    return make_part("drift", signs, sign)


def _judge_score(shifted: pd.DataFrame) -> list[Sign]:
    shifted = shifted[shifted["change"].abs() >= _FEW_POINTS]
    if not len(shifted):
        return []
    worst = shifted.loc[shifted["change"].abs().idxmax()]
    change = float(worst["change"])
    large = worst["size"] >= LARGE and abs(change) >= _MANY_POINTS
    code = "score-drift/higher" if change > 0 else "score-drift/lower"
    verdict = ACT if large else LOOK
    return [make_sign(code, verdict, points=100 * abs(change), week=int(worst["week"]))]


def _judge_features(shifted: pd.DataFrame) -> Sign:
    worst = shifted.groupby("feature")[["size", "weight"]].max()
    worst = worst.sort_values(["weight", "size"], ascending=False, kind="stable")
    return make_sign(
        "feature-drift",
        LOOK,
        n=len(worst),
        share=float(worst["weight"].sum()),
        features=worst.index[:5].tolist(),
    )
