"""Every kind of table is read the same, or raises an error with its lines and names."""

import gzip
import json
import re
import zipfile
from datetime import date, datetime
from decimal import Decimal
from importlib import resources
from io import BytesIO, StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edml.datasets import make_student_activity
from edml.exceptions import MissingExtraError, TableError
from edml.feature_extraction import FeatureEngineer
from edml.schema import (
    COLUMNS,
    EPOCH_COLUMNS,
    REQUIRED_COLUMNS,
    SNAPSHOT_KEYS,
    data_dictionary,
)
from edml.sources import read_events, read_table

EVENTS = make_student_activity(10, partitions=12, random_state=0)
FEW = EVENTS[list(REQUIRED_COLUMNS)].head(4)


@pytest.fixture(name="expected")
def read_from_csv():
    return read_events(BytesIO(EVENTS.to_csv(index=False).encode()), name="t.csv")


def read(data, name, **how):
    return read_events(BytesIO(data), name=name, return_report=True, **how)


def workbook(*sheets):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def rows_of(table, to_cell=lambda cell: cell):
    values = table.astype(object).where(table.notna(), None)
    cells = [[to_cell(cell) for cell in row] for row in values.to_numpy().tolist()]
    return [list(table), *cells]


# -- the template -------------------------------------------------------------------

DOCS = Path(__file__).parents[2] / "docs"
TEMPLATE = DOCS / "_static" / "events_template"


def test_the_templates_are_read_without_a_note():
    pytest.importorskip("openpyxl")
    found, report = read_events(
        DOCS / "_static/events_template.csv", return_report=True
    )
    again, other = read_events(
        DOCS / "_static/events_template.xlsx", return_report=True
    )
    pd.testing.assert_frame_equal(again, found)
    assert list(found) == list(COLUMNS)
    assert report.notes == other.notes == ()
    assert FeatureEngineer().fit_transform(found)["score_mean"].max() == 85


def test_the_page_shows_a_dictionary_of_every_column():
    page = (DOCS / "user_guide/own_data.rst").read_text()
    (shown,) = re.findall(r":file: (\S*dictionary\.csv)", page)
    text = (DOCS / "user_guide" / shown).read_text("utf-8")
    assert text == resources.files("edml.schema").joinpath("dictionary.csv").read_text()
    described = data_dictionary()
    assert set(described) == set(COLUMNS)
    for name, about in described.items():
        required = about.without.startswith("Required")
        assert required == (name in SNAPSHOT_KEYS), name


# -- JSON ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("t.json", {"orient": "records"}),
        ("t.json", {}),  # an object of columns
        ("t.json", {"indent": 2}),
        ("t.json", {"orient": "records", "indent": 2}),
        ("t.jsonl", {"orient": "records", "lines": True}),
        ("t.ndjson", {"orient": "records", "lines": True}),
    ],
)
def test_json(expected, name, how):
    text = EVENTS.to_json(double_precision=15, **how)
    found, report = read(text.encode(), name)
    pd.testing.assert_frame_equal(found, expected)
    assert report.format == "json"
    assert report.notes == ()
    packed, _ = read(gzip.compress(text.encode()), f"{name}.gz")
    pd.testing.assert_frame_equal(packed, expected)


def records(**changed):
    return json.loads(FEW.assign(**changed).to_json(orient="records"))


def lines(rows):
    return "\n".join(json.dumps(row) for row in rows)


def test_json_lines_may_lack_what_is_null():
    some = [{k: v for k, v in row.items() if v is not None} for row in records()]
    missing = set(FEW) - set().union(*some)
    some[-1] |= dict.fromkeys(missing)
    found, _ = read(lines(some).encode(), "t.jsonl")
    whole, _ = read(lines(records()).encode(), "t.jsonl")
    pd.testing.assert_frame_equal(found[list(FEW)], whole)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "It is not JSON"),
        ("ann42", "It is not JSON"),
        ("[1, 2]", "Expected a record in record 1"),
        ('{"a": 1}\n\n["ann42"]', "Expected a record in line 3"),
        ('{"a": 1}\n{"a": ann42}', "It is not JSON in line 2, column 7"),
        ('[{"a": 1},\n{"a": ann42}]', "It is not JSON in line 2, column 7"),
        ('{"a": 1}\n{"score": 1, "score": 2}', r"line 2 holds the names \['score'\] m"),
        ('{"a": {"0": 1}, "b": {"1": 1}}', "Expected the same rows in every column"),
        ("[" * 100_000, "nested too deeply"),
        (
            lines(records(score="ann42")),
            r"'score': 4 of 4 rows are not num.* \(lines 1",
        ),
        (lines(records(score=True)), r"'score': 4 of 4 rows are not num.* \(lines 1"),
        (json.dumps(records(score="x")), r"are not numbers \(records 1, 2, 3, 4\)"),
        (lines(records(user_uuid=1.5)), r"'user_uuid': 4 of 4 rows hold neither"),
        (lines(records(user_uuid=True)), r"'user_uuid': 4 of 4 rows hold neither"),
        (lines([r | {"ass_name": ["ann42"]} for r in records()]), "hold neither"),
        (lines([r | {"s_graded_at": {}} for r in records()]), "hold no date"),
    ],
)
def test_rejected_json(text, said):
    with pytest.raises(TableError, match=said) as caught:
        read(text.encode(), "t.json")
    assert "ann42" not in str(caught.value)


# -- Excel --------------------------------------------------------------------------


def test_excel(expected):
    found, report = read(workbook(("Events", rows_of(EVENTS))), "t.xlsx")
    pd.testing.assert_frame_equal(found, expected)
    assert (report.format, report.sheet, report.notes) == ("excel", "Events", ())


def test_excel_dates_and_ids(expected):
    table = EVENTS.assign(legajo=[f"0{one}" for one in EVENTS["legajo"]])
    for name in EPOCH_COLUMNS:
        table[name] = pd.to_datetime(table[name], unit="s")
    rows = rows_of(table, lambda cell: getattr(cell, "to_pydatetime", lambda: cell)())
    found, report = read(workbook(("Events", [[], *rows])), "t.xlsx")
    expected["legajo"] = "0" + expected["legajo"]
    pd.testing.assert_frame_equal(found, expected)
    assert set(report.dates.values()) == {"datetime"}
    assert report.timezone == "UTC"
    assert "have no time zone and were read as UTC" in report.notes[0]


def test_the_sheet_of_events_is_found():
    data = workbook(("About", [["Made by", "us"]]), ("Events", rows_of(FEW)))
    found, report = read(data, "t.xlsx")
    assert len(found) == 4
    assert "2 sheets, of which 'Events' was read" in report.notes[0]
    assert read(data, "t.xlsx", sheet="Events")[1].notes == ()
    with pytest.raises(TableError, match=r"lacks \['user_uuid'"):
        read(data, "t.xlsx", sheet="About")
    with pytest.raises(TableError, match=r"no sheet 'X'\. Its sheets are \['About'"):
        read(data, "t.xlsx", sheet="X")


def test_excel_errors_name_the_row():
    rows = rows_of(FEW.assign(score=[1, 2, "ann42", 3]))
    with pytest.raises(TableError, match=r"'score': 1 of 4 .* \(line 5\)"):
        read(workbook(("E", [*rows[:2], [], *rows[2:]])), "t.xlsx")
    periods = FEW.assign(periodo=datetime(2024, 1, 1))
    with pytest.raises(TableError, match="format the cells as text"):
        read(workbook(("E", rows_of(periods))), "t.xlsx")
    with pytest.raises(
        TableError, match=r"Line 1 holds the column names \['score'\] m"
    ):
        read(workbook(("E", [[*row, 1] if i else [*row, "score"]
                             for i, row in enumerate(rows)])), "t.xlsx")  # fmt: skip


def test_cells_outside_the_table():
    data = workbook(("E", [*rows_of(FEW), [None] * 20 + ["ann42"]]))
    with pytest.raises(TableError, match=r"no name for column 21, .* in line 6"):
        read(data, "t.xlsx")


def test_two_far_cells_do_not_fill_memory():
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active["A1"] = "user_uuid"
    book.active["XFD1048576"] = 1
    file = BytesIO()
    book.save(file)
    with pytest.raises(TableError, match="no name for column 16384"):
        read(file.getvalue(), "t.xlsx")


def test_merged_cells_are_noted():
    data = workbook(("a", rows_of(FEW)))
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(BytesIO(data))
    book.active.merge_cells("D2:D3")
    book.save(file := BytesIO())
    assert "merged cells" not in " ".join(read(data, "t.xlsx")[1].notes)
    assert "It has merged cells" in read(file.getvalue(), "t.xlsx")[1].notes[0]


@pytest.mark.parametrize("column", ["score", "points_possible"])
def test_percentages_among_plain_numbers_are_rejected(column):
    table = EVENTS[EVENTS[column].notna()].head(3)
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(BytesIO(workbook(("a", rows_of(table)))))
    place = list(table).index(column) + 1
    (cells,) = book.active.iter_cols(place, place, min_row=2)
    for line, cell in enumerate(cells, start=2):
        cell.value, cell.number_format = 0.85, "0.00%"
        book.save(file := BytesIO())
        if line < 1 + len(table):
            said = f"'{column}' mixes formats: line 2 .*, and line {line + 1} a plain"
            with pytest.raises(TableError, match=said):
                read(file.getvalue(), "t.xlsx")
    found, _ = read(file.getvalue(), "t.xlsx")  # all alike
    assert found[column].tolist() == [0.85] * len(table)


def test_a_file_object_without_a_name():
    with pytest.raises(TableError, match=r"Pass one, such as name='events.csv'"):
        read_events(BytesIO(EVENTS.to_csv(index=False).encode()))


def test_words_for_null_among_numbered_ids():
    table = EVENTS[EVENTS["assignment_id"].notna()].head(3)
    words = table["assignment_id"].astype(object).where([True, False, True], "NA")
    data = table.assign(assignment_id=words).to_csv(index=False).encode()
    found, _ = read(data, "t.csv", na_values=["NA"])
    expected = table["assignment_id"].where([True, False, True])
    assert found["assignment_id"].tolist()[::2] == expected.tolist()[::2]
    assert np.isnan(found["assignment_id"].iloc[1])


def test_blank_cells_below_and_beside_an_excel_table_are_left_out():
    rows = [[*row, None, " "] for row in rows_of(FEW)]
    found, _ = read(workbook(("a", [*rows, [" ", " "], [None]])), "t.xlsx")
    pd.testing.assert_frame_equal(
        found, read(FEW.to_csv(index=False).encode(), "t.csv")[0]
    )


def test_excel_that_is_none():
    with pytest.raises(TableError, match="cannot be read as an Excel workbook"):
        read(b"ann42", "t.xlsx")
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("ann42.xml", "<ann42/>")
    with pytest.raises(TableError, match="cannot be read as an Excel workbook"):
        read(file.getvalue(), "t.xlsx")
    with pytest.raises(TableError, match="It is empty"):
        read(workbook(("E", [])), "t.xlsx")


def test_excel_without_openpyxl(monkeypatch):
    def absent(module, **said):
        raise MissingExtraError(f"{said['purpose']} needs {said['extra']}")

    monkeypatch.setattr("edml.sources._excel.import_optional", absent)
    with pytest.raises(MissingExtraError, match="Excel needs excel"):
        read(b"", "t.xlsx")


# -- Parquet and Arrow --------------------------------------------------------------


def test_folder_of_parts(tmp_path, expected):
    pytest.importorskip("pyarrow")
    EVENTS.iloc[:7].to_parquet(tmp_path / "part-0.parquet")
    EVENTS.iloc[7:].to_parquet(tmp_path / "part-1.parquet")
    (tmp_path / "_SUCCESS").touch()
    found, report = read_events(tmp_path, return_report=True)
    pd.testing.assert_frame_equal(found, expected)
    assert report.notes == ("It is a folder of 2 parts.",)
    EVENTS.drop(columns="score").to_parquet(tmp_path / "part-2.parquet")
    with pytest.raises(TableError, match=r"'part-2\.parquet' differ in \['score'\]"):
        read_events(tmp_path)


def test_folder_partitioned_by_a_column(tmp_path, expected):
    pytest.importorskip("pyarrow")
    EVENTS.astype({"periodo": str}).to_parquet(tmp_path / "t", partition_cols="periodo")
    found, _ = read_events(tmp_path / "t", return_report=True)
    keys = ["user_uuid", "course_uuid", "particion", "periodo"]
    keys += [name for name in expected if name not in keys]
    found, expected = (
        table[keys].sort_values(keys, ignore_index=True) for table in (found, expected)
    )
    pd.testing.assert_frame_equal(found, expected)


def test_parquet_with_column_levels(tmp_path):
    pytest.importorskip("pyarrow")
    levels = FEW.set_axis(pd.MultiIndex.from_product([FEW, ["first"]]), axis=1)
    levels.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(TableError, match="several levels"):
        read_events(tmp_path / "t.parquet")
    with pytest.raises(TableError, match="several levels"):
        read_events(levels)


def test_arrow_types(expected):
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pandas(EVENTS, preserve_index=False)
    for place, name in enumerate(table.column_names):
        column = table[name]
        if name in EPOCH_COLUMNS:
            column = column.cast(pa.int64()).cast(pa.timestamp("s", tz="America/Lima"))
        elif name in ("course_uuid", "nombre_examen"):
            column = column.cast(pa.string()).dictionary_encode()
        elif name in ("legajo", "assignment_id"):
            column = column.cast(pa.int32())
        elif name == "score":
            column = column.cast(pa.float64()).cast(pa.decimal128(20, 10), safe=False)
        table = table.set_column(place, name, column)
    expected["score"] = EVENTS["score"].map(lambda one: float(round(Decimal(one), 10)))
    found, report = read_events(table, return_report=True)
    pd.testing.assert_frame_equal(found, expected)
    assert report.format == "arrow"
    assert report.timezone is None
    (batch,) = table.combine_chunks().to_batches()
    pd.testing.assert_frame_equal(read_events(batch), expected)


def test_days_and_large_integers():
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pandas(FEW, preserve_index=False)
    place = table.column_names.index("s_graded_at")
    days = pa.array([date(2024, 3, 1), None, None, date(1970, 1, 1)], pa.date32())
    table = table.set_column(place, "s_graded_at", days)
    table = table.set_column(0, "user_uuid", pa.array([2**60 + 1] * 4))
    found, _ = read_events(table, return_report=True)
    assert found["s_graded_at"].fillna(-1).tolist() == [1_709_251_200, -1, -1, 0]
    assert found["user_uuid"].tolist() == [str(2**60 + 1)] * 4


def test_polars(expected):
    polars = pytest.importorskip("polars")
    frame = polars.from_pandas(EVENTS)
    pd.testing.assert_frame_equal(read_events(frame), expected)
    with pytest.raises(TypeError, match=r"found LazyFrame\. Collect it first"):
        read_events(frame.lazy())


def test_arrow_without_pyarrow(monkeypatch):
    class Table:
        def __arrow_c_stream__(self, requested_schema=None):
            raise AssertionError

    def absent(module, **said):
        raise MissingExtraError(f"{said['purpose']} needs {said['extra']}")

    monkeypatch.setattr("edml.sources._arrow.import_optional", absent)
    with pytest.raises(MissingExtraError, match="other libraries needs parquet"):
        read_events(Table())


# -- pandas -------------------------------------------------------------------------


def test_frame(expected):
    shuffled = EVENTS.sample(frac=1, random_state=0)
    before = shuffled.copy()
    found, report = read_events(shuffled, return_report=True)
    pd.testing.assert_frame_equal(found.sort_index(), expected)
    pd.testing.assert_frame_equal(shuffled, before)
    assert report.format == "pandas"
    assert report.notes == ()
    mixed = shuffled.astype({"user_uuid": "category", "score": object})
    pd.testing.assert_frame_equal(read_events(mixed).sort_index(), expected)
    indexed = EVENTS.set_index(["user_uuid", "particion"])
    with pytest.warns(UserWarning, match=r"index .*: \['user_uuid', 'particion'\]"):
        found = read_events(indexed)
    pd.testing.assert_frame_equal(found[list(expected)], expected)


def test_frame_errors_name_row_labels():
    odd = FEW.assign(score=["ann42", 1, 2, np.inf]).set_axis(list("abcd"))
    with pytest.raises(
        TableError, match=r"1 of 4 rows are not numbers \(row label 'a'"
    ):
        read_events(odd)
    with pytest.raises(TableError, match="hold an infinite number"):
        read_events(odd.iloc[1:])


def test_other_columns_stay_as_they_are():
    rubric = [[1, 2], {"a": 1}, {1}, None]
    found = read_events(FEW.assign(rubric=rubric))
    assert found["rubric"].tolist() == rubric


@pytest.mark.parametrize("source", [FEW.to_numpy(), None, 3, {"a": [1]}])
def test_other_types(source):
    with pytest.raises(TypeError, match="Expected a path, a binary file, a pandas"):
        read_events(source)


def test_text_file():
    with pytest.raises(TypeError, match="in binary mode"):
        read_events(StringIO("a"), name="t.csv")


# -- ids ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ids",
    [
        [1004, 7],
        [1004.0, 7.0],
        ["1004", "7"],
        ["1004.0", "7"],
        ["1004", 7.0],
        [Decimal(1004), np.int8(7)],
        pd.array([1004, 7], "Int64"),
        pd.Categorical([1004, 7]),
    ],
    ids=repr,
)
def test_ids_are_the_same_thing(ids):
    names = ["user_uuid", "course_uuid", "legajo", "assignment_id"]
    table = FEW.head(2).assign(**dict.fromkeys(names, ids))
    found, report = read_events(table, return_report=True)
    for name in names[:3]:
        assert found[name].tolist() == ["1004", "7"], name
        assert found[name].dtype == "str"
    assert found["assignment_id"].tolist() == [1004, 7]
    floats = any(isinstance(one, float) or str(one).endswith(".0") for one in ids)
    assert any("1004.0 is the id 1004" in note for note in report.notes) == floats
    from_csv, _ = read(table.to_csv(index=False).encode(), "t.csv")
    pd.testing.assert_frame_equal(from_csv, found)
    commas, _ = read(table.to_csv(index=False, sep=";", decimal=",").encode(), "t.csv")
    pd.testing.assert_frame_equal(commas, found)


def test_leading_zeros_are_kept():
    table = FEW.head(2).assign(user_uuid=["01004", "1004"], assignment_id=["01", "1"])
    with pytest.warns(UserWarning, match="'user_uuid' holds 1 id that differ"):
        from_frame = read_events(table)
    for found in (from_frame, read(table.to_csv().encode(), "t.csv")[0]):
        assert found["user_uuid"].tolist() == ["01004", "1004"]
        assert found["assignment_id"].tolist() == ["01", "1"]


@pytest.mark.parametrize("odd", [1.5, float(2**60), np.inf, True, datetime(2024, 1, 1)])
def test_ids_that_are_none(odd):
    with pytest.raises(TableError, match="hold neither text nor a whole number"):
        read_events(FEW.assign(user_uuid=pd.Series([odd] * 4, dtype=object)))


# -- the names of columns -----------------------------------------------------------


def test_an_index_that_numbers_the_rows_is_left_out(expected):
    for table in (EVENTS, EVENTS.set_axis(range(1, len(EVENTS) + 1))):
        found, report = read(table.to_csv().encode(), "t.csv")
        pd.testing.assert_frame_equal(found, expected)
        assert "Column 1 has no name and numbers the rows" in report.notes[0]
        assert found.index.equals(pd.RangeIndex(len(EVENTS)))
    twice = EVENTS.reset_index().rename(columns={"index": "Unnamed: 0"})
    assert list(read(twice.to_csv(index=False).encode(), "t.csv")[0]) == list(expected)


@pytest.mark.parametrize("index", [[3, 1, 2, 0], [1, 1, 2, 3], ["a", "b", "c", "d"]])
def test_an_index_with_values(index):
    with pytest.raises(TableError, match="Line 1 holds no name for column 1, which"):
        read(FEW.set_axis(index).to_csv().encode(), "t.csv")


def test_empty_columns_without_a_name_are_left_out():
    head, *rows = FEW.to_csv(index=False).splitlines()
    text = "\n".join(f"{row},," for row in (head, *rows))
    assert list(read(text.encode(), "t.csv")[0]) == list(FEW)
    with pytest.raises(TableError, match="no name for column 14, which has values"):
        read(text.replace(f"{rows[1]},,", f"{rows[1]},7,").encode(), "t.csv")


def test_a_key_in_an_index_of_another_name(tmp_path):
    pytest.importorskip("pyarrow")
    for name, said in ((None, "index has no name"), ("who", r"index has \['who'\]")):
        table = FEW.set_index("user_uuid").rename_axis(name)
        with pytest.raises(TableError, match=rf"lacks \['user_uuid'\].*{said}"):
            read_events(table)
        if name is None:
            table.to_parquet(tmp_path / "t.parquet")
            with pytest.raises(TableError, match=rf"lacks \['user_uuid'\].*{said}"):
                read_events(tmp_path / "t.parquet")
    shuffled = FEW.sample(frac=1, random_state=0)
    shuffled.to_parquet(tmp_path / "t.parquet")
    found = read_events(tmp_path / "t.parquet")
    assert found.index.equals(pd.RangeIndex(4))
    assert list(found) == list(FEW)


@pytest.mark.parametrize("name", ["score.1", "score_duplicated_0", "score:1"])
def test_a_renamed_double(name):
    with pytest.raises(TableError, match=f"holds the columns 'score' and '{name}'"):
        read_events(FEW.assign(**{name: 1}))
    with pytest.raises(TableError, match=f"Line 1 .* 'score' and '{name}"):
        read(FEW.assign(**{name: 1}).to_csv(index=False).encode(), "t.csv")
    assert "points.1" in read_events(FEW.assign(points=1, **{"points.1": 1}))


def test_doubled_names_of_a_frame():
    with pytest.raises(TableError, match=r"holds the column names \['score'\] more"):
        read_events(pd.concat([FEW, FEW[["score"]]], axis=1))


# -- any table ----------------------------------------------------------------------


def test_read_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b\n01;x\n\n;y\n")
    found, notes = read_table(path)
    assert found["a"].tolist()[0] == "01"
    assert found["a"].isna().tolist() == [False, True]
    assert found.index.tolist() == [2, 4]
    assert "separated by ';'" in notes[0]
    path.write_text("a;b\n1\n")
    with pytest.raises(TableError, match=r"t\.csv: Expected 2 fields .* in line 2"):
        read_table(path)
