"""Errors have a text for people in every language, and their codes are complete."""

import ast
import copy
import io
import pickle
import re
import string
from pathlib import Path

import pandas as pd
import pytest

import edml
from edml._messages import Coded, coded, for_python, in_words, join
from edml._texts import TEXTS
from edml._translation import list_languages, translator
from edml.datasets import make_student_activity
from edml.exceptions import EdmlError, TableError
from edml.sources import read_events

SOURCES = Path(edml.__file__).parent
OF_ROWS = {"column", "where"}
PYTHON = re.compile(
    r"row labels?|dtype|DataFrame|pandas|pass |\bedml\.(?!toml)\w|[a-z_]+=|\bNone\b|"
    r"MultiIndex|\[|\]|\(\)|canonical|epoch|integer|float|string",
    re.IGNORECASE,
)


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def literals(node):
    return [n.value for n in ast.walk(node) if isinstance(getattr(n, "value", 0), str)]


def codes_in_code():
    """Return (code, names of values) of every message in the code that has a code.

    A choice between two codes is written as ``"one" if ... else "other"``.
    """
    found = []
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            function = getattr(node, "func", None)
            name = getattr(function, "id", getattr(function, "attr", None))
            if name in ("coded", "table_error", "registry_error", "_at", "reject"):
                names = {keyword.arg for keyword in node.keywords}
                names |= {"origin"} if name in ("_at", "reject") else set()
                found += [(code, names) for code in literals(node.args[0])]
            elif name in ("row_error", "check_rows", "check"):
                said = [k.value for k in node.keywords if k.arg == "code"]
                found += [(code, OF_ROWS) for one in said for code in literals(one)]
    return found


# -- the texts ------------------------------------------------------------------------


def test_every_code_has_a_text_with_its_values():
    for code, names in codes_in_code():
        assert code in TEXTS
        assert placeholders(TEXTS[code]) == names, code


def test_every_text_is_used():
    assert {code for code, _ in codes_in_code()} == set(TEXTS)


@pytest.mark.parametrize("language", list_languages())
def test_every_text_is_translated_and_holds_no_python(language):
    for code, english in TEXTS.items():
        text = translator(language).gettext(english)
        assert (text == english) is (language == "en"), code
        assert placeholders(text) == placeholders(english), code
        assert not PYTHON.search(re.sub(r"\{\w+\}", "x", text)), code
        assert text.endswith(".")


# -- errors of files -------------------------------------------------------------------


def table(**changed):
    return make_student_activity(20, random_state=0).assign(**changed)


def error_of(data, name="events.csv"):
    if isinstance(data, pd.DataFrame):
        data = data.to_csv(index=False)
    data = data.encode() if isinstance(data, str) else data
    with pytest.raises(TableError, match=r"^\w") as caught:
        read_events(io.BytesIO(data), name=name, return_report=True)
    return caught.value


def test_a_bad_cell_is_said_with_its_line_in_both_languages():
    X = table()
    X["score"] = X["score"].astype(object)
    X.loc[[3, 5], "score"] = "ten"
    error = error_of(X)
    assert error.code == "not_numbers"
    assert in_words(error, "en") == (
        "events.csv: Column score does not hold a number in lines 5, 7. Correct the "
        "cells, or leave them empty."
    )
    assert in_words(error, "es") == (
        "events.csv: La columna score no contiene un número en las líneas 5, 7. "
        "Corrija las celdas, o déjelas vacías."
    )
    assert str(error) == (
        f"events.csv: Column 'score': 2 of {len(X)} rows are not numbers (lines 5, 7). "
        "Correct them, or leave them empty."
    )


def test_more_rows_than_are_shown_are_counted():
    error = error_of(table(s_graded_at="yesterday"))
    n_more = len(table()) - 5
    said = in_words(error, "es")
    assert f"en las líneas 2, 3, 4, 5, 6 y {n_more:d} más." in said
    assert said.endswith("puede configurar cómo se escriben las fechas.")
    assert "date_format" not in said
    assert "date_format" in str(error)


def test_all_columns_that_cannot_be_read_are_named():
    said = in_words(error_of(table(score="ten", nota_parcial="ten")), "es")
    assert "Corrija también estas columnas: score." in said


def test_missing_columns_are_said_without_the_parameter():
    error = error_of(table().rename(columns={"user_uuid": "user_uid"}))
    assert error.code == "missing_columns"
    assert "columns={canonical: actual}" in str(error)
    assert in_words(error, "es") == (
        "events.csv: Faltan estas columnas: user_uuid. Cambie el nombre de las que se "
        "llamen de otra forma. Nombres parecidos: user_uuid (user_uid)."
    )


@pytest.mark.parametrize(
    ("data", "name", "code"),
    [
        ("", "a.csv", "empty_file"),
        ('"a', "a.csv", "quotes_at_top"),
        (b"a\0b", "a.csv", "null_characters"),
        (b"\x1f\x8b1", "a.csv", "gzip"),
        ("x", "a.doc", "file_kind"),
        ("x", "a.json", "not_json"),
        ("[1,", "a.json", "not_json_at"),
        ("[1]", "a.json", "no_record"),
        ('[{"a": 1, "a": 2}]', "a.json", "doubled_in_json"),
        ("[" * 100_000, "a.json", "nested_json"),
        ('{"a": {"1": 1}, "b": {"2": 1}}', "a.json", "unequal_columns"),
        (b"x", "a.xlsx", "not_excel"),
        (b"x", "a.parquet", "not_parquet"),
        ("Title\nuser_uuid,course_uuid\n1,2\n", "a.csv", "below_title"),
        ("user_uuid,user_uuid\n1,2\n", "a.csv", "doubled_names"),
        ("user_uuid,user_uuid.1\n1,2\n", "a.csv", "renamed_name"),
        ("User UUID,course_uuid\n1,2\n", "a.csv", "similar_name"),
        (table().rename(columns={"score": ""}), "a.csv", "unnamed_column"),
        (table().to_csv(index=False) + "1,2\n", "a.csv", "ragged"),
        (table().to_csv(index=False) * 2, "a.csv", "names_again"),
        (table(user_uuid=None), "a.csv", "no_value"),
        (table(user_uuid="1.2E+15"), "a.csv", "rounded_id"),
        (table(score=1e9), "a.csv", "immense"),
        (table(particion=-1), "a.csv", "negative_day"),
        (table(particion=0.5), "a.csv", "fractional_day"),
        (table(s_graded_at=5), "a.csv", "date_range"),
        (table(periodo="spring"), "a.csv", "no_period"),
    ],
)
def test_what_a_file_can_raise_has_a_code_and_a_text(data, name, code):
    error = error_of(data, name)
    assert error.code == code
    for language in list_languages():
        said = in_words(error, language)
        assert said.startswith(f"{name}: ")
        assert not PYTHON.search(said.replace(name, ""))


def test_rows_of_other_files_are_counted_from_1(tmp_path):
    pytest.importorskip("pyarrow")
    X = table()
    X.loc[0, "user_uuid"] = None
    X.to_parquet(tmp_path / "a.parquet")
    error = error_of((tmp_path / "a.parquet").read_bytes(), "a.parquet")
    assert "está vacía en la fila 1." in in_words(error, "es")


def test_the_report_of_unreadable_columns_keeps_the_codes():
    file = io.BytesIO(table(score="ten").to_csv(index=False).encode())
    _, report = read_events(file, name="a.csv", unreadable="report", return_report=True)
    assert in_words(report.unreadable["score"], "es").startswith("La columna score no ")


# -- the mechanism ---------------------------------------------------------------------


def test_an_error_without_a_code_is_said_as_it_is():
    error = EdmlError("Two\nlines.")
    assert error.code is None
    assert in_words(error, "es") == "Two lines."
    assert EdmlError().code is None
    assert in_words(OSError(2, "No such file"), "es") == "[Errno 2] No such file"
    assert in_words("A note.", "es") == "A note."


def test_joined_messages_keep_their_codes_and_names():
    advice = for_python(" Pass sep=';'.")
    joined = join("a.csv: ", coded("gzip", "It cannot be unpacked."), advice)
    assert joined == "a.csv: It cannot be unpacked. Pass sep=';'."
    assert joined.code == "gzip"
    assert in_words(joined, "en") == f"a.csv: {TEXTS['gzip']}"
    assert not isinstance(join("a", "b"), Coded)


def test_a_name_with_braces_is_not_a_placeholder():
    error = TableError(coded("no_file", "No file.", path="{x}"))
    assert in_words(error, "en").startswith("There is no file {x}.")


@pytest.mark.parametrize(
    "through",
    [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))],  # noqa: S301
)
def test_a_copied_error_keeps_its_code(through):
    error = through(TableError(coded("no_file", "No file.", path="x"), column="c"))
    assert (error.code, error.column, str(error)) == ("no_file", "c", "No file.")
    assert "el archivo x." in in_words(error, "es")


@pytest.mark.parametrize("language", ["fr", ""])
def test_an_unknown_language_raises(language):
    with pytest.raises(ValueError, match="is unknown"):
        in_words("A note.", language)
