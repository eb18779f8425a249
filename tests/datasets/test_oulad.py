"""The Open University tables: a small handmade folder, and the real one's counts."""

import numpy as np
import pandas as pd
import pytest

from edml.datasets import as_of, load_oulad, make_target
from edml.exceptions import TableError
from edml.schema import COLUMNS, REQUIRED_COLUMNS

DAY = 86_400
START_B = 1_359_676_800  # 1 February 2013, UTC
START_J = 1_380_585_600  # 1 October 2013, UTC
DOI = r"doi:10\.1038/sdata\.2017\.171"

# Ana stays to the end of both, Ben leaves on day 10, Cy before day 0, Dee on day 0.
TABLES = {
    "courses": """code_module,code_presentation,module_presentation_length
AAA,2013B,30
AAA,2013J,20
""",
    "assessments": """\
code_module,code_presentation,id_assessment,assessment_type,date,weight
AAA,2013B,1,TMA,10,50
AAA,2013B,2,CMA,25,
AAA,2013B,3,Exam,,100
AAA,2013B,4,TMA,,0
AAA,2013J,5,TMA,0,50
""",
    "studentInfo": """\
code_module,code_presentation,id_student,gender,final_result,imd_band,studied_credits
AAA,2013B,11,F,Distinction,0-10%,60
AAA,2013B,12,M,Withdrawn,?,120
AAA,2013B,13,M,Withdrawn,,60
AAA,2013B,14,F,Fail,,60
AAA,2013J,11,F,Pass,10-20,90
""",
    "studentRegistration": """\
code_module,code_presentation,id_student,date_registration,date_unregistration
AAA,2013B,11,-50,
AAA,2013B,12,-50,10
AAA,2013B,13,-50,-1
AAA,2013B,14,,0
AAA,2013J,11,-50,400
""",
    "studentAssessment": """id_assessment,id_student,date_submitted,is_banked,score
1,11,-3,0,80
2,11,30,0,
3,11,29,0,50
4,11,12,0,70
1,12,10,0,40
2,12,11,0,100
1,13,0,0,90
5,11,-1,1,66
1,99,5,0,60
""",
    "vle": """id_site,code_module,code_presentation,activity_type,week_from,week_to
1,AAA,2013B,quiz,,
2,AAA,2013B,externalquiz,,
3,AAA,2013J,glossary,,
""",
    "studentVle": """\
code_module,code_presentation,id_student,id_site,date,sum_click
AAA,2013J,11,3,4,2
AAA,2013B,11,1,-9,5
AAA,2013B,11,2,-1,1
AAA,2013B,11,1,0,1
AAA,2013B,11,1,7,3
AAA,2013B,11,1,7,4
AAA,2013B,11,3,8,6
AAA,2013B,12,1,10,1
AAA,2013B,12,1,11,1
AAA,2013B,13,1,-3,9
AAA,2013B,99,1,3,9
""",
}


@pytest.fixture
def home(tmp_path):
    for name, text in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def replace(home, name, old, new):
    path = home / f"{name}.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def of(X, student, course="AAA-2013B"):
    return X[(X["user_uuid"] == student) & (X["course_uuid"] == course)]


def facet(X, name, *columns):
    rows = X[X[name].notna()]
    return [tuple(row) for row in rows[["particion", name, *columns]].to_numpy()]


# -- a folder by hand ---------------------------------------------------------


def test_enrolments_end_with_the_module_or_when_the_student_leaves(home):
    X = load_oulad(home)
    ends = X.groupby(["user_uuid", "course_uuid"])["nota_final_materia"].first()
    assert ends.to_dict() == {
        ("11", "AAA-2013B"): 9.0,
        ("11", "AAA-2013J"): 6.0,
        ("12", "AAA-2013B"): 1.0,
        ("14", "AAA-2013B"): 2.0,
    }
    assert make_target(X)[X["user_uuid"] == "11"].sum() == 0


def test_ticks_occur_every_week_until_the_end(home):
    X = load_oulad(home)
    ticks = X[X["ass_name"].isna() & X["ass_name_sub"].isna()]
    assert of(ticks, "11")["particion"].tolist() == [0, 7, 14, 21, 28]
    assert of(ticks, "11", "AAA-2013J")["particion"].tolist() == [0, 7, 14]
    assert of(ticks, "12")["particion"].tolist() == [0, 7]
    assert of(ticks, "14")["particion"].tolist() == [0]
    often = load_oulad(home, tick_days=1)
    assert set(of(often, "12")["particion"]) == set(range(11))


def test_creations_are_the_dated_assignments_of_everyone_still_there(home):
    X = load_oulad(home)
    dates = ["assignment_id", "ass_due_at", "ass_unlock_at", "ass_created_at"]
    start, later = START_B, START_J
    first = (10, "TMA 1", 1, start + 10 * DAY, start, start)
    second = (25, "CMA 2", 2, start + 25 * DAY, start, start)
    assert facet(of(X, "11"), "ass_name", *dates) == [first, second]
    assert facet(of(X, "12"), "ass_name", *dates) == [first]
    assert facet(of(X, "14"), "ass_name") == []
    assert facet(of(X, "11", "AAA-2013J"), "ass_name", *dates) == [
        (0, "TMA 5", 5, later, later, later)
    ]
    assert set(X["points_possible"].dropna()) == {100}


def test_submissions_are_those_of_assignments_up_to_the_end(home):
    X = load_oulad(home)
    ana = of(X, "11")
    handed_in = facet(ana, "ass_name_sub", "sub_uuid", "s_submitted_at")
    assert handed_in == [
        (0, "TMA 1", "1-11", START_B - 3 * DAY),
        (12, "TMA 4", "4-11", START_B + 12 * DAY),
        (30, "CMA 2", "2-11", START_B + 30 * DAY),
    ]
    scores = ana.loc[ana["ass_name_sub"].notna(), "score"]
    np.testing.assert_array_equal(scores, [80, 70, np.nan])
    assert facet(of(X, "12"), "ass_name_sub", "score") == [(10, "TMA 1", 40)]


def test_banked_submissions_have_a_score_and_no_dates(home):
    X = of(load_oulad(home, grading_days=14), "11", "AAA-2013J")
    banked = X[X["ass_name_sub"].notna()]
    assert banked[["particion", "score"]].to_numpy().tolist() == [[0, 66]]
    assert banked[["s_submitted_at", "s_graded_at"]].isna().all(axis=None)
    assert as_of(X, 0)["score"].notna().sum() == 1


@pytest.mark.parametrize(
    ("grading_days", "tma", "cma"),
    [
        (0, 0, 0),
        (14, 14, 14),
        (0.5, 0.5, 0.5),
        ({"TMA": 14}, 14, 0),
        ({"CMA": 2}, 0, 2),
    ],
)
def test_grading_days(home, grading_days, tma, cma):
    X = of(load_oulad(home, grading_days=grading_days), "11")
    days = (X["s_graded_at"] - X["s_submitted_at"]) / DAY
    assert days.dropna().tolist() == [tma, tma, cma]
    assert X.loc[days.notna(), "submission_type"].tolist() == ["TMA", "TMA", "CMA"]


def test_rows_are_in_order_and_carry_one_event(home):
    X = load_oulad(home)
    assert X.index.equals(pd.RangeIndex(len(X)))
    assert (
        X.groupby(["user_uuid", "course_uuid"])["particion"].diff().dropna() >= 0
    ).all()
    assert not (X["ass_name"].notna() & X["ass_name_sub"].notna()).any()


def test_columns_are_those_of_the_event_table(home):
    X = load_oulad(home)
    assert list(X) == list(COLUMNS)
    assert X["particion"].dtype == np.int64
    absent = ["nombre_examen", "nota_parcial", "fecha_mesa_epoch", "ass_lock_at"]
    assert X[absent].isna().all(axis=None)
    ana = of(X, "11").iloc[0]
    assert ana["periodo"] == "01-2013"
    assert of(X, "11", "AAA-2013J").iloc[0]["periodo"] == "02-2013"
    assert ana["course_name"] == "AAA"
    texts = {X[name].dtype for name in ("user_uuid", "nombre_examen", "ass_name")}
    assert texts == {pd.Series(["a"]).dtype}


def test_clicks_are_counted_by_day_and_kind(home):
    X, without = load_oulad(home, activity=True), load_oulad(home)
    assert list(X) == [
        *COLUMNS,
        *("activity_quiz", "activity_forum", "activity_content", "activity_homepage"),
        *("activity_resource", "activity_other"),
    ]
    quiz, other = X["activity_quiz"], X["activity_other"]
    assert X.filter(like="activity_").sum().sum() == quiz.sum() + other.sum()
    days = X.assign(quiz=quiz, other=other)[quiz + other > 0]
    keys = ["user_uuid", "course_uuid", "particion", "quiz", "other"]
    assert days[keys].to_numpy().tolist() == [
        ["11", "AAA-2013B", 0, 7, 0],  # before the start and on day 0
        ["11", "AAA-2013B", 7, 7, 0],
        ["11", "AAA-2013B", 8, 0, 6],
        ["12", "AAA-2013B", 10, 1, 0],  # and left, as others before
        ["11", "AAA-2013J", 4, 0, 2],
    ]
    added = X[(X["particion"] == 8) | (X["particion"] == 4)]
    assert len(X) == len(without) + len(added) == len(without) + 2
    rest = X.drop(added.index)[list(COLUMNS)].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, without)
    facets = ["ass_name", "ass_name_sub", "nombre_examen"]
    assert added[facets].isna().all(axis=None)
    assert added["nota_final_materia"].notna().all()
    keys = ["user_uuid", "course_uuid"]
    assert (X.groupby(keys)["particion"].diff().dropna() >= 0).all()


def test_clicks_known_by_a_day(home):
    X = load_oulad(home, activity=True)
    early = as_of(X, 7)
    assert early["activity_quiz"].sum() == 14
    assert early["activity_other"].sum() == 2


def test_what_students_were_when_enrolling(home):
    for column, value in {
        "highest_education": "HE",
        "num_of_prev_attempts": 2,
        "region": "Wales",
        "age_band": "55<=",
        "disability": "N",
    }.items():
        path = home / "studentInfo.csv"
        head, *rows = path.read_text().splitlines()
        lines = [f"{head},{column}", *(f"{row},{value}" for row in rows)]
        path.write_text("\n".join(lines))
    X = load_oulad(home, static=True)
    names = [
        *("highest_education", "num_of_prev_attempts", "studied_credits", "gender"),
        *("region", "imd_band", "age_band", "disability", "date_registration"),
    ]
    assert list(X) == [*COLUMNS, *names]
    histories = X.groupby(["user_uuid", "course_uuid"])
    assert all(len(rows.drop_duplicates()) == 1 for _, rows in histories[names])
    first = X.drop_duplicates(["user_uuid", "course_uuid"]).set_index("course_uuid")
    assert first["studied_credits"].tolist() == [60, 120, 60, 90]
    assert first["imd_band"].fillna("").tolist() == ["0-10%", "", "", "10-20"]
    assert first["date_registration"].iloc[:2].tolist() == [-50, -50]
    assert np.isnan(first["date_registration"].iloc[2])


def test_weights_of_assignments_and_submissions(home):
    replace(home, "assessments", "TMA,0,50", "TMA,0,0")  # the course's only one
    X = load_oulad(home)
    name = X["ass_name"].fillna(X["ass_name_sub"])
    found = X["ass_weight"].groupby(name).agg(["min", "max", "size", "count"])
    assert found.loc["TMA 1"].tolist() == [50, 50, 4, 4]
    assert found["count"][["CMA 2", "TMA 5"]].tolist() == [0, 0]
    assert X["ass_weight"][name.isna()].isna().all()


@pytest.mark.parametrize("name", ["studentVle", "vle"])
def test_tables_of_clicks_are_needed_for_activity_only(home, name):
    (home / f"{name}.csv").unlink()
    load_oulad(home)
    with pytest.raises(FileNotFoundError, match=f"no table {name!r}"):
        load_oulad(home, activity=True)


def test_withdrawn_students_fail_or_are_dropped(home):
    X, y = load_oulad(home, return_X_y=True, withdrawn="drop")
    assert set(X["user_uuid"]) == {"11", "14"}
    pd.testing.assert_series_equal(y, make_target(X))
    X, y = load_oulad(home, return_X_y=True)
    assert y[X["user_uuid"] == "12"].eq(1).all()


def test_registration_without_a_row_means_never_left(home):
    replace(home, "studentRegistration", "AAA,2013B,12,-50,10\n", "")
    assert of(load_oulad(home), "12")["particion"].max() == 28


def test_question_marks_are_null(home):
    replace(home, "studentRegistration", "11,-50,\n", "11,-50,?\n")
    replace(home, "studentAssessment", "2,11,30,0,\n", "2,11,30,0,?\n")
    replace(home, "assessments", "Exam,,100", "Exam,?,100")
    assert of(load_oulad(home), "11")["score"].notna().sum() == 2


def test_no_students_yield_an_empty_table(home):
    replace(home, "studentInfo", TABLES["studentInfo"].split("\n", 1)[1], "")
    X, y = load_oulad(home, return_X_y=True)
    assert X.empty
    assert y.empty
    assert list(X) == list(COLUMNS)


def test_no_submissions(home):
    replace(
        home, "studentAssessment", TABLES["studentAssessment"].split("\n", 1)[1], ""
    )
    X = load_oulad(home)
    assert X["ass_name_sub"].isna().all()
    assert X["ass_name"].notna().any()


# -- files --------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.zip", ".zip"])
def test_tables_may_be_compressed(home, tmp_path_factory, suffix):
    packed = tmp_path_factory.mktemp("packed")
    for name in TABLES:
        table = pd.read_csv(home / f"{name}.csv")
        table.to_csv(packed / f"{name}{suffix}", index=False)
    pd.testing.assert_frame_equal(load_oulad(packed), load_oulad(home))
    assert len(load_oulad(str(packed))) > 0


def test_error_names_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no folder .*nowhere.*{DOI}"):
        load_oulad(tmp_path / "nowhere")


def test_error_names_a_missing_table(home):
    (home / "courses.csv").unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"no table 'courses'; looked for.*csv\.gz.*{DOI}"
    ):
        load_oulad(home)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("courses", "module_presentation_length"),
        ("assessments", "date"),
        ("studentInfo", "final_result"),
        ("studentRegistration", "date_unregistration"),
        ("studentAssessment", "is_banked"),
    ],
)
def test_error_names_a_missing_column(home, name, column):
    replace(home, name, column, "other")
    with pytest.raises(TableError, match=rf"{name}\.csv lacks .*'{column}'.*{DOI}"):
        load_oulad(home)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00broken"])
def test_error_names_a_file_that_is_not_a_table(home, content):
    (home / "courses.csv").write_bytes(content)
    with pytest.raises(TableError, match=r"courses\.csv is not a CSV table"):
        load_oulad(home)


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.zip"])
def test_error_names_a_broken_archive(home, suffix):
    (home / "courses.csv").rename(home / f"courses{suffix}")
    with pytest.raises(TableError, match=rf"courses\{suffix} is not a CSV table"):
        load_oulad(home)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("courses", "AAA,2013J,20", "AAA,2013K,20", "not like '2013B'"),
        ("courses", "AAA,2013J,20", "AAA,2013B,20", "1 of 2 rows are there twice"),
        ("courses", "AAA,2013J,20", "AAA,2013J,", "1 of 2 rows hold no number"),
        ("courses", "AAA,2013J,20\n", "", "a presentation that courses lacks"),
        ("assessments", "AAA,2013J,5", "AAA,2013J,1", "repeat another"),
        ("assessments", "TMA,10,50", "TMA,soon,50", "'date'.*are not numbers"),
        ("studentInfo", "F,Pass", "F,Gone", "final_result.*1 of 5 rows are not in"),
        ("studentInfo", "AAA,2013B,12", "AAA,2013B,11", "repeat another"),
        ("studentInfo", "AAA,2013B,12", "AAA,2013B,", "'id_student'.*have no value"),
        ("studentRegistration", "AAA,2013B,12", "AAA,2013B,11", "repeat another"),
        ("studentAssessment", "4,11,12,0", "4,11,,0", "1 of 6 rows have no date"),
        (
            "studentInfo",
            "AAA,2013B,12",
            "AAA,2013B,Gone",
            "1 of 5 .* whole",
        ),
        ("studentInfo", "AAA,2013B,12", "AAA,2013B,1.5", "1 of 5 .* whole"),
        ("vle", "2,AAA,2013B,ext", "1,AAA,2013B,ext", "1 of 3 rows are there twice"),
        ("studentVle", "11,1,0,1", "11,7,0,1", "1 of 11 rows are of a site that vle"),
        ("studentVle", "11,1,0,1", "11,1,,1", "'date': 1 of 11 rows hold no number"),
        ("studentVle", "11,1,0,1", "11,1,0,", "'sum_click': 1 of 11 rows hold no num"),
    ],
)
def test_impossible_tables_raise(home, name, old, new, message):
    replace(home, name, old, new)
    with pytest.raises(TableError, match=message) as caught:
        load_oulad(home, activity=True)
    assert "Gone" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"withdrawn": "pass"}, ValueError, "'fail' or 'drop', found 'pass'"),
        ({"tick_days": 0}, ValueError, "tick_days == 0"),
        ({"tick_days": 0.5}, TypeError, "tick_days must be an instance"),
        ({"grading_days": -1}, ValueError, "grading_days of TMA == -1"),
        ({"grading_days": {"EXAM": 3}}, ValueError, r"\['TMA', 'CMA'\], found"),
        ({"grading_days": "14"}, TypeError, "grading_days of TMA must be an instance"),
    ],
)
def test_bad_parameters_raise(home, given, error, message):
    with pytest.raises(error, match=message):
        load_oulad(home, **given)


# -- the real tables ----------------------------------------------------------


def counts(X, y):
    creations, submissions = X["ass_name"].notna(), X["ass_name_sub"].notna()
    ends = X.drop_duplicates(["user_uuid", "course_uuid"]).index
    return {
        "rows": len(X),
        "ticks": int((~creations & ~submissions).sum()),
        "creations": int(creations.sum()),
        "submissions": int(submissions.sum()),
        "enrolments": len(ends),
        "students": X["user_uuid"].nunique(),
        "percent": round(100 * y[ends].mean(), 1),
    }


def test_real_tables_with_withdrawal_as_failing(oulad_home):
    X, y = load_oulad(oulad_home, return_X_y=True)
    assert counts(X, y) == {
        "rows": 882_793,
        "ticks": 607_399,
        "creations": 156_725,
        "submissions": 118_669,
        "enrolments": 19_550,
        "students": 18_280,
        "percent": 49.2,
    }
    assert X[list(REQUIRED_COLUMNS[:3])].notna().all(axis=None)
    handed_in = X[X["s_submitted_at"].notna()]
    half = handed_in["periodo"].str[:2].map({"01": "02", "02": "10"})
    start = pd.to_datetime(handed_in["periodo"].str[3:] + "-" + half + "-01")
    start = start.astype("datetime64[s]").astype("int64")
    day = (handed_in["s_submitted_at"] - start) // DAY
    assert (day.clip(lower=0) == handed_in["particion"]).all()


def test_real_tables_without_withdrawn_students(oulad_home):
    found = counts(*load_oulad(oulad_home, return_X_y=True, withdrawn="drop"))
    assert found["rows"] == 800_539
    assert found["enrolments"] == 15_001
    assert found["percent"] == 33.8


@pytest.mark.slow
def test_real_tables_with_marks_after_two_weeks(oulad_home):
    X = load_oulad(oulad_home, grading_days={"TMA": 14, "CMA": 0})
    at_once = load_oulad(oulad_home)
    graded = ["s_graded_at"]
    pd.testing.assert_frame_equal(X.drop(columns=graded), at_once.drop(columns=graded))
    days = (X["s_graded_at"] - X["s_submitted_at"]) / DAY
    dated = days.notna()
    assert dated.sum() > 100_000
    expected = X["submission_type"].map({"TMA": 14, "CMA": 0})
    assert (days == expected)[dated].all()
