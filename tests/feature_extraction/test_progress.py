"""`ProgressFeatures` agree with the brute-force oracle, and keep the promises."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edml.datasets import as_of, load_oulad, make_student_activity
from edml.exceptions import LeakageError, TableError
from edml.feature_extraction import (
    PROGRESS_FEATURES,
    ProgressFeatures,
    _progress,
    _spells,
)
from edml.preprocessing import DataCleaner
from edml.schema import latest_rows, resolve_columns
from edml.testing import check_company_invariance, check_no_lookahead
from oracle import KEYS
from progress_oracle import FEATURES, progress_oracle
from strategies import DAY, START, event_tables, n_examples, table

OULAD = Path(__file__).parents[3] / "shared" / "data" / "oulad"
many = settings(max_examples=n_examples(120))
some = settings(many, max_examples=n_examples(40))
lengths = st.sampled_from([1.0, 7.0, 0.5, 2.5])
WEIGHTS = st.sampled_from([None, None, 0.0, 10.0, 12.5, 30.0])


@st.composite
def tables(draw, **sizes):
    """Draw an event table, mostly with weights."""
    X = draw(event_tables(**sizes))
    if draw(st.booleans()):
        weights = [draw(WEIGHTS) for _ in range(len(X))]
        X["ass_weight"] = np.array(weights, dtype=float)
    return X


def progress(X, **given):
    return ProgressFeatures(**given).fit(X).transform(X)


def assert_agree(got, want, tolerance=1e-9):
    pd.testing.assert_index_equal(got.index, want.index, exact="equiv")
    assert list(got) == list(want) == KEYS + FEATURES
    for key in KEYS:
        assert got[key].tolist() == want[key].tolist()
    for name in FEATURES:
        np.testing.assert_allclose(
            got[name].to_numpy(),
            want[name].to_numpy(),
            rtol=tolerance,
            atol=tolerance,
            equal_nan=True,
            err_msg=name,
        )


# -- the oracle ---------------------------------------------------------------------


@many
@given(tables(), lengths, st.sampled_from([None, 0.0, -1.0]))
def test_features_agree_with_the_oracle(X, length, fill):
    want = progress_oracle(X, partition_days=length, fill_value=fill)
    assert_agree(progress(X, partition_days=length, fill_value=fill), want)


@some
@given(tables(min_rows=6, max_rows=30), st.integers(1, 6))
def test_blocks_change_nothing(X, pairs):
    whole = progress(X, fill_value=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_spells, "_PAIRS_AT_ONCE", pairs)
        split = progress(X, fill_value=None)
    pd.testing.assert_frame_equal(split, whole, check_exact=True)


def test_features_of_generated_students_agree_with_the_oracle():
    X = make_student_activity(8, n_courses=2, partitions=30, random_state=4)
    X["ass_weight"] = X["points_possible"] / 7
    want = progress_oracle(X, fill_value=None)
    assert_agree(progress(X, fill_value=None), want)
    assert_agree(progress(DataCleaner().fit_transform(X), fill_value=None), want)


@pytest.mark.slow
@pytest.mark.skipif(not OULAD.exists(), reason="needs the Open University's tables")
def test_features_of_real_students_agree_with_the_oracle():
    X = load_oulad(OULAD, grading_days={"TMA": 14})
    users = pd.Series(X["user_uuid"].unique()).sample(20, random_state=2)
    X = X[X["user_uuid"].isin(users)]
    assert_agree(progress(X, fill_value=None), progress_oracle(X, fill_value=None))


# -- cases --------------------------------------------------------------------------


def row(p, **cells):
    return {"user_uuid": "ana", "course_uuid": "x", "particion": p, **cells}


def create(p, name, due, **cells):
    return row(p, ass_name=name, ass_due_at=START + due * DAY, **cells)


def submit(p, name, score, on=None, **cells):
    on = p if on is None else on
    return row(p, ass_name_sub=name, score=score, s_submitted_at=START + on * DAY)


def days(*rows, weights=None, **given):
    X = table(list(rows))
    if weights is not None:
        X["ass_weight"] = weights
    return progress(X, fill_value=None, **given).set_index("particion")


def test_an_assignment_is_missed_from_its_due_day_until_it_comes_in():
    out = days(
        create(5, "A", 5), submit(7, "A", 60), create(9, "B", 9), row(12), row(0)
    )
    assert out["missed_n"].to_dict() == {0: 0, 5: 1, 7: 0, 9: 1, 12: 1}
    assert out["missed_streak"].to_dict() == {0: 0, 5: 1, 7: 0, 9: 1, 12: 1}
    assert out["due_score_mean"].loc[12] == 30
    assert out["days_before_due_last"].loc[12] == -2
    assert out["days_since_due"].loc[[5, 7, 9, 12]].tolist() == [0, 2, 0, 3]
    assert out["days_since_submission"].loc[[9, 12]].tolist() == [2, 5]
    assert out["on_time_share"].loc[12] == 0


def test_an_assignment_shown_early_is_due_on_its_due_day():
    shown = [create(2, "B", 8), submit(1, "A", 50), row(0), row(7), row(8), row(9)]
    out = days(*shown)
    assert out["missed_n"].to_dict() == {2: 0, 1: 0, 0: 0, 7: 0, 8: 1, 9: 1}


def test_a_weekly_table_counts_a_day_as_past_when_its_week_has_ended():
    shown = [row(0), submit(1, "A", 50, on=13), create(1, "B", 15), row(2), row(3)]
    out = days(*shown, partition_days=7)
    # day 13 is the last of week 1, so the submission shows where week 0 begins
    assert out["missed_n"].tolist() == [0, 0, 0, 1, 1]
    assert out["days_since_due"].loc[[2, 3]].tolist() == [5, 12]


def test_work_from_an_earlier_attempt_counts_from_day_0():
    out = days(row(0, ass_name_sub="A", score=70.0), create(5, "A", 5))
    assert out["marks_in_hand"].tolist() == [7, 7]
    assert out["ahead_n"].tolist() == [1, 0]
    assert out["on_time_share"].loc[5] == 1


def test_a_weight_of_0_stays_0_and_an_unknown_one_is_10_percent():
    shown = [create(3, "A", 3), create(5, "B", 5), create(6, "C", 6)]
    scores = [submit(3, "A", 90), submit(5, "B", 50), submit(6, "C", 20)]
    weights = [0, 30, None, None, None, None]
    out = days(*shown, *scores, weights=weights)
    assert out["weight_due"].iloc[:3].tolist() == [0, 30, 40]
    assert out["marks_in_hand"].iloc[:3].tolist() == [0, 15, 17]
    assert np.isnan(out["due_score_weighted_mean"].iloc[0])
    assert out["due_score_weighted_mean"].iloc[2] == (30 * 50 + 10 * 20) / 40
    assert out["due_score_mean"].iloc[0] == 90


def test_the_weight_of_work_handed_in_early_is_read_of_its_own_row():
    shown = [submit(1, "A", 50), create(5, "A", 5)]
    assert days(*shown, weights=[40, 40])["marks_in_hand"].tolist() == [20, 20]
    assert days(*shown, weights=[None, 40])["marks_in_hand"].tolist() == [5, 20]


def test_trend_compares_with_the_earlier_scores():
    out = days(
        *(
            submit(p, name, s)
            for p, name, s in zip(range(4), "ABCD", [90, 80, 70, 20], strict=True)
        )
    )
    assert out["score_last"].tolist() == [90, 80, 70, 20]
    assert out["score_last_3_mean"].tolist() == [90, 85, 80, 170 / 3]
    assert out["score_trend"].tolist()[1:] == [-10, -15, -60]


def test_without_assignments_everything_is_empty():
    X = table([row(0, nombre_examen="ORAL", nota_parcial=5.0)])
    exams = X.drop(
        columns=[name for name in X if name.startswith(("ass", "s_", "score"))]
    )
    with pytest.warns(UserWarning, match="nothing counts as due or missed"):
        out = progress(exams)
    assert not out[list(PROGRESS_FEATURES)].to_numpy().any()
    assert progress(X.iloc[:0]).shape == (0, 2 + len(PROGRESS_FEATURES))


def test_negative_weights_raise():
    X = table([create(3, "A", 3), create(4, "B", 4)]).assign(ass_weight=[1, -20.0])
    with pytest.raises(TableError, match=r"'ass_weight': 1 of 2 rows hold a negative"):
        progress(X)


# -- promises -----------------------------------------------------------------------


@some
@given(tables(), st.sampled_from([0, 1, 2, 3, 5, 40]), lengths)
def test_no_lookahead(X, p, length):
    fitted = ProgressFeatures(partition_days=length, fill_value=None).fit(X)
    past = fitted.transform(X)
    past = past[past["particion"] <= p]
    assert_agree(fitted.transform(as_of(X, p, partition_days=length)), past)


@some
@given(tables(dtypes=False), tables(dtypes=False), st.randoms(use_true_random=False))
def test_order_and_company_change_nothing(X, others, random):
    own = progress(X, fill_value=None)
    others = others.assign(user_uuid="new " + others["user_uuid"])
    both = pd.concat([others.astype(object), X.astype(object)], ignore_index=True)
    place = list(range(len(both)))
    random.shuffle(place)
    got = progress(both.iloc[place], fill_value=None).sort_index()
    got = got.iloc[len(others) :].set_axis(X.index)
    assert_agree(got, own, tolerance=0)  # to the bit


@some
@given(tables(min_rows=1), st.sampled_from([1, 2**40]))
def test_latest_rows_score_the_same_among_all_rows(X, scale):
    X = X.assign(particion=X["particion"].astype("Float64").astype(float) * scale)
    rows, features = ProgressFeatures().fit(X).transform_latest(X)
    np.testing.assert_array_equal(features, progress(X)[FEATURES].to_numpy()[rows])
    assert rows.tolist() == latest_rows(X, resolve_columns(None)).tolist()


def test_other_names_and_the_target_change_nothing():
    X = make_student_activity(15, random_state=1)
    X["ass_weight"] = X["points_possible"] / 7
    names = {"ass_weight": "peso", "score": "nota", "user_uuid": "student"}
    got = progress(X.rename(columns=names), columns=names)
    want = progress(X.assign(nota_final_materia=3.0))
    np.testing.assert_array_equal(got.to_numpy(), want.to_numpy())


@pytest.fixture(name="activity", scope="module")
def weighted_activity():
    X = make_student_activity(30, fail_rate=0.3, random_state=7)
    return X.assign(ass_weight=X["points_possible"] / 7)


def test_the_checks_of_the_library_pass(activity):
    check_no_lookahead(ProgressFeatures(fill_value=None), activity)
    check_company_invariance(ProgressFeatures(fill_value=None), activity)


def _grades_at_once(events):
    known = events.partition[events.submissions.row]
    return events._replace(submissions=events.submissions._replace(known=known))


def _weights_of_the_end(events):
    weight = np.full(len(events.submissions.row), np.nan)
    by_name = dict(zip(events.creations.name, events.creations.weight, strict=True))
    weight = np.array([by_name.get(name, np.nan) for name in events.submissions.name])
    return events._replace(submissions=events.submissions._replace(weight=weight))


def _assignments_shown_at_once(events):
    first = np.zeros(int(events.history.max()) + 1, dtype=int)
    first[events.history[::-1]] = np.arange(len(events.history))[::-1]
    row = first[events.history[events.creations.row]]
    return events._replace(creations=events.creations._replace(row=row))


@pytest.mark.parametrize(
    "plant", [_grades_at_once, _weights_of_the_end, _assignments_shown_at_once]
)
def test_planted_lookahead_is_caught(activity, monkeypatch, plant):
    def read(*given):
        return plant(_read(*given))

    _read = _progress.event_arrays
    monkeypatch.setattr(_progress, "event_arrays", read)
    with pytest.raises(LeakageError, match="ProgressFeatures: feature"):
        check_no_lookahead(ProgressFeatures(fill_value=None), activity)


def test_a_student_read_with_another_is_caught(activity, monkeypatch):
    def read(*given):
        events = _read(*given)
        return events._replace(history=events.history // 2)

    _read = _progress.event_arrays
    monkeypatch.setattr(_progress, "event_arrays", read)
    with pytest.raises(LeakageError, match="ProgressFeatures: feature"):
        check_company_invariance(ProgressFeatures(fill_value=None), activity)
