"""The same events give the same features, however they are written."""

import gzip
import json
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edml.datasets import make_student_activity
from edml.feature_extraction import FeatureEngineer
from edml.schema import EPOCH_COLUMNS
from edml.sources import read_events

EVENTS = make_student_activity(8, partitions=12, random_state=0)


def to_datetimes(column):
    micros = (column * 1e6).round()
    return pd.to_datetime(micros, unit="us", utc=True).dt.as_unit("us")


def in_unit(per_second):
    def write(column):
        micros = [None if one != one else round(one * 1e6) for one in column]  # noqa: PLR0124
        whole = [None if one is None else one * per_second // 10**6 for one in micros]
        return pd.Series(whole, column.index, dtype="Int64")

    return write


def as_iso(pattern, zone):
    def write(column):
        return to_datetimes(column).dt.tz_convert(zone).dt.strftime(pattern)

    return write


FORMS = {
    "epochs": lambda column: column,
    "ms": in_unit(10**3),
    "us": in_unit(10**6),
    "ns": in_unit(10**9),
    "iso": as_iso("%Y-%m-%dT%H:%M:%S.%fZ", "UTC"),
    "offset": as_iso("%Y-%m-%d %H:%M:%S.%f%z", "America/Bogota"),
    "naive": as_iso("%Y-%m-%d %H:%M:%S.%f", "UTC"),
    "datetimes": to_datetimes,
    "elsewhere": lambda column: to_datetimes(column).dt.tz_convert("Asia/Tokyo"),
}
DIALECTS = st.builds(
    SimpleNamespace,
    sep=st.sampled_from(",;\t|"),
    decimal=st.sampled_from(".,"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"]),
    lineterminator=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([0, 1]),
    index=st.booleans(),
).filter(lambda one: one.decimal == "." or one.sep != ",")
CELLS = st.text(st.sampled_from('NAé ;,|\t"\n1.'), min_size=1, max_size=5).filter(
    lambda text: text.strip()
)


def write_csv(table, dialect, draw):
    how = {name: value for name, value in vars(dialect).items() if name != "encoding"}
    data = table.to_csv(**how).encode(dialect.encoding)
    return (gzip.compress(data), "t.csv.gz") if draw(st.booleans()) else (data, "t.csv")


def write_json(table, dialect, draw):
    orient = draw(st.sampled_from(["records", "columns", "lines"]))
    rows = table.astype(object).where(table.notna(), None)
    rows = rows.map(lambda cell: cell if np.isscalar(cell) else to_text(cell))
    if orient == "columns":
        text = json.dumps({name: dict(enumerate(rows[name])) for name in rows})
    else:
        records = rows.to_dict("records")
        each = map(json.dumps, records)
        text = json.dumps(records) if orient == "records" else "\n".join(each)
    return text.encode(), "t.json"


def to_text(cell):
    return cell.isoformat() if hasattr(cell, "isoformat") else cell


def write_parquet(table, dialect, draw):
    pytest.importorskip("pyarrow")
    keys = draw(st.sampled_from([[], ["user_uuid"], ["course_uuid", "particion"]]))
    file = BytesIO()
    (table.set_index(keys) if keys else table).to_parquet(file)
    return file.getvalue(), "t.parquet"


def write_excel(table, dialect, draw):
    pytest.importorskip("openpyxl")
    plain = table.copy()
    for name in plain.select_dtypes("datetimetz"):
        plain[name] = plain[name].dt.tz_convert("UTC").dt.tz_localize(None)
    file = BytesIO()
    plain.to_excel(file, index=dialect.index, engine="openpyxl")
    return file.getvalue(), "t.xlsx"


def as_frame(table, dialect, draw):
    library = draw(st.sampled_from(["pandas", "pyarrow", "polars"]))
    if library == "pandas":
        return table.astype(object) if draw(st.booleans()) else table, None
    pytest.importorskip("pyarrow")
    read = pytest.importorskip("polars" if library == "polars" else "pyarrow.parquet")
    file = BytesIO()
    table.to_parquet(file)
    file.seek(0)
    return (read.read_parquet if library == "polars" else read.read_table)(file), None


WRITERS = [write_csv, write_json, write_parquet, write_excel, as_frame]


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITERS, ids=lambda one: one.__name__)
@given(data=st.data())
@settings(max_examples=20)
def test_features_do_not_depend_on_how_events_are_written(write, data):
    form = data.draw(st.sampled_from(sorted(FORMS)), label="form")
    step = data.draw(st.sampled_from([1, 1e-3, 1e-6]), label="step")
    if form == "ms" or write is write_excel:  # a workbook holds milliseconds
        step = max(step, 1e-3)
    table = EVENTS.copy()
    for place, name in enumerate(EPOCH_COLUMNS, start=1):
        dates = (table[name] + place * step).round(6)
        table[name] = table[name].mask(table[name] > 0, dates)
    course, exam = data.draw(CELLS), data.draw(CELLS)
    if write is write_excel:  # XML has no tabs or line breaks at the end of a cell
        course, exam = course.strip(), exam.strip()
    first = EVENTS["nombre_examen"].dropna().iloc[0]
    table = table.assign(course_uuid=course).replace({"nombre_examen": {first: exam}})
    expected = FeatureEngineer().fit_transform(table)
    dates = {name: FORMS[form](table[name]) for name in EPOCH_COLUMNS}
    written = table.assign(**dates)
    source, name = write(written, data.draw(DIALECTS), data.draw)
    if isinstance(source, bytes):
        source = BytesIO(source)
    found, _ = read_events(source, name=name, return_report=True)
    features = FeatureEngineer().fit_transform(found)
    pd.testing.assert_frame_equal(
        features, expected, check_dtype=False, check_exact=True
    )
