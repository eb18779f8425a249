"""The same numbers in every format; errors name columns and rows, never values."""

import io
import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from bodies import CSV, FORMATS, JSON, PARQUET, as_csv, as_parquet, as_records
from edml.exceptions import TableError
from edml.schema import REQUIRED_COLUMNS, resolve_columns
from edml.serving import Limits
from edml.serving._payload import read_body
from edml.serving._problem import Problem
from strategies import event_tables

COLUMNS = {name: name for name in REQUIRED_COLUMNS}
LIMITS = Limits(max_rows=5000, max_body_bytes=2**24, max_depth=5)
SECRET = "SECRET4217"  # noqa: S105 - a value, and no password


def read(body, kind=JSON, columns=COLUMNS, limits=LIMITS):
    return read_body(body, kind, limits=limits, columns=columns)


def refusal(body, kind=JSON, **given):
    with pytest.raises(Problem, match=r"\.$") as caught:
        read(body, kind, **given)
    problem = caught.value
    assert 400 <= problem.status < 500
    assert SECRET not in json.dumps(problem.to_dict())
    assert problem.detail.endswith(".")
    return problem


def changed(X, column, value, row=3):
    bad = X[list(REQUIRED_COLUMNS)].astype(object)
    bad = bad.where(bad.notna(), None)
    cells = bad[column].to_list()
    cells[row] = value
    return bad.assign(**{column: pd.Series(cells, dtype=object)})


# -- the same number -----------------------------------------------------------------


def probabilities(model, X):
    students = model.score_students(X, n_reasons=0)
    keys = students["user_uuid"].astype(str) + "/" + students["course_uuid"].astype(str)
    return dict(zip(keys, students["probability"], strict=True))


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_matches_score_students_exactly(kind, model, events):
    write, content_type = FORMATS[kind]
    X = read(write(events), content_type)
    assert list(X.columns) == list(REQUIRED_COLUMNS)
    assert probabilities(model, X) == probabilities(model, events)


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=20)
@given(data=st.data())
def test_awkward_tables_too(kind, model, data):
    # dates as datetimes and other text types: only Parquet can hold them
    X = data.draw(event_tables(dtypes=kind == "parquet")).reset_index(drop=True)
    assume(len(X))
    write, content_type = FORMATS[kind]
    body = write(X)
    if kind == "csv":  # it does not say whether '10' is text
        X = pd.read_csv(io.BytesIO(body))
    try:
        expected = probabilities(model, X)
    except TableError:
        assume(False)
    assert probabilities(model, read(body, content_type)) == expected


def test_columns_with_other_names_and_other_columns(model, events):
    names = {**COLUMNS, "user_uuid": "student", "score": "points"}
    X = events.rename(columns=names).assign(extra="x")
    for kind in FORMATS:
        write, content_type = FORMATS[kind]
        found = read(write(X), content_type, columns={**names, "extra": "extra"})
        assert list(found.columns) == [*names.values(), "extra"]
        renamed = found.rename(columns={"student": "user_uuid", "points": "score"})
        assert probabilities(model, renamed) == probabilities(model, events)


def test_optional_columns_are_read_where_they_are():
    X = pd.DataFrame({name: [None] for name in resolve_columns(None)})
    X = X.assign(user_uuid="a", course_uuid="b", particion=1, periodo="1-2024")
    found = read(as_records(X), columns=resolve_columns(None))
    assert set(found.columns) == set(X.columns)
    few = read(as_records(X.drop(columns="periodo")), columns=resolve_columns(None))
    assert set(few.columns) == set(X.columns) - {"periodo"}


def test_row_order_of_columns_may_differ(events):
    X = events.head(9)
    columns = json.loads(FORMATS["columns"][0](X))
    columns["score"] = dict(reversed(columns["score"].items()))
    assert_frame_equal(read(json.dumps(columns).encode()), read(as_records(X)))


def test_identifiers_compare_as_numbers_where_they_are_numbers(events):
    X = events.head(40)
    for kind in ("records", "csv", "parquet"):
        write, content_type = FORMATS[kind]
        assert read(write(X), content_type)["assignment_id"].dtype.kind in "if"
        texts = X.assign(assignment_id="a" + X["assignment_id"].astype(str))
        assert read(write(texts), content_type)["assignment_id"].dtype == object


def test_whole_numbers_are_ids_too(events):
    ids = pd.factorize(events["user_uuid"])[0]
    for X in (events.assign(user_uuid=ids), events.assign(user_uuid=ids * 1.0)):
        for kind in ("records", "parquet"):
            write, content_type = FORMATS[kind]
            found = read(write(X), content_type)["user_uuid"]
            assert [*map(int, found)] == ids.tolist()
            assert not any(isinstance(one, float) for one in found.tolist())
    assert read(as_csv(events.assign(user_uuid=ids)), CSV)["user_uuid"].notna().all()


def test_leading_zeros_of_text_ids_stay(events):
    X = events.head(5).assign(user_uuid=["007", "07", "7", "a", "a"])
    for write, kind in ((as_csv, CSV), (as_records, JSON), (as_parquet, PARQUET)):
        assert read(write(X), kind)["user_uuid"].tolist() == [
            "007",
            "07",
            "7",
            "a",
            "a",
        ]


def parquet(columns):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def test_types_of_parquet(events):
    X = events.head(4)[list(REQUIRED_COLUMNS)].assign(s_graded_at=1_000_000_000.5)
    columns = dict(zip(X, pa.Table.from_pandas(X).columns, strict=False))
    moment = datetime(2001, 9, 9, 1, 46, 40, 500_000, tzinfo=UTC)
    for same in (
        pa.array([moment] * 4, pa.timestamp("ns", "UTC")),
        pa.array([moment] * 4, pa.timestamp("us", "America/Lima")),
        pa.array([Decimal("1000000000.50")] * 4),
        pa.array([1_000_000_000] * 4, pa.int64()),
    ):
        found = read(parquet({**columns, "s_graded_at": same}), PARQUET)["s_graded_at"]
        if found.dtype.kind == "M":
            found = found.astype(np.int64) / 1e6
        assert found.tolist() in ([1_000_000_000.5] * 4, [1_000_000_000] * 4)
    nothing = read(parquet({**columns, "score": pa.nulls(4)}), PARQUET)
    assert nothing["score"].isna().all()
    for other in ([[1]] * 4, [{"a": 1}] * 4, [b"x"] * 4, [True] * 4):
        problem = refusal(parquet({**columns, "score": pa.array(other)}), PARQUET)
        assert (problem.code, problem.column) == ("column-type", "score")


# -- what files may hold too -----------------------------------------------------------


def dated(X, write):
    names = [name for name in X if name.endswith("_at")]
    return X.assign(**{name: X[name].map(write, na_action="ignore") for name in names})


@pytest.mark.parametrize("kind", ["records", "columns", "csv", "parquet"])
@pytest.mark.parametrize(
    ("write", "note"),
    [
        (lambda one: one * 1000, "are milliseconds since 1970"),
        (lambda one: pd.Timestamp(one, unit="s").isoformat(), "were read as UTC"),
        (lambda one: f"{pd.Timestamp(one, unit='s').isoformat()}Z", None),
        (str, None),
    ],
    ids=["milliseconds", "ISO 8601", "with a zone", "text"],
)
def test_dates_of_all_forms(model, events, kind, write, note):
    body, content_type = FORMATS[kind]
    X = read(body(dated(events, write)), content_type)
    assert probabilities(model, X) == probabilities(model, events)
    notes = " ".join(X.attrs.get("notes", ()))
    assert (note in notes) if note else not notes


def test_numbers_as_files_spell_them(events):
    X = events.head(6)[list(REQUIRED_COLUMNS)].astype(object)
    X["score"] = ["+7.5", " 7.5", "75e-1", "NA", "n/a", ""]
    found = read(as_records(X.where(X.notna(), None)))["score"]
    assert found[:3].tolist() == [7.5] * 3
    assert found[3:].isna().all()


def test_ids_stay_as_they_were_sent_beside_other_dates(events):
    X = dated(events.head(4)[list(REQUIRED_COLUMNS)], str)
    X = X.astype(object).assign(user_uuid=[1, 2, 3, 4], assignment_id=[1.5] * 4)
    found = read(as_records(X.where(X.notna(), None)))
    assert found["user_uuid"].tolist() == [1, 2, 3, 4]
    assert found["assignment_id"].tolist() == [1.5] * 4


@pytest.mark.parametrize("sep", [";", "\t", "|"])
def test_csv_of_another_dialect(model, events, sep):
    body = events.to_csv(index=False, sep=sep, decimal=",").encode()
    X = read(body, CSV)
    assert probabilities(model, X) == probabilities(model, events)
    assert "Columns are separated by" in X.attrs["notes"][0]
    bad = body.replace(b"\n", f"\n{SECRET}{sep}".encode(), 1)
    assert refusal(bad, CSV).code == "no-table"


@pytest.mark.parametrize("sep", [",", ";"])
def test_ids_of_csv_keep_their_zeros(events, sep):
    ids = ["007", "7", "07"] * 3
    X = events.head(9).assign(user_uuid=ids, course_uuid=["01", "1", "1"] * 3)
    found = read(X.to_csv(index=False, sep=sep).encode(), CSV)
    assert found["user_uuid"].tolist() == ids
    assert found["course_uuid"].tolist() == X["course_uuid"].tolist()


# -- unreadable bodies -----------------------------------------------------------------

BAD_CELLS = [
    ("score", SECRET, "are not numbers"),
    ("score", "0x1A", "are not numbers"),
    ("score", "1_0", "are not numbers"),
    ("score", "\u0663", "are not numbers"),
    ("score", True, "are not numbers"),
    ("score", [SECRET], "are not numbers"),
    ("nota_parcial", {SECRET: 1}, "are not numbers"),
    ("nota_parcial", 1e300, "beyond 1,000,000"),
    ("nota_parcial", 1e12, "beyond 1,000,000"),
    ("score", -1_000_001, "beyond 1,000,000"),
    ("particion", 1_700_000_000, "beyond 1,000,000"),  # a date
    ("ass_due_at", -1e16, "a date outside 1990 to 2100"),
    ("user_uuid", None, "have no id"),
    ("user_uuid", "nan", "have no id"),
    ("user_uuid", [SECRET], "have no id"),
    ("course_uuid", 1.5, "have no id"),
    ("course_uuid", 2**60, "have no id"),
    ("course_uuid", False, "have no id"),
    ("nombre_examen", [SECRET], "hold neither text nor a number"),
    ("ass_name", True, "hold neither text nor a number"),
    ("assignment_id", {SECRET: SECRET}, "hold neither text nor a number"),
]


@pytest.mark.parametrize(("column", "value", "problem"), BAD_CELLS, ids=repr)
def test_error_names_bad_cells_of_json(column, value, problem, events):
    bad = changed(events.head(9), column, value)
    for write in (as_records, FORMATS["columns"][0]):
        found = refusal(write(bad))
        assert found.detail.startswith(f"Column '{column}': 1 of 9 rows ")
        assert re.search(problem, found.detail)
        assert (found.status, found.code) == (422, "unreadable-column")
        assert (found.column, found.rows) == (column, (3,))


@pytest.mark.parametrize("kind", [CSV, PARQUET])
def test_error_names_bad_cells_of_tables(kind, events):
    write = {CSV: as_csv, PARQUET: as_parquet}[kind]
    X = events.head(9)[list(REQUIRED_COLUMNS)]
    text = X["score"].astype(str).where(X["score"].notna())
    problem = refusal(write(X.assign(score=text.where(X.index != 5, SECRET))), kind)
    assert (problem.column, problem.rows) == ("score", (5,))
    problem = refusal(write(X.assign(score=np.inf)), kind)
    assert (problem.column, problem.rows) == ("score", (0, 1, 2, 3, 4))
    assert "rows, counted from 0: 0, 1, 2, 3, 4, ..." in problem.detail
    problem = refusal(write(X.assign(user_uuid=None)), kind)
    assert problem.column == "user_uuid"


RECORD = dict.fromkeys(REQUIRED_COLUMNS) | {"user_uuid": "a", "course_uuid": "b"}
TEXT = json.dumps(RECORD)
BAD_JSON = {
    "no JSON": (b'{"a": SECRET4217', 400, "no-json"),
    "NaN": (b'[{"a": NaN}]', 400, "no-json"),
    "a number beyond floats": (b"[1e400]", 400, "no-json"),
    "another encoding": ("[]".encode("utf-16"), 400, "no-json"),
    "half a surrogate": (b'["\\ud800"]', 400, "no-json"),
    "nothing": (b"", 400, "empty-body"),
    "a text": (b'"SECRET4217"', 422, "no-table"),
    "a number": (b"1", 422, "no-table"),
    "null": (b"null", 422, "no-table"),
    "an empty list": (b"[]", 422, "no-table"),
    "an empty object": (b"{}", 422, "no-table"),
    "a list of texts": (b'["SECRET4217"]', 422, "no-table"),
    "one record": (TEXT.encode(), 422, "no-table"),
    "columns without rows": (
        json.dumps({name: {} for name in COLUMNS}).encode(),
        422,
        "no-table",
    ),
    "columns of lists": (
        json.dumps({name: [1] for name in COLUMNS}).encode(),
        422,
        "no-table",
    ),
    "a lost column": (b'[{"user_uuid": "SECRET4217"}]', 422, "missing-column"),
    "a lost cell": (f'[{TEXT}, {{"score": 1}}]'.encode(), 422, "missing-column"),
    "a key twice": (
        f'[{TEXT[:-1]}, "score": "SECRET4217"}}]'.encode(),
        400,
        "duplicate-key",
    ),
    "a key twice, with a colon in a text": (
        f'[{TEXT[:-1]}, "x": "::", "score": ":"}}]'.encode(),
        400,
        "duplicate-key",
    ),
    "deep": (
        f'[{TEXT[:-1]}, "x": {"[" * 9}{"]" * 9}}}]'.encode(),
        400,
        "too-deep",
    ),
    "deeper than any parser": (b"[" * 100_000, 413, "too-large"),
    "as deep as the parser": (b"[" * 2000 + b"]" * 2000, 400, "no-json"),
    "many objects": (b"[" + b"{}," * 20_000 + b"{}]", 413, "too-large"),
    "many rows": (json.dumps([RECORD] * 5001).encode(), 413, "too-large"),
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_bad_json(case):
    body, status, code = BAD_JSON[case]
    problem = refusal(body)
    assert (problem.status, problem.code) == (status, code)


def test_unusual_but_valid_input():
    record = TEXT[:-1] + ', "x": "a: [{\\": \\\\", "y": {"z": [{"w": 1}]}, "k:": 1}'
    assert len(read(f"[{record}, {record}]".encode())) == 2
    assert len(read(json.dumps([RECORD] * 5000).encode())) == 5000
    brackets = json.dumps([RECORD | {"nombre_examen": "[{" * 5000}])
    assert len(read(brackets.encode())) == 1


def test_columns_with_other_rows_are_rejected():
    columns = {name: {"1": value} for name, value in RECORD.items()}
    problem = refusal(json.dumps(columns | {"score": {"2": 1}}).encode())
    assert (problem.code, problem.column) == ("ragged-columns", "score")
    problem = refusal(json.dumps(columns | {"score": {"1": 1, "2": 1}}).encode())
    assert problem.code == "ragged-columns"


HEADER = ",".join(REQUIRED_COLUMNS)
LINE = "a,b,1" + "," * 10
BAD_CSV = {
    "nothing but names": (HEADER, 422, "no-table"),
    "nothing but a line": ("\n", 422, "missing-column"),
    "no names": (f"{SECRET},{LINE}\n{LINE}\n", 422, "missing-column"),
    "semicolons in places": (f"{HEADER};x\n{LINE};1\n", 422, "missing-column"),
    "semicolons and too few columns": (f"a;b\n1;{SECRET}\n", 422, "no-table"),
    "semicolons and many rows": (
        (f"{HEADER}\n" + f"{LINE}\n" * 5001).replace(",", ";"),
        413,
        "too-large",
    ),
    "semicolons and many lines": ("a;b\n" + "\n" * 20_000, 413, "too-large"),
    "a name twice": (f"{HEADER},score\n{LINE},{SECRET}\n", 422, "duplicate-column"),
    "a short row": (f"{HEADER}\n{LINE}\n{SECRET},b\n", 400, "ragged-rows"),
    "a long row": (f"{HEADER}\n{LINE}\n{LINE},{SECRET}\n", 400, "ragged-rows"),
    "an open quote": (f'{HEADER}\n{LINE}\n"{SECRET}\n{LINE}\n', 400, "ragged-rows"),
    "many rows": (f"{HEADER}\n" + f"{LINE}\n" * 5001, 413, "too-large"),
    "many lines": (f"{HEADER}\n" + "\n" * 20_000, 413, "too-large"),
    "an endless name": ("x" * 200_000, 400, "no-csv"),
    "a header of megabytes": ("x," * 2**20 + "\n", 400, "no-csv"),
    "too many columns": (",".join(map(str, range(1001))) + "\n", 400, "no-csv"),
    "too many between semicolons": (";".join("a" * 1002) + "\n1\n", 400, "no-csv"),
    "a long header between tabs": ("a\t" + "x" * 2**20 + "\n1\n", 400, "no-csv"),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv(case):
    body, status, code = BAD_CSV[case]
    problem = refusal(body.encode(), CSV)
    assert (problem.status, problem.code) == (status, code)
    if code == "ragged-rows":
        assert problem.rows == (1,)


def test_csv_in_other_encodings(events):
    text = events.to_csv(index=False).replace("PRIMER", "\u00daNICO")
    assert len(read(b"\xef\xbb\xbf" + text.encode(), CSV)) == len(events)
    assert refusal(text.encode("latin-1"), CSV).code == "no-csv"
    assert refusal(text.encode("utf-16"), CSV).code == "no-csv"
    assert refusal(text.encode(), f"{CSV}; charset=latin-1").status == 415
    assert len(read(text.encode(), f'{CSV}; header=present; charset="UTF-8"')) > 0


@pytest.mark.parametrize("number", ["0x10", "0X1", "1_000", "\u0661", "1e400", "inf"])
def test_csv_numbers_in_other_spellings(number):
    body = f"{HEADER}\n{LINE.replace(',1,', f',{number},', 1)}\n"
    assert body.count(number) == 1
    problem = refusal(body.encode(), CSV)
    assert (problem.status, problem.code) == (422, "unreadable-column")


def test_csv_values_of_any_length():
    long = "x" * 3_000_000
    assert read(f"{HEADER}\n{LINE}\n{long},b,1{',' * 10}\n".encode(), CSV)[
        "user_uuid"
    ].tolist() == ["a", long]


@pytest.mark.parametrize(
    "body",
    [b"PAR1", b"PAR1" * 9, b"no parquet", b"\x00" * 99, b"PAR1\xff\xff\xff\x7fPAR1"],
)
def test_bad_parquet(body):
    assert refusal(body, PARQUET).code == "no-parquet"


def test_spoilt_parquet(events):
    whole = as_parquet(events.head(50))
    rng = np.random.default_rng(0)
    for cut in rng.integers(0, len(whole), 30):
        refusal(whole[:cut] or b"x", PARQUET)
    n_read = 0
    for _ in range(200):
        spoilt = bytearray(whole)
        spoilt[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        try:
            n_read += len(read(bytes(spoilt), PARQUET)) > 0
        except Problem as problem:
            assert problem.status in (400, 413, 422)  # noqa: PT017 - or it is read
    assert n_read < 200


def test_parquet_of_one_long_text_is_not_unpacked():
    """Refuse a dictionary whose text, once in the file, would fill a table."""
    n_rows, long = 4000, "x" * 2_000_000  # 8 GB, if every row had a copy
    columns = {name: pa.nulls(n_rows) for name in REQUIRED_COLUMNS}
    columns |= {key: pa.array(["a"] * n_rows) for key in ("user_uuid", "course_uuid")}
    once = pa.DictionaryArray.from_arrays(np.zeros(n_rows, np.int32), [long])
    body = parquet({**columns, "ass_name": once})
    assert len(body) < LIMITS.max_body_bytes
    X = read(body, PARQUET)
    assert X["ass_name"].iloc[0] is X["ass_name"].iloc[-1]


def test_many_rows_of_parquet():
    columns = {name: pa.nulls(5001) for name in REQUIRED_COLUMNS}
    assert refusal(parquet(columns), PARQUET).code == "too-large"
    assert refusal(parquet({"a": pa.nulls(1)}), PARQUET).code == "missing-column"
    assert refusal(parquet({c: pa.nulls(0) for c in COLUMNS}), PARQUET).status == 422


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/jsonp", "multipart/form-data", ";", "é"]
)
def test_other_content_types(kind):
    problem = refusal(b"[]", kind)
    assert (problem.status, problem.code) == (415, "content-type")


def test_long_bodies():
    assert refusal(b" " * 11, limits=Limits(max_body_bytes=10)).status == 413


@pytest.mark.parametrize(
    "given",
    [
        {"max_rows": 0},
        {"max_rows": True},
        {"max_depth": 1001},
        {"max_body_bytes": 1.5},
        {"timeout_seconds": float("nan")},
        {"timeout_seconds": "1"},
    ],
)
def test_bad_limits(given):
    with pytest.raises(ValueError, match=f"Expected {next(iter(given))} as a "):
        Limits(**given)
