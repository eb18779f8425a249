"""Hand-worked tables: their features were worked out by the definition in oracle.py.

They test both the oracle and `FeatureEngineer`.
"""

import math

import pytest

from edml.feature_extraction import FeatureEngineer
from oracle import FEATURES, features_oracle
from strategies import DAY, START, table

HOUR = 3600
LATER = START + 2 * HOUR
P1, P2 = "PRIMER PARCIAL(20)", "SEGUNDO PARCIAL(20)"
FINAL = "INTEGRADOR(30)"
MAKE_UP = "RECUPERATORIO PRIMER PARCIAL(20)"


def engineer(X, **params):
    return FeatureEngineer(**params).fit(X).transform(X)


@pytest.fixture(params=[features_oracle, engineer], ids=["oracle", "engineer"])
def features(request):
    def compute(*rows, **params):
        out = request.param(history(*rows), **params)
        return out[FEATURES].to_dict("records")

    return compute


def history(*rows):
    return table([{"user_uuid": "ana", "course_uuid": "x", **row} for row in rows])


def exam(p, name, grade):
    return {"particion": p, "nombre_examen": name, "nota_parcial": grade}


def create(p, name, due=None, unlock=None, number=None):
    return {
        "particion": p,
        "ass_name": name,
        "ass_due_at": due,
        "ass_unlock_at": unlock,
        "assignment_id": number,
    }


def submit(p, name, score, submitted=None, graded=None):
    return {
        "particion": p,
        "ass_name_sub": name,
        "score": score,
        "s_submitted_at": submitted,
        "s_graded_at": graded,
    }


def tick(p):
    return {"particion": p}


def check(row, **expected):
    found = {name: row[name] for name in expected}
    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_exams_of_every_kind(features):
    rows = features(
        exam(1, P1, 6.0),
        exam(3, P1, 9.0),  # a second part: (6 + 9) / 2
        exam(3, P2, None),  # absent: 0
        exam(4, MAKE_UP, 4.0),
        exam(5, "ORAL", 10.0),  # without a kind, but still an exam
        exam(6, FINAL, 7.0),
    )
    check(rows[0], particion=1, parciales_n_sum=1, nota_parciales_mean=6)
    check(rows[0], nota_parciales_std=0, overall_parciales_n_sum=1)
    for row in rows[1:3]:  # one partition, one snapshot
        check(row, parciales_n_sum=2, nota_parciales_min=0, nota_parciales_max=7.5)
        check(row, nota_parciales_mean=3.75, nota_parciales_std=7.5 / math.sqrt(2))
    check(rows[3], recuperatorios_n_sum=1, nota_recuperatorios_max=4)
    check(rows[3], parciales_n_sum=2, nota_overall_mean=11.5 / 3)
    check(rows[4], overall_parciales_n_sum=4, nota_overall_max=10, integradores_n_sum=0)
    # 7.5, 0, 4, 10, 7: mean 5.7, squares 3.24 + 32.49 + 2.89 + 18.49 + 1.69 = 58.8
    check(rows[5], overall_parciales_n_sum=5, nota_overall_mean=5.7)
    check(rows[5], nota_overall_std=math.sqrt(58.8 / 4), nota_integradores_min=7)
    check(rows[5], parcial_sobre_ass=0)  # no assignment


def test_no_events_at_all(features):
    (row,) = features(tick(12))
    assert row == {**dict.fromkeys(FEATURES, 0.0), "particion": 12.0}
    (row,) = features(tick(12), fill_value=None)
    assert row["nota_overall_mean"] != row["nota_overall_mean"]
    check(row, assignment_n_sum=0, assignment_zero_sum=0, parcial_sobre_ass=0)


def test_null_partition_is_zero(features):
    rows = features(exam(None, P1, 8.0), tick(0), exam(1, P2, 4.0))
    for row in rows[:2]:
        check(row, particion=0, parciales_n_sum=1, nota_parciales_mean=8)
    check(rows[2], particion=1, nota_parciales_mean=6)


@pytest.mark.parametrize(
    ("submitted", "graded", "known"),
    [
        (START + DAY - 1, START + DAY, 3),  # a second later, but the next day
        (START, START + DAY - 1, 2),  # a second less than a day later, but the same day
        (START + DAY, START, 2),  # graded before submission: known at once
        (START + DAY, START + 5 * DAY, 6),
        (START, None, 2),
        (START, 0, 2),  # 0 is a missing date
        (None, START + 5 * DAY, 2),
        (0, START + 5 * DAY, 2),
    ],
)
def test_when_a_score_is_known(features, submitted, graded, known):
    ticks = [tick(p) for p in range(2, 8)]
    rows = features(submit(2, "A", 80.0, submitted, graded), *ticks)
    for row in rows:
        check(row, assignment_n_sum=1, assignment_zero_sum=0)
        check(row, score_mean=80.0 if row["particion"] >= known else 0.0)


@pytest.mark.parametrize(
    ("partition_days", "days", "known"),
    [(7.0, 0, 2), (7.0, 1, 3), (7.0, 7, 3), (7.0, 8, 4), (0.5, 1, 4), (2.5, 6, 5)],
)
def test_partition_days_round_up(features, partition_days, days, known):
    rows = features(
        submit(2, "A", 80.0, START, START + days * DAY),
        *(tick(p) for p in range(2, 8)),
        partition_days=partition_days,
        fill_value=-1,
    )
    for row in rows:
        check(row, score_min=80 if row["particion"] >= known else -1)


def test_pending_is_missing_or_zero(features):
    events = (
        submit(1, "A", None, START),  # handed in, never graded
        submit(2, "B", None),  # nothing was handed in: a known 0
        submit(3, "C", 60.0, START, START + 2 * DAY),
        tick(4),
        tick(5),
    )
    rows = features(*events, fill_value=None)
    check(rows[0], assignment_n_sum=1, assignment_zero_sum=0, score_mean=math.nan)
    check(rows[1], assignment_n_sum=2, assignment_zero_sum=1, score_mean=0)
    check(rows[3], assignment_n_sum=3, assignment_zero_sum=1, score_mean=0)
    check(rows[4], assignment_n_sum=3, score_mean=30, score_std=math.sqrt(1800))
    rows = features(*events, pending="zero", fill_value=None)
    check(rows[0], assignment_n_sum=1, assignment_zero_sum=1, score_mean=0)
    check(rows[1], assignment_zero_sum=2, score_std=0)
    check(rows[3], assignment_n_sum=3, assignment_zero_sum=3, score_max=0)
    check(rows[4], assignment_zero_sum=2, score_mean=20, score_max=60)


@pytest.mark.parametrize("pending", ["missing", "zero"])
def test_parts_of_a_submission(features, pending):
    rows = features(
        submit(1, "A", 90.0, START + DAY - 1, START + DAY),  # known from 2
        submit(2, "A", None, START),  # always pending: not a 0
        submit(3, "A", 40.0, START, START + 2 * DAY),  # known from 5
        submit(6, "A", None),  # not handed in: a 0
        tick(4),
        tick(5),
        tick(7),
        pending=pending,
        fill_value=-1,
    )
    check(rows[0], score_mean=-1 if pending == "missing" else 0)
    for k, score in [(1, 90), (2, 90), (4, 90), (5, 65), (3, 130 / 3), (6, 130 / 3)]:
        check(rows[k], assignment_n_sum=1, score_mean=score, score_std=-1)


def test_exact_duplicates_are_parts(features):
    events = [submit(1, "A", 30.0), submit(1, "A", 30.0), submit(1, "A", 90.0)]
    rows = features(*events, exam(1, P1, 3.0), exam(1, P1, 3.0), exam(1, P1, 9.0))
    check(rows[0], assignment_n_sum=1, score_mean=50, parciales_n_sum=1)
    check(rows[0], nota_overall_mean=5, parcial_sobre_ass=10)


def test_timing(features):
    due, unlock = START + 4 * DAY, START + 2 * DAY
    rows = features(
        create(0, "A", due, unlock),
        submit(3, "A", 50.0, START + 3 * DAY),  # half of the time
        create(4, "B", due, unlock + DAY),
        submit(5, "B", 50.0, due + 6 * HOUR),  # late: 30 of 24 hours
        create(6, "C", unlock, due),  # due before it opens
        submit(7, "C", 50.0, START),  # before it opens
        fill_value=None,
    )
    check(rows[0], assignment_n_sum=1, score_mean=0, assignment_zero_sum=1)
    check(rows[0], hrs_to_do_assignment_min=48, hrs_before_due_min=math.nan)
    check(rows[0], rel_time_taken_to_do_assignment_mean=math.nan)
    check(rows[1], assignment_zero_sum=0, hrs_taken_to_do_assignment_mean=24)
    check(rows[1], rel_time_taken_to_do_assignment_max=0.5, hrs_before_due_max=24)
    check(rows[2], assignment_n_sum=2, assignment_zero_sum=1, score_mean=25)
    check(rows[2], hrs_to_do_assignment_mean=36, hrs_before_due_std=math.nan)
    check(rows[3], rel_time_taken_to_do_assignment_max=1.25, hrs_before_due_min=-6)
    check(rows[3], hrs_before_due_std=30 / math.sqrt(2))
    check(rows[4], hrs_to_do_assignment_min=-48, hrs_to_do_assignment_mean=8)
    check(rows[5], hrs_taken_to_do_assignment_min=-96, hrs_before_due_max=48)
    check(rows[5], rel_time_taken_to_do_assignment_min=0.5)  # C has no such time


@pytest.mark.parametrize("missing", [None, 0])
def test_missing_dates_are_left_out(features, missing):
    rows = features(
        create(0, "A", missing, START),
        submit(1, "A", 50.0, START + HOUR),
        create(2, "B", START + 9 * HOUR, missing),
        submit(3, "B", 50.0, START + HOUR),
        create(4, "C", START + 5 * HOUR, START),
        submit(5, "C", 50.0, missing),
        create(6, "D", START, START),
        submit(6, "D", 50.0, START + HOUR),
        fill_value=None,
    )
    check(rows[1], hrs_to_do_assignment_min=math.nan, hrs_taken_to_do_assignment_min=1)
    check(rows[3], hrs_before_due_min=8, hrs_before_due_std=math.nan)
    check(rows[5], hrs_to_do_assignment_mean=5, hrs_taken_to_do_assignment_std=math.nan)
    check(rows[5], rel_time_taken_to_do_assignment_mean=math.nan)
    check(rows[6], hrs_to_do_assignment_min=0, hrs_before_due_min=-1)
    check(rows[6], rel_time_taken_to_do_assignment_mean=math.nan)  # no time to do it


def test_first_submission_time_counts(features):
    rows = features(
        create(0, "A", START + 100 * HOUR, START),
        submit(1, "A", 50.0, 0),
        submit(2, "A", 50.0, START + 30 * HOUR),
        submit(2, "A", 50.0, START + 20 * HOUR),  # same partition: the earlier time
        submit(3, "A", 50.0, START + 10 * HOUR),  # earlier time, later partition
        fill_value=None,
    )
    check(rows[1], hrs_taken_to_do_assignment_min=math.nan)
    for row in rows[2:]:
        check(row, hrs_taken_to_do_assignment_mean=20, hrs_before_due_max=80)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (create(1, "A", None, None, 10), create(2, "A", LATER, START, 9)),
        (create(1, "A", LATER, START, 9), create(1, "A", None, None, 10)),
        (create(1, "A", LATER, START, 9), create(1, "A", START - HOUR, START, None)),
        (create(1, "A", LATER, START, "10"), create(1, "A", START - HOUR, START, "9")),
        (create(1, "A", LATER, START), create(1, "A", 0, START)),
        (create(1, "A", LATER, START), create(1, "A", LATER + 1)),
        (create(1, "A", LATER, START, 9), create(1, "A", LATER, START + 1, 9)),
        (create(1, "A", LATER, START), create(1, "A", LATER, 0)),
    ],
)
def test_first_creation_decides(features, first, second):
    to_do = math.nan if first["ass_due_at"] is None else 2.0
    for rows in ([first, second], [second, first]):
        row = features(*rows, tick(9), fill_value=None)[2]
        check(row, assignment_n_sum=1, hrs_to_do_assignment_mean=to_do)
        check(row, hrs_to_do_assignment_std=math.nan)


def test_creation_after_submission_or_never(features):
    rows = features(
        submit(1, "A", 70.0, START + HOUR),
        submit(1, "B", 30.0, START + HOUR),
        create(5, "A", START + 3 * HOUR, START),
        fill_value=None,
    )
    check(rows[0], assignment_n_sum=2, hrs_taken_to_do_assignment_mean=math.nan)
    check(rows[2], assignment_n_sum=2, hrs_taken_to_do_assignment_mean=1, score_mean=50)
    check(rows[2], rel_time_taken_to_do_assignment_mean=1 / 3, hrs_before_due_mean=2)


def test_facets_of_one_row_are_read_apart(features):
    (row,) = features(
        {
            **create(3, "A", START + 5 * HOUR, START),
            **submit(3, "B", 80.0, START + HOUR),
            **exam(3, P1, 6.0),
        },
        fill_value=None,
    )
    check(row, assignment_n_sum=2, score_min=0, score_max=80, assignment_zero_sum=1)
    check(row, hrs_to_do_assignment_mean=5, hrs_before_due_mean=math.nan)
    check(row, parcial_sobre_ass=15)


def test_names(features):
    rows = features(
        exam(1, f"  {P1}\n", 4.0),
        exam(1, P1, 8.0),
        exam(1, P1.lower(), 1.0),  # another exam, of no kind
        exam(1, "  ", 10.0),
        exam(1, None, 10.0),
        create(1, "A ", START + HOUR, START),
        submit(1, "\tA", 50.0, START + HOUR),
        submit(1, "", 90.0, START),
        submit(1, None, 90.0, START),
    )
    check(rows[0], parciales_n_sum=1, nota_parciales_mean=6, overall_parciales_n_sum=2)
    check(rows[0], assignment_n_sum=1, score_max=50, hrs_before_due_max=0)


def test_ratio_of_exams_to_assignments(features):
    events = (exam(0, P1, 6.0), submit(1, "A", -20.0), submit(2, "B", 20.0))
    rows = features(*events, submit(3, "C", 30.0), tick(4), fill_value=-1)
    for row in rows[:3]:  # no score; a mean below 0; a mean of 0
        check(row, parcial_sobre_ass=0)
    check(rows[1], assignment_zero_sum=1, score_mean=-20)
    check(rows[3], parcial_sobre_ass=60)
    check(features(submit(1, "A", 50.0), fill_value=-1)[0], parcial_sobre_ass=0)


def test_equal_values_have_no_spread_at_all(features):
    events = [exam(0, f"E{k}", 0.1) for k in range(3)]
    events += [exam(0, "E0", 0.1), exam(0, "E0", 0.1)]  # an exam in three equal parts
    events += [submit(0, f"A{k}", 33.3) for k in range(7)]
    row = features(*events)[0]
    assert row["nota_overall_mean"] == row["nota_overall_min"] == 0.1
    assert row["score_mean"] == row["score_max"] == 33.3
    assert row["nota_overall_std"] == row["score_std"] == 0.0


def test_a_history_is_a_student_and_a_course(features):
    rows = features(
        {**exam(1, P1, 2.0), "periodo": "1-2022"},
        {**exam(1, P2, 4.0), "periodo": "02-2022"},
        {**exam(1, P1, 6.0), "course_uuid": "y"},
        {**exam(1, P1, 8.0), "user_uuid": "ben"},
    )
    assert [row["nota_overall_mean"] for row in rows] == [3, 3, 6, 8]


def test_exam_kinds_are_a_parameter(features):
    events = (exam(1, P1, 2.0), exam(1, "QUIZ", 6.0), exam(1, FINAL, 10.0))
    kinds = {"parciales": [" QUIZ ", "TEST"], "integradores": []}
    row = features(*events, exam_kinds=kinds)[0]
    check(row, parciales_n_sum=1, nota_parciales_mean=6, integradores_n_sum=0)
    check(row, overall_parciales_n_sum=3, nota_overall_mean=6)
