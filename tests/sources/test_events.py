"""Event files are read correctly, or rejected with the line."""

import gzip
import re
import zipfile
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edml.datasets import make_student_activity
from edml.exceptions import MissingExtraError, TableError
from edml.feature_extraction import FeatureEngineer
from edml.schema import EPOCH_COLUMNS, REQUIRED_COLUMNS
from edml.sources import ReadingReport, read_events

EVENTS = make_student_activity(10, partitions=12, random_state=0)
NAMES = ["user_uuid", *(name for name in REQUIRED_COLUMNS if name != "user_uuid")]
FEW = EVENTS[NAMES].head(4)


def csv(table=FEW, **how):
    return table.to_csv(index=False, **how)


def read(content, name="events.csv", **how):
    data = content if isinstance(content, bytes) else content.encode()
    return read_events(BytesIO(data), name=name, return_report=True, **how)


def rows_of(text):
    return text.splitlines(keepends=True)


def same_values(found, expected):
    assert list(found) == list(expected)
    for name in expected:
        given = pd.Series(found[name].tolist(), dtype=object).where(
            found[name].notna().to_numpy(), None
        )
        wanted = expected[name].astype(object).where(expected[name].notna(), None)
        assert given.tolist() == wanted.tolist(), name


# -- dialects -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "noted"),
    [
        ({}, ""),
        ({"quoting": 1}, ""),
        ({"lineterminator": "\r\n"}, ""),
        ({"lineterminator": "\r"}, ""),
        ({"sep": ";"}, "separated by ';'"),
        ({"sep": "\t"}, "separated by tabs"),
        ({"sep": "|"}, r"separated by '|'"),
        ({"sep": ";", "decimal": ","}, "Numbers have a decimal comma"),
        ({"sep": "\t", "decimal": ",", "quoting": 1}, "Numbers have a decimal comma"),
    ],
)
def test_dialect_is_recognized(written, noted):
    found, report = read(csv(EVENTS, **written))
    texts = ["legajo"]  # as spelled
    same_values(found, EVENTS.astype(dict.fromkeys(texts, str)))
    assert (report.sep, report.decimal) == (
        written.get("sep", ","),
        written.get("decimal", "."),
    )
    assert noted in " ".join(report.notes)
    assert bool(report.notes) == bool(noted)


@pytest.mark.parametrize(
    ("encoding", "mark", "noted"),
    [
        ("utf-8", b"", ""),
        ("utf-8", b"\xef\xbb\xbf", ""),
        ("utf-16", b"", "marked as UTF-16"),
        ("cp1252", b"", "was read as Windows-1252"),
    ],
)
def test_encoding_is_recognized(encoding, mark, noted):
    table = FEW.assign(course_uuid="Álgebra €1")
    found, report = read(mark + csv(table).encode(encoding))
    assert found["course_uuid"].tolist() == ["Álgebra €1"] * 4
    assert list(found) == NAMES
    assert report.encoding == encoding
    assert noted in " ".join(report.notes)
    assert bool(report.notes) == bool(noted)


def test_decimal_comma_after_many_whole_numbers():
    table = pd.concat([FEW.assign(score=5)] * 300, ignore_index=True)
    whole = table.convert_dtypes().astype({"score": object})
    whole.loc[1100, "score"] = "7,25"
    found, report = read(csv(whole, sep=";"))
    assert found["score"][1100] == 7.25
    assert report.decimal == ","


def test_thousands_are_not_taken_for_decimals():
    table = FEW.convert_dtypes().astype({"score": object})
    table["score"] = "1,234"
    not_numbers = r"'score': 4 of 4 rows are not numbers \(lin"
    with pytest.raises(TableError, match=not_numbers):
        read(csv(table))
    found, report = read(csv(table.assign(particion=0)), decimal=",")
    assert found["score"].tolist() == [1.234] * 4
    assert report.decimal == ","
    with pytest.raises(TableError, match=not_numbers):
        read(csv(table.assign(score="1.234"), sep=";"), decimal=",")


@pytest.mark.parametrize("line", ["sep=;\n", "sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_separator_line_is_read(line):
    found, report = read(line + csv(sep=";"))
    same_values(found, FEW)
    assert report.notes == ("Its first line names the separator ';'.",)
    with pytest.raises(TableError, match="found 3 fields in line 6"):
        read(line + csv(sep=";") + "a;b;c\n")


def test_dialect_can_be_fixed():
    data = csv(FEW.assign(course_uuid="ł;1"), sep=";").encode("cp1250")
    found, report = read(data, sep=";", decimal=".", encoding="cp1250")
    assert found["course_uuid"].tolist() == ["ł;1"] * 4
    assert (report.sep, report.decimal, report.encoding) == (";", ".", "cp1250")
    assert report.notes == ()


@pytest.mark.parametrize("fault", [{"sep": ";;"}, {"decimal": "x"}])
def test_invalid_dialect(fault):
    with pytest.raises(ValueError, match="sep expects one character, and decimal"):
        read(csv(), **fault)


def test_a_separator_that_is_not_detected():
    text = csv(sep="^")
    with pytest.raises(TableError, match=r"separator ',' is not in .*: pass another"):
        read(text)
    same_values(read(text, sep="^")[0], FEW)
    with pytest.raises(TableError, match=r"separator '~' is not in .*: pass another"):
        read(text, sep="~")


def test_without_pyarrow_the_same_is_read(monkeypatch):
    texts = [csv(EVENTS), csv(EVENTS, sep=";", decimal=",", quoting=1)]
    expected = [read(text) for text in texts]
    monkeypatch.setattr("edml.sources._csv.find_spec", lambda name: None)
    with pd.option_context("mode.string_storage", "python"):
        for text, (table, report) in zip(texts, expected, strict=True):
            found, again = read(text)
            same_values(found, table)
            assert again == report


def test_quotes_that_would_join_rows_raise():
    lines = rows_of(csv(EVENTS))
    place = EVENTS.columns.get_loc("course_name")
    for number in (3, 7):
        cells = lines[number].split(",")
        cells[place] = f'"{cells[place]}'
        lines[number] = ",".join(cells)
    with pytest.raises(TableError, match="quotes in the line after line 3 cannot"):
        read("".join(lines))


def test_gzip():
    found, _ = read(gzip.compress(csv().encode()), "events.csv.gz")
    same_values(found, FEW)
    found, _ = read(gzip.compress(csv().encode()))  # by another name
    same_values(found, FEW)


def zipped(*names, data=None):
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, csv() if data is None else data)
    return file.getvalue()


def test_zip_of_one_file():
    for names in (["a.csv"], ["a.csv", "__MACOSX/._a.csv"]):
        found, _ = read(zipped(*names), "events.csv.zip")
        same_values(found, FEW)


def test_names_on_several_lines_and_blank_lines():
    name = "the\nstudent"
    text = "\n\n" + csv(FEW.rename(columns={"user_uuid": name}))
    found, _ = read(text.replace("\n0", "\n\n0"), columns={"user_uuid": name})
    assert found[name].tolist() == FEW["user_uuid"].tolist()
    with pytest.raises(TableError, match="found 2 fields in line 8"):
        read(text + "a,b\n", columns={"user_uuid": name})


def test_a_table_without_rows():
    found, _ = read(csv(FEW.head(0)))
    assert list(found) == NAMES
    assert len(found) == 0


# -- values -------------------------------------------------------------------------


def test_numbers_are_read_to_the_last_bit():
    score = np.nextafter(np.random.default_rng(0).random(len(EVENTS)) * 100, 7)
    found, _ = read(csv(EVENTS.assign(score=score)))
    assert found["score"].tolist() == score.tolist()


def test_ids_keep_their_spelling():
    ids = ["007", "7", "1e3", "0x1"]
    found, _ = read(csv(FEW.assign(user_uuid=ids, course_uuid="01")))
    assert found["user_uuid"].tolist() == ids
    assert found["course_uuid"].tolist() == ["01"] * 4


@pytest.mark.parametrize("word", ["NA", "N/A", "None", "null", "nan", "NULL"])
def test_words_for_null(word):
    table = FEW.assign(course_uuid=word, ass_name=word, score=word, s_graded_at=word)
    found, report = read(csv(table))
    assert found["course_uuid"].tolist() == found["ass_name"].tolist() == [word] * 4
    assert found["score"].isna().all()
    assert found["s_graded_at"].isna().all()
    (note,) = report.notes
    assert f"['course_uuid', 'ass_name'] hold the words ['{word}'], which stay" in note
    found, report = read(csv(table.assign(course_uuid="c")), na_values=[word])
    assert found["ass_name"].isna().all()
    assert report.notes == ()
    with pytest.raises(TableError, match="'course_uuid': 4 of 4 rows have no value"):
        read(csv(table), na_values=[word])


# -- refusals -----------------------------------------------------------------------


HEADER, *ROWS = rows_of(csv())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([HEADER, ROWS[0][:-1] + ",ann42\n"], "found 14 fields in line 2"),
        ([HEADER, *(row[:-1] + ",\n" for row in ROWS)], "found 14 fields in line 2"),
        ([HEADER, *ROWS, "ann42,1\n"], "found 2 fields in line 6"),
        ([HEADER, "\n", ROWS[0], "ann42,1\n"], "found 2 fields in line 4"),
        ([HEADER, ROWS[0], '"ann42,\n7",1\n'], "found 2 fields in line 3"),
        ([HEADER, *ROWS, HEADER, *ROWS], "the column names again in line 6"),
        ([HEADER.replace("score", "ass_name")], r"Line 1 holds .* \['ass_name'\] more"),
        ([HEADER.replace("particion", "day")], r"lacks \['particion'\]"),
        ([HEADER, ROWS[0], '"ann42'], "quotes in the line after line 2 cannot"),
        ([HEADER, '"ann\\"42",' + ROWS[0]], "quotes in the line after line 1 cannot"),
        (
            ["Export\n", HEADER, *ROWS],
            "names are in line 2, below a title. Delete line 1,",
        ),
        (
            ["Export\n", "2024,,\n", "\n", HEADER],
            "names are in line 4, below a title. Delete lines 1 to 3,",
        ),
        (
            [HEADER.replace("score", "Score")],
            "Line 1 holds the column 'Score' instead of 'score'",
        ),
        ([HEADER.replace("score", " score")], "holds the column ' score' instead of"),
        ([HEADER[:-1] + ",s_core\n"], "holds the column 's_core' beside 'score'"),
        (
            [HEADER, "1.2E+17," + ROWS[0].partition(",")[2]],
            "in scientific notation.*line 2",
        ),
        (
            [HEADER, "  ," + ROWS[0].partition(",")[2]],
            "'user_uuid': 1 of 1 rows have no",
        ),
        ([""], "It is empty. Write a line of column names"),
        (["\n\n"], "It is empty"),
        (["ann42,\0\n"], "It holds null characters"),
    ],
)
def test_rejected_csv(rows, said):
    with pytest.raises(TableError, match=f"^events.csv: .*{said}") as caught:
        read("".join(rows))
    assert not {"ann", "ann42"} & set(re.findall(r"\w+", str(caught.value)))


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("t.xls", b"", r"ends in \.csv, \.tsv, .*, the text .*; found 't\.xls'"),
        ("t", b"", "found 't'"),
        ("t.xlsx.gz", b"", r"found 't\.xlsx\.gz'"),
        ("t.parquet.gz", b"", r"found 't\.parquet\.gz'"),
        ("t.csv.gz", b"ann42", "cannot be unpacked as gzip"),
        (
            "t.csv.gz",
            gzip.compress(b"ann42" * 99, mtime=0)[:-9],
            "cannot be unpacked as gzip",
        ),
        ("t.csv.zip", b"ann42", "cannot be unpacked as gzip or zip"),
        ("t.csv.zip", zipped("a", data="ann42" * 99)[:-9], "cannot be unpacked"),
        ("t.csv.zip", zipped(), "cannot be unpacked"),
        ("t.csv.zip", zipped("a", "b"), "one file in the zip archive; found 2"),
        ("t.xlsx.zip", b"", r"found 't\.xlsx\.zip'"),
        ("t.csv", b"\xff\xfe\x00", "It is not text in utf-16"),
        ("t.csv", b"\x81ann42", "It is not text in cp1252"),
        ("t.parquet", b"", "cannot be read as Parquet"),
        ("t.parquet", b"PAR1ann42PAR1", "cannot be read as Parquet"),
    ],
)
def test_rejected_file(name, data, said):
    with pytest.raises(TableError, match=said) as caught:
        read(data, name)
    assert "ann42" not in str(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(TableError, match=r"There is no file .*no\.csv"):
        read_events(tmp_path / "no.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TableError, match="There is no file"):
        read_events(tmp_path / "folder.csv")


def test_unknown_column():
    with pytest.raises(ValueError, match="columns"):
        read(csv(), columns={"student": "user_uuid"})


# -- kinds of source ----------------------------------------------------------------


def test_paths_and_open_files(tmp_path):
    path = tmp_path / "EVENTS.CSV"
    path.write_text(csv(), "utf-8")
    same_values(read_events(path), FEW)
    same_values(read_events(str(path)), FEW)
    with path.open("rb") as file:
        same_values(read_events(file), FEW)


def test_inferences_are_a_warning_without_a_report():
    with pytest.warns(UserWarning, match="^t.csv: Columns are separated by ';'"):
        read_events(BytesIO(csv(sep=";").encode()), name="t.csv")


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    EVENTS.to_parquet(tmp_path / "t.parquet")
    found, report = read_events(tmp_path / "t.parquet", return_report=True)
    same_values(found, EVENTS.astype({"legajo": str}))
    dates = dict.fromkeys(EPOCH_COLUMNS, "s")
    assert report == ReadingReport("parquet", None, None, None, (), dates)


def test_parquet_with_keys_in_the_index(tmp_path):
    pytest.importorskip("pyarrow")
    indexed = FEW.assign(row=range(4)).set_index(["user_uuid", "row", "particion"])
    indexed.to_parquet(tmp_path / "t.parquet")
    found, report = read_events(tmp_path / "t.parquet", return_report=True)
    same_values(found[NAMES], FEW)
    assert found.index.equals(pd.RangeIndex(4))
    assert "['user_uuid', 'particion']" in report.notes[0]


def test_parquet_with_a_key_that_is_a_range(tmp_path):
    pytest.importorskip("pyarrow")
    table = FEW.assign(particion=range(4)).set_index(pd.RangeIndex(4, name="particion"))
    table.drop(columns="particion").to_parquet(tmp_path / "t.parquet")
    found, report = read_events(tmp_path / "t.parquet", return_report=True)
    assert found["particion"].tolist() == [0, 1, 2, 3]
    assert "['particion']" in report.notes[0]


def test_columns_that_cannot_be_read_are_reported_together():
    table = FEW.assign(score="ann42", s_graded_at="x", user_uuid=[None, *"abc"])
    said = r"'user_uuid'.*\(line 2\).*columns \['score', 's_graded_at'\] cannot be"
    with pytest.raises(TableError, match=said):
        read(csv(table))
    X, report = read(csv(table), unreadable="report")
    assert list(report.unreadable) == ["user_uuid", "score", "s_graded_at"]
    assert "'score': 4 of 4 rows are not numbers" in report.unreadable["score"]
    assert X["score"].tolist() == ["ann42"] * 4
    same_values(X[["particion"]], FEW[["particion"]])
    with pytest.raises(ValueError, match="unreadable is 'raise' or 'report'"):
        read(csv(table), unreadable="drop")


@pytest.mark.parametrize("again", [" 8 ", "08", "7A"])
def test_ids_that_differ_in_spelling_only_are_noted(again):
    table = FEW.assign(user_uuid=["7a", "8", "7b", "8b"], course_uuid="c")
    _, report = read(csv(table))
    assert report.notes == ()
    table["user_uuid"] = ["7a", "8", again, "8b"]
    _, report = read(csv(table))
    assert "'user_uuid' holds 1 id that differ" in report.notes[0]


def test_parquet_without_pyarrow(monkeypatch):
    def absent(module, **said):
        raise MissingExtraError(f"{said['purpose']} needs {said['extra']}")

    monkeypatch.setattr("edml.sources._arrow.import_optional", absent)
    with pytest.raises(MissingExtraError, match="Parquet needs parquet"):
        read(b"", "t.parquet")


# -- any dialect gives the same features ----------------------------------------------

DIALECTS = st.builds(
    SimpleNamespace,
    sep=st.sampled_from(",;\t|"),
    decimal=st.sampled_from(".,"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    lineterminator=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([0, 1]),
).filter(lambda one: one.decimal == "." or one.sep != ",")
CELLS = st.text(st.sampled_from('NAé ;,|\t"\n1.'), min_size=1, max_size=5).filter(
    lambda text: text.strip()
)


@given(dialect=DIALECTS, course=CELLS, exam=CELLS)
@settings(max_examples=15)
def test_features_do_not_depend_on_the_dialect(dialect, course, exam):
    table = EVENTS.assign(course_uuid=course).replace(
        {"nombre_examen": {EVENTS["nombre_examen"].dropna().iloc[0]: exam}}
    )
    encoding = dialect.encoding
    how = {name: value for name, value in vars(dialect).items() if name != "encoding"}
    found, _ = read(csv(table, **how).encode(encoding))
    assert found["course_uuid"].eq(course).all()
    engineer = FeatureEngineer()
    expected = engineer.fit_transform(table)
    pd.testing.assert_frame_equal(
        engineer.fit_transform(found).drop(columns=["course_uuid"]),
        expected.drop(columns=["course_uuid"]),
        check_dtype=False,
    )


def test_an_absent_column_is_reported_with_the_features_that_stay_empty():
    rows = [HEADER.replace("score", "points"), *ROWS]
    file = BytesIO("".join(rows).encode())
    _, report = read_events(file, name="events.csv", return_report=True)
    (note,) = [note for note in report.notes if "'score'" in note]
    assert "'score_*'" in note


def test_names_that_differ_in_case_only_are_noted():
    table = FEW.assign(ass_name="Essay", ass_name_sub=" Essay ", score=80)
    assert read(csv(table))[1].notes == ()
    table.loc[1, "ass_name_sub"] = "ESSAY"
    (note,) = read(csv(table))[1].notes
    assert "['ass_name', 'ass_name_sub'] hold 1 name that differ" in note


@pytest.mark.parametrize(("score", "noted"), [(0.85, True), (0, False), (85, False)])
def test_scores_that_are_fractions_are_noted(score, noted):
    _, report = read(csv(FEW.assign(score=score)))
    assert any("'score' holds scores of 0 to 1" in one for one in report.notes) == noted
