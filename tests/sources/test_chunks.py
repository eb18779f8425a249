"""EventChunks: a table read in chunks is the table read whole, or an error."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edml.datasets import make_student_activity
from edml.exceptions import TableError
from edml.sources import EventChunks, read_events
from edml.sources._chunk_csv import _find_end
from strategies import n_examples

HEAD = "user_uuid,course_uuid,particion,nombre_examen,nota_parcial,legajo,s_graded_at"
COLUMNS = HEAD.split(",")


def read_chunks(path, n_rows=1, **options):
    """Join the chunks, as a store does."""
    chunks = EventChunks(path, n_rows=n_rows, **options)
    found = [*chunks.read()]
    report, types = chunks.settle([chunk.facts for chunk in found])
    X = pd.concat([chunk.X for chunk in found if len(chunk.X)], ignore_index=True)
    for name, kind in types.items():
        if kind != "text":
            X[name] = X[name].astype("float64").astype(kind)
    return X, report, found


def write(tmp_path, rows, head=HEAD):
    path = tmp_path / "events.csv"
    path.write_text("\n".join([head, *rows, ""]), encoding="utf-8")
    return path


names = st.text(st.sampled_from('ab ",;\né'), min_size=1, max_size=6)
rows = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "1004"]),
        st.sampled_from(["c1", "c2"]),
        st.sampled_from(["0", "3", ""]),
        names,
        st.sampled_from(["7", "7.5", "", "1e1"]),
        st.sampled_from(["", "12", "013"]),
        st.sampled_from(["", "0", "1700000000", "1710000000.5"]),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=n_examples(40))
@given(rows, st.sampled_from([1, 3, 10]), st.sampled_from(",;"))
def test_chunks_are_the_whole(tmp_path_factory, rows, n_rows, sep):
    path = tmp_path_factory.mktemp("chunks") / "events.csv"
    pd.DataFrame(rows, columns=COLUMNS).to_csv(path, index=False, sep=sep)
    whole, expected = read_events(path, return_report=True)
    X, report, _ = read_chunks(path, n_rows)
    pd.testing.assert_frame_equal(X, whole)
    assert report == expected


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "csv.zip", "parquet"])
def test_reading_goes_on_after_any_chunk(tmp_path, kind):
    X = make_student_activity(15, partitions=20, random_state=0)
    path = tmp_path / f"events.{kind}"
    if kind == "parquet":
        X.to_parquet(path, row_group_size=70)
    else:
        X.to_csv(path, index=False)
    chunks = EventChunks(path, n_rows=80)
    found = [*chunks.read()]
    assert len(found) > 3
    for place, chunk in enumerate(found):
        rest = [*EventChunks(path, n_rows=80).read(chunk.end)]
        later = [one.X for one in found[place + 1 :]]
        assert bool(rest) == bool(later)
        if rest:
            joined = pd.concat([one.X for one in rest], ignore_index=True)
            expected = pd.concat(later, ignore_index=True)
            pd.testing.assert_frame_equal(joined, expected)


def test_lines_of_errors_are_those_of_the_file(tmp_path):
    rows = [f"s{n},c1,{n},exam,7,,1700000000" for n in range(200)]
    rows[150] = "s,c1,0,exam,seven,,"
    with pytest.raises(TableError, match="152") as caught:
        read_chunks(write(tmp_path, rows))
    with pytest.raises(TableError, match="152") as whole:
        read_events(tmp_path / "events.csv")
    assert str(caught.value).replace("of 4 rows", "of 200 rows") == str(whole.value)


@pytest.mark.parametrize(
    ("column", "early", "late", "message"),
    [
        ("s_graded_at", "1700000000", "1700000000000", "dates as 's' and as 'ms'"),
        ("s_graded_at", "1700000000", "2024-01-01T10:00Z", "'s' and as 'ISO 8601'"),
        ("s_graded_at", "2024-01-01T10:00", "2024-01-01T10:00Z", "with a time zone"),
        ("legajo", "1004.0", "x1", "whole numbers with decimals"),
        ("nota_parcial", "7", "7,5", "are not numbers"),
    ],
)
def test_a_contradiction_is_an_error(tmp_path, column, early, late, message):
    row = dict.fromkeys(COLUMNS, "") | {"user_uuid": "s", "course_uuid": "c"}
    row |= {"particion": "1", "nombre_examen": "exam"}
    table = pd.DataFrame([row | {column: early}] * 60 + [row | {column: late}] * 60)
    table.to_csv(tmp_path / "events.csv", index=False, sep=";")
    with pytest.raises(TableError, match=message):
        read_chunks(tmp_path / "events.csv")


def test_bytes_that_are_not_utf8_after_some_that_are(tmp_path):
    rows = ["s,c1,0,exam é,7,,"] * 100
    path = write(tmp_path, rows)
    path.write_bytes(path.read_bytes() + "s,c1,0,é,7,,\n".encode("cp1252"))
    with pytest.raises(TableError, match="not text in utf-8 after line"):
        read_chunks(path)
    X, _, _ = read_chunks(path, encoding="cp1252")
    assert len(X) == 101


def test_ids_that_differ_in_spelling_are_noted_across_chunks(tmp_path):
    rows = [f"{id},c1,0,exam,7,," for id in ["Ann"] * 50 + ["ann "] * 50]
    path = write(tmp_path, rows)
    _, report, found = read_chunks(path)
    assert len(found) > 1
    _, expected = read_events(path, return_report=True)
    assert report.notes == expected.notes
    assert "1 id that differ" in " ".join(report.notes)


def test_parts_of_other_types_are_read_as_one_table(tmp_path):
    X = make_student_activity(10, partitions=10, random_state=0).assign(extra=1)
    half = len(X) // 2
    X[:half].to_parquet(tmp_path / "1.parquet")
    late = X[half:].assign(
        particion=lambda X: X["particion"].fillna(0).astype("int32"),
        extra=lambda X: X["extra"].astype(float),
    )
    late.to_parquet(tmp_path / "2.parquet")
    X, report, _ = read_chunks(tmp_path, 50)
    whole, expected = read_events(tmp_path, return_report=True)
    pd.testing.assert_frame_equal(X, whole)
    assert report == expected


def test_a_folder_of_two_kinds(tmp_path):
    X = make_student_activity(3, random_state=0)
    X.to_csv(tmp_path / "a.csv")
    X.to_parquet(tmp_path / "b.parquet")
    with pytest.raises(TableError, match="found both"):
        [*EventChunks(tmp_path).read()]


def test_parts_with_other_columns(tmp_path):
    X = make_student_activity(3, random_state=0)
    X.to_csv(tmp_path / "a.csv", index=False)
    X.drop(columns="legajo").to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(TableError, match=r"differ in \['legajo'\]"):
        [*EventChunks(tmp_path).read()]


def test_a_quote_that_stays_open(tmp_path):
    path = write(tmp_path, ['s,c1,0,"exam,7,,', *["s,c1,0,exam,7,,"] * 1000])
    with pytest.raises(TableError, match="A quote stays open"):
        read_chunks(path)


@given(st.text(st.sampled_from('a",\n'), max_size=60))
def test_chunks_end_where_rows_end(text):
    import csv  # noqa: PLC0415
    import io  # noqa: PLC0415

    try:
        [*csv.reader(io.StringIO(text, newline=""), strict=True)]
    except csv.Error:
        return
    end = _find_end(text.encode(), ",")
    parts = [text[:end], text[end:]]
    try:
        split = [
            row
            for part in parts
            for row in csv.reader(io.StringIO(part, newline=""), strict=True)
        ]
    except csv.Error:
        # a quote within an unquoted text, and a line break within quotes: the reader
        # raises the error too, instead of reading other rows
        return
    assert split == [*csv.reader(io.StringIO(text, newline=""), strict=True)]


@pytest.mark.parametrize("late", ["8", "90071992547409", "x8", ""])
def test_ids_of_assignments_have_one_type(tmp_path, late):
    head = "user_uuid,course_uuid,particion,ass_name,assignment_id,ass_due_at"
    rows = [f"s,c1,{n},quiz,{'7' if n < 50 else late},0" for n in range(100)]
    path = write(tmp_path, rows, head)
    X, report, _ = read_chunks(path)
    whole, expected = read_events(path, return_report=True)
    pd.testing.assert_frame_equal(X, whole)
    assert report == expected


def decode(X):
    """Return categories as the texts that they stand for."""
    kinds = {
        name: dtype.categories.dtype
        for name, dtype in X.dtypes.items()
        if isinstance(dtype, pd.CategoricalDtype)
    }
    return X.astype(kinds)


@settings(max_examples=n_examples(40))
@given(rows, st.sampled_from([1, 4, 50]), st.sampled_from(["csv", "parquet", "frame"]))
def test_categories_are_the_same_texts(tmp_path_factory, rows, n_rows, kind):
    source = X = pd.DataFrame(rows, columns=COLUMNS)
    if kind != "frame":
        source = tmp_path_factory.mktemp("chunks") / f"events.{kind}"
    if kind == "csv":
        X.to_csv(source, index=False)
    elif kind == "parquet":
        X.to_parquet(source, row_group_size=3)
    plain, coded = (
        EventChunks(source, n_rows=n_rows, categories=one) for one in (False, True)
    )
    wanted, found = [*plain.read()], [*coded.read()]
    joined = pd.concat([decode(chunk.X) for chunk in found], ignore_index=True)
    expected = pd.concat([chunk.X for chunk in wanted], ignore_index=True)
    pd.testing.assert_frame_equal(joined, expected, check_dtype=kind != "csv")
    assert all(
        isinstance(chunk.X["nombre_examen"].dtype, pd.CategoricalDtype)
        for chunk in found
    )
    facts = [[chunk.facts for chunk in chunks] for chunks in (wanted, found)]
    assert coded.settle(facts[1]) == plain.settle(facts[0])


@pytest.mark.parametrize(
    ("column", "cells", "message"),
    [
        ("user_uuid", ["ann", None, "bob"], "have no value .row label 1"),
        ("user_uuid", ["ann", " ", "bob"], "have no value .row label 1"),
        ("user_uuid", ["ann", "bob", "1.2E+10"], "scientific notation.*row label 2"),
        ("legajo", [7.0, 7.5, 7.5], "neither text nor.*row labels 1, 2"),
        ("periodo", ["01-2024", None, "May"], "no period .row label 2"),
        ("nota_parcial", ["7", "seven", "seven"], "not numbers .row labels 1, 2"),
    ],
)
def test_errors_of_categories_name_the_rows(tmp_path, column, cells, message):
    X = pd.DataFrame({name: ["7"] * 3 for name in COLUMNS})
    X = X.assign(particion=1, s_graded_at=0, periodo="01-2024")
    X.assign(**{column: cells}).to_parquet(tmp_path / "events.parquet")
    chunks = EventChunks(tmp_path / "events.parquet", categories=True)
    with pytest.raises(TableError, match=message):
        [*chunks.read()]


def test_a_bad_text_that_no_row_has_is_no_error(tmp_path):
    X = pd.DataFrame({name: ["7"] * 3 for name in COLUMNS})
    ids = pd.Categorical(["ann", "bob", "ann"], categories=["ann", "bob", " "])
    X = X.assign(particion=1, s_graded_at=0, user_uuid=ids)
    for source in (X, tmp_path / "events.parquet"):
        X.to_parquet(tmp_path / "events.parquet")
        (chunk,) = EventChunks(source, categories=True).read()
        assert chunk.X["user_uuid"].tolist() == ["ann", "bob", "ann"]


def test_whole_numbers_in_categories_stay_exact_beside_a_null():
    X = pd.DataFrame({name: ["7"] * 3 for name in COLUMNS})
    numbers = pd.Series([2**60 + 1, None, 8], dtype="Int64")
    for categories in (False, True):
        coded = pd.Categorical.from_codes([0, -1, 1], [2**60 + 1, 8])
        for legajo in (numbers, coded):
            table = X.assign(particion=1, s_graded_at=0, legajo=legajo)
            chunks = EventChunks(table, categories=categories)
            (chunk,) = chunks.read()
            assert chunk.X["legajo"].dropna().tolist() == [str(2**60 + 1), "8"]
            report, _ = chunks.settle([chunk.facts])
            assert "read_tails" not in [note.code for note in report.notes]
