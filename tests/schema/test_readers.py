"""One reader per kind of column: the meaning of each dtype and awkward value."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml import schema
from edml.exceptions import TableError

NAN = np.nan
PANDAS = int(pd.__version__.split(".")[0])
TEXT_DTYPES = [
    object,
    pd.StringDtype("python"),
    "python-nan",
    "category",
    "pyarrow",
    "pyarrow-nan",
    "arrow",
]


def text(values, dtype):
    """Return a text column in one of pandas' many dtypes."""
    if str(dtype).endswith("-nan") and PANDAS < 3:
        pytest.skip("pandas 2.2 knows no text whose null is NaN")
    if isinstance(dtype, str) and dtype == "python-nan":
        dtype = pd.StringDtype("python", na_value=NAN)
    if isinstance(dtype, str) and "arrow" in dtype:
        pa = pytest.importorskip("pyarrow")
        dtype = {
            "pyarrow": lambda: pd.StringDtype("pyarrow"),
            "pyarrow-nan": lambda: pd.StringDtype("pyarrow", na_value=NAN),
            "arrow": lambda: pd.ArrowDtype(pa.string()),
        }[dtype]()
    return pd.Series(values, dtype=dtype, name="text")


each_text = pytest.mark.parametrize("dtype", TEXT_DTYPES, ids=str)


# -- numbers ------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "Float64", "Int64", "int8", "object", "string"]
)
def test_numbers_of_any_dtype(dtype):
    nullable = dtype not in {"int8", "float32"}
    values = [4, -2, *([None] if nullable else [])]
    found = schema.read_numbers(pd.Series(values, dtype=dtype))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [4.0, -2.0, *([NAN] if nullable else [])])


@each_text
def test_text_that_spells_numbers(dtype):
    found = schema.read_numbers(text(["7.5", " 10 ", None, "-1e2"], dtype))
    np.testing.assert_array_equal(found, [7.5, 10.0, NAN, -100.0])


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (["SECRET42", "4"], "1 of 2 rows are not numbers"),
        ([pd.Timestamp("2024-01-01"), None], "1 of 2 rows are not numbers"),
        ([1 + 2j, 3], "2 of 2 rows are not numbers"),
        (["inf", "4"], "1 of 2 rows hold an infinite number"),
        ([-np.inf, 4.0], "1 of 2 rows hold an infinite number"),
    ],
    ids=repr,
)
def test_non_numeric_values(values, problem):
    column = pd.Series(values, name="score", index=["r1", "r2"])
    with pytest.raises(TableError, match=rf"Column 'score': {problem}.*'r") as caught:
        schema.read_numbers(column)
    assert "SECRET" not in str(caught.value)


def test_first_five_labels_are_shown():
    column = pd.Series(["x"] * 7 + ["1"], index=range(10, 18), name="score")
    message = r"7 of 8 rows .*labels 10, 11, 12, 13, 14, \.\.\.\)"
    with pytest.raises(TableError, match=message):
        schema.read_numbers(column)


# -- partitions ---------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "Int64", "object"])
def test_null_partition_is_zero(dtype):
    found = schema.read_partitions(pd.Series([3, None, 0], dtype=dtype))
    assert found.dtype == np.int64
    assert found.tolist() == [3, 0, 0]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (-1, "negative or immense"),
        (-0.5, "negative or immense"),
        (1e300, "negative or immense"),
        (0.5, "fractional"),
        (np.inf, "infinite"),
    ],
)
def test_impossible_partitions(value, problem):
    column = pd.Series([1.0, value], name="particion")
    with pytest.raises(TableError, match=rf"'particion': 1 of 2 rows .*{problem}"):
        schema.read_partitions(column)


# -- dates --------------------------------------------------------------------

SECONDS = [1_600_041_600.0, NAN, NAN]
MOMENT = datetime(2020, 9, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1_600_041_600, 0, None]),
        pd.Series([1_600_041_600, 0, None], dtype="Int64"),
        pd.Series(["1600041600", "0", None]),
        pd.Series([MOMENT.replace(tzinfo=None), datetime(1970, 1, 1), None]),
        pd.Series([MOMENT, None, None]),
        pd.Series([MOMENT, None, None]).dt.tz_convert("America/Argentina/Cordoba"),
        pd.Series([MOMENT, None, None]).dt.tz_localize(None).astype("datetime64[s]"),
        pd.Series([MOMENT, None, None]).dt.tz_localize(None).astype("datetime64[ns]"),
        pd.Series([MOMENT, None, None], dtype=object),
        pd.Series([date(2020, 9, 14), None, None], dtype=object),
    ],
    ids=lambda column: f"{column.dtype} {type(column.iloc[0]).__name__}",
)
def test_dates_are_seconds_and_zero_is_missing(column):
    np.testing.assert_array_equal(schema.read_epochs(column), SECONDS)


def test_dates_keep_their_microseconds():
    moment = pd.Timestamp("2020-09-14 00:00:00.250001")
    assert schema.read_epochs(pd.Series([moment]))[0] == 1_600_041_600.250001


@pytest.mark.parametrize("value", [-1.0, pd.Timestamp("1969-12-31")])
def test_dates_before_1970_raise(value):
    with pytest.raises(TableError, match="'due': 1 of 1 rows hold a date before 1970"):
        schema.read_epochs(pd.Series([value], name="due"))


SPOILED = {
    "milliseconds.*Divide them by 1,000": 1e3,
    "microseconds.*Divide them by 1,000,000": 1e6,
    "nanoseconds": 1e9,
    "thousands of seconds.*Multiply them by 1,000": 1e-3,
    "minutes.*Multiply them by 60": 1 / 60,
    "hours": 1 / 3_600,
    "days": 1 / 86_400,
}


@pytest.mark.parametrize("words", SPOILED)
@pytest.mark.parametrize("first", [715_000_000.0, 1_600_041_600.0, 1_990_000_000.0])
def test_dates_in_another_unit_raise_by_name(words, first):
    column = pd.Series([first * SPOILED[words], 0, None], name="due")
    with pytest.raises(
        TableError, match=rf"'due': 1 of 3 rows .*1990 to 2100.*{words}"
    ):
        schema.read_epochs(column)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (20240131, "look like dates such as 20240131"),
        (45_322, "look like the days of a spreadsheet"),
        (pd.Timestamp("9999-12-31"), "or make them null"),
        (pd.Timestamp("1970-01-20"), "or make them null"),  # ms that were read as ns
        (1e200, "or make them null"),
    ],
)
def test_other_dates_raise(value, words):
    with pytest.raises(TableError, match=f"'due': 1 of 1 rows .*1990 to 2100.*{words}"):
        schema.read_epochs(pd.Series([value], name="due"))


@given(st.floats(schema.EARLIEST, schema.LATEST - 1), st.sampled_from([*"sD", "ms"]))
def test_unit_is_found_from_the_range(seconds, name):
    unit = next(one for one in schema.DATE_UNITS if one.name == name)
    late = name == "D" and seconds > 36_890 * 86_400  # as days in a spreadsheet
    found = schema.date_unit(np.array([seconds / unit.seconds, NAN, 0]))
    assert found is not None
    assert found.name == ("spreadsheet" if late else name)


# -- names --------------------------------------------------------------------


@each_text
def test_names_are_stripped_and_blanks_are_null(dtype):
    column = text(["A", " A\t", None, "", " \n", "b"], dtype)
    names = schema.read_names(column)
    assert names.rows.tolist() == [0, 1, 5]
    assert [names.labels[code] for code in names.codes] == ["A", "A", "b"]
    stripped = schema.strip_names(column)
    assert stripped[stripped.notna()].tolist() == ["A", "A", "b"]
    assert stripped.index.equals(column.index)


@each_text
def test_stripped_names_are_not_copied(dtype):
    column = text(["A", None, "b"], dtype)
    assert schema.strip_names(column) is column


def test_arrow_strips_like_python():
    # beyond these, Unicode has no space
    every = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    found = schema.strip_names(text([f"{one}a{one}" for one in every], "pyarrow-nan"))
    expected = [f"{one}a{one}".strip() for one in every]
    assert [
        one for one, a, b in zip(every, found, expected, strict=True) if a != b
    ] == []


@given(st.lists(st.one_of(st.none(), st.text(" \tab\u00a0", max_size=4))))
def test_names_against_python(values):
    names = schema.read_names(pd.Series(values, dtype=object))
    expected = {k: v.strip() for k, v in enumerate(values) if v and v.strip()}
    found = zip(names.rows.tolist(), names.codes.tolist(), strict=True)
    assert {row: names.labels[code] for row, code in found} == expected
    assert len(set(names.labels)) == len(names.labels)


# -- periods ------------------------------------------------------------------


@each_text
def test_periods_are_in_calendar_order(dtype):
    column = text(["2-2021", "01-2022", None, "1-2022", " 02-2021 "], dtype)
    codes, labels, half_years = schema.read_periods(column)
    assert labels == ["02-2021", "01-2022"]
    assert codes.tolist() == [0, 1, -1, 1, 0]
    assert np.diff(half_years).tolist() == [1]


@pytest.mark.parametrize(
    "period",
    [
        "3-2022",
        "0-2022",
        "1-22",
        "1/2022",
        "2022-1",
        "001-2022",
        "1-20222",
        "\u0661-2022",
    ],
)
def test_unreadable_periods(period):
    column = pd.Series(["1-2022", period, None], name="periodo")
    with pytest.raises(TableError, match="'periodo': 1 of 3 rows hold no per") as found:
        schema.read_periods(column)
    assert period not in str(found.value)


# -- keys ---------------------------------------------------------------------


@each_text
def test_null_keys_raise(dtype):
    column = text(["a", None, "b"], dtype)
    for read in (schema.check_keys, schema.factorize_keys):
        with pytest.raises(TableError, match=r"'text': 1 of 3 rows have no value.*1"):
            read(column)


@each_text
def test_keys_are_equal_by_content(dtype):
    # equal texts may be distinct objects
    column = text(["".join(parts) for parts in ("ab", "c", "ab", ["a", "b"])], dtype)
    assert schema.factorize_keys(column).tolist() == [0, 1, 0, 0]


def test_histories_are_pairs():
    students = pd.Series([1, 1, 2, 2, 1])
    courses = pd.Series(["x", "y", "x", "y", "x"])
    assert schema.history_codes(students, courses).tolist() == [0, 1, 2, 3, 0]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))))
def test_snapshots_against_python(keys):
    table = pd.DataFrame(keys, columns=[*schema.SNAPSHOT_KEYS], dtype=object)
    codes = schema.snapshot_codes(table, schema.resolve_columns(None))
    assert len({*zip(codes.tolist(), keys, strict=True)}) == len(set(keys))
    assert len(set(codes.tolist())) == len(set(keys))


@pytest.mark.parametrize(
    ("days", "expected"), [(1.0, [5, 6, 8, 5, 5]), (2.0, [5, 6, 7, 5, 5])]
)
def test_when_a_score_is_known(days, expected):
    noon = 1_600_041_600.0 + 43_200
    graded = noon + 86_400 * np.array([0, 0.5, 3, -2, NAN])
    found = schema.known_partitions(np.full(5, 5), np.full(5, noon), graded, days)
    assert found.tolist() == expected


# -- columns ------------------------------------------------------------------


def test_absent_columns_error_suggests_similar_names():
    table = pd.DataFrame({"user_uid": ["a"]})
    message = r"lacks \['user_uuid', 'score'\]\. Similar .*'user_uid'.*columns="
    with pytest.raises(TableError, match=message):
        schema.check_table(table, ["user_uuid", "score"])


def test_only_needed_columns_must_be_unique():
    table = pd.DataFrame([[1, 2, 3, 4]], columns=["a", "b", "b", "c"])
    assert schema.check_table(table, ["a"]) is table
    with pytest.raises(TableError, match=r"\['b'\] more than once"):
        schema.check_table(table, ["b"])


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"usr_uuid": "a"}, ValueError, "unknown column.*Did you mean 'user_uuid'"),
        ({"zzz": "a"}, ValueError, "unknown column 'zzz'. Known: "),
        ({"score": "a", "legajo": "a"}, ValueError, r"reads \['a'\] twice"),
        ({"user_uuid": "course_uuid"}, ValueError, r"Map \['course_uuid'\] to"),
        ({"score": 7}, TypeError, "maps 'score' to int"),
        (["score"], TypeError, "maps canonical to actual"),
    ],
)
def test_wrong_mappings(columns, error, message):
    with pytest.raises(error, match=message):
        schema.resolve_columns(columns)


def test_swapped_columns_can_be_mapped():
    names = schema.resolve_columns({"score": "nota_parcial", "nota_parcial": "score"})
    assert (names["score"], names["nota_parcial"]) == ("nota_parcial", "score")


def test_column_that_has_another_role_does_not_exist():
    names = schema.resolve_columns({"user_uuid": "legajo"})
    assert names["user_uuid"] == "legajo"
    assert names["legajo"] not in {*schema.COLUMNS}
    assert schema.resolve_columns(names) == names


def test_frames_of_other_libraries_are_named():
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"user_uuid": [1], "course_uuid": [1], "particion": [0]})
    with pytest.raises(TableError, match=r"polars DataFrame.*X\.to_pandas\(\)"):
        schema.is_event_table(table, schema.resolve_columns(None))
    with pytest.raises(TableError, match=r"polars LazyFrame.*X\.collect\(\)"):
        schema.check_table(table.lazy())
    assert not schema.is_event_table(
        polars.DataFrame({"a": [1]}), {name: name for name in schema.COLUMNS}
    )


# -- cells of the wrong kind --------------------------------------------------


@pytest.mark.parametrize("cell", [["SECRET"], {"a": "SECRET"}, {"SECRET"}], ids=repr)
@pytest.mark.parametrize(
    "read", [schema.factorize_keys, schema.read_names, schema.read_periods]
)
def test_collections_are_no_names(read, cell):
    column = pd.Series(["a", cell], index=["r1", "r2"], name="word", dtype=object)
    problem = r"Column 'word': 1 of 2 rows hold a list .*'r2'"
    with pytest.raises(TableError, match=problem) as caught:
        read(column)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("dtype", [bool, object, "boolean", "category"])
@pytest.mark.parametrize("read", [schema.read_numbers, schema.read_partitions])
def test_booleans_are_no_numbers(read, dtype):
    column = pd.Series([True, False], name="score", dtype=dtype)
    with pytest.raises(TableError, match=r"'score': 2 of 2 rows are not numbers"):
        read(column)


@pytest.mark.parametrize("dtype", [bool, object, "boolean", "category"])
def test_booleans_are_flags(dtype):
    flags = schema.read_flags(pd.Series([True, False], dtype=dtype), "y_true")
    assert flags.tolist() == [True, False]


def test_categories_of_datetimes_are_dates():
    days = pd.Series(pd.to_datetime(["2024-01-01", None, "2024-01-01"]))
    found = schema.read_epochs(days.astype("category"))
    np.testing.assert_array_equal(found, [1704067200, NAN, 1704067200])


# -- tables of the wrong kind -------------------------------------------------


def test_error_names_the_index_that_holds_a_column():
    X = pd.DataFrame({"user_uuid": ["a"], "sub_uuid": ["b"]}).set_index("user_uuid")
    with pytest.raises(TableError, match=r"index holds .'user_uuid'.*reset_index"):
        schema.check_table(X, ["user_uuid"])


def test_two_levels_of_column_names():
    X = pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("score", "x")]))
    with pytest.raises(TableError, match=r"2 levels of column names"):
        schema.check_table(X, ["score"])


@pytest.mark.parametrize(
    ("X", "remedy"),
    [
        ({"a": [1]}, r"found dict\. .*pandas\.DataFrame\(X\)"),
        ("events.csv", r"found str\. .*edml\.read_events"),
        (None, "found NoneType"),
    ],
)
def test_what_is_no_table(X, remedy):
    with pytest.raises(TableError, match=remedy):
        schema.check_array_like(X)
    schema.check_array_like([[1, 2]])
    schema.check_array_like(np.eye(2))


# -- ordered categories -------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "order", "failing"),
    [
        (["pass", "fail"], ["pass", "fail", "withdrawn"], "fail"),
        ([0, 1], [1, 0], 0),
    ],
)
def test_last_ordered_category_that_occurs_fails(values, order, failing):
    y = pd.Series(pd.Categorical(values, order, ordered=True))
    with pytest.warns(UserWarning, match=f"categories, {failing!r}, is taken"):
        target = schema.read_target(y)
    assert target.fail_label == failing
    assert target.fails.tolist() == [value == failing for value in values]
