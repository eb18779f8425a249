"""Tables are read to the last bit, and files are there whole or not at all."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.cli import _files
from edml.cli._files import (
    hash_file,
    read_events,
    safe_name,
    write_json,
    write_table,
    write_whole,
)
from edml.exceptions import MissingExtraError, TableError
from edml.schema import resolve_columns

NAMES = resolve_columns(None)


def write_and_read(folder, table, suffix=".csv"):
    write_table(folder / f"t{suffix}", table)
    return read_events(folder / f"t{suffix}", NAMES)


# -- reading ------------------------------------------------------------------


def test_csv_gives_the_same_bits(tmp_path, events):
    awkward = events.copy()
    rng = np.random.default_rng(0)
    awkward["score"] = np.nextafter(rng.random(len(events)) * 100, 7)
    read = write_and_read(tmp_path, awkward)
    for name in awkward.select_dtypes("number"):
        if name != "legajo":
            assert read[name].astype(float).equals(awkward[name].astype(float)), name
    assert read["nombre_examen"].equals(awkward["nombre_examen"])


def test_parquet_gives_the_same_table(tmp_path, events):
    found = write_and_read(tmp_path, events, ".parquet")
    # older pyarrow reads texts as another kind of str
    found = found.astype(events.dtypes.to_dict())
    pd.testing.assert_frame_equal(found, events)


def test_ids_that_look_like_numbers_stay_texts(tmp_path, events):
    few = events.head(4).assign(
        user_uuid=["007", "7", "1e3", "0x1"], course_uuid="01", legajo="00012"
    )
    read = write_and_read(tmp_path, few)
    assert read["user_uuid"].tolist() == ["007", "7", "1e3", "0x1"]
    assert read["course_uuid"].tolist() == ["01"] * 4
    assert read["legajo"].tolist() == ["00012"] * 4


def test_other_column_names(tmp_path, events):
    table = events.head(3).rename(columns={"user_uuid": "student"})
    table["student"] = ["007", "8", "9"]
    table.to_csv(tmp_path / "t.csv", index=False)
    read = read_events(tmp_path / "t.csv", resolve_columns({"user_uuid": "student"}))
    assert read["student"].tolist() == ["007", "8", "9"]


def test_upper_case_suffix(tmp_path, events):
    events.head(3).to_csv(tmp_path / "T.CSV", index=False)
    assert len(read_events(tmp_path / "T.CSV", NAMES)) == 3


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.xlsx", b"", "ends in .csv or .parquet; found 't.xlsx'"),
        ("t", b"", "ends in .csv or .parquet"),
        ("t.csv", b"", "t.csv cannot be read as CSV: it is empty"),
        ("t.csv", b"\xff\xfe\x00", "it is not UTF-8"),
        ("t.csv", b"a,b\n1,2\nann42,2,3,4\n", "line 3 has other fields"),
        ("t.csv", b"user_uuid;course_uuid\nann42;x\n", "parted by ';'. Save it with"),
        ("t.csv", b"user_uuid,curso\nann42,x\n", r"lacks \['course_uuid'"),
        ("t.parquet", b"", "t.parquet cannot be read as Parquet"),
        ("t.parquet", b"PAR1ann42PAR1", "t.parquet cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=said) as caught:
        read_events(tmp_path / name, NAMES)
    assert "ann42" not in str(caught.value)


def test_no_such_file(tmp_path):
    for name in ("no.csv", "no.parquet"):
        with pytest.raises(TableError, match=f"There is no file .*{name}. Name the"):
            read_events(tmp_path / name, NAMES)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TableError, match="There is no file"):
        read_events(tmp_path / "folder.csv", NAMES)


def test_parquet_without_pyarrow(tmp_path, events, monkeypatch):
    def absent(module, **said):
        raise MissingExtraError(f"{said['purpose']} needs {said['extra']}")

    monkeypatch.setattr(_files, "import_optional", absent)
    with pytest.raises(MissingExtraError, match="Parquet needs parquet"):
        write_table(tmp_path / "t.parquet", events)
    (tmp_path / "t.parquet").write_bytes(b"")
    with pytest.raises(MissingExtraError, match="Parquet needs parquet"):
        read_events(tmp_path / "t.parquet", NAMES)


# -- writing ------------------------------------------------------------------


def test_a_write_replaces_and_leaves_nothing(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert [found.name for found in path.parent.iterdir()] == ["file"]
    assert hash_file(path) == hashlib.sha256(b"two").hexdigest()


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("method", ["write_bytes", "replace"])
def test_a_write_that_is_stopped_changes_nothing(tmp_path, monkeypatch, error, method):
    path = tmp_path / "file"
    write_whole(path, b"before")

    def stop(self, *_):
        self.touch()
        raise error

    monkeypatch.setattr(f"pathlib.Path.{method}", stop)
    with pytest.raises(error):
        write_whole(path, b"after")
    monkeypatch.undo()
    assert path.read_bytes() == b"before"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_json_holds_every_text_and_no_nan(tmp_path):
    write_json(tmp_path / "a.json", {"a": "\ud800 ñ", "b": 0.1 + 0.2})
    text = (tmp_path / "a.json").read_text("utf-8")
    assert "0.30000000000000004" in text
    assert "ñ" in text
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()


# -- names --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["Álgebra", "Física II", "a-b_c.d (e)", "MATH101", "微积分"]
)
def test_plain_names_stay(name):
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../etc",
        "a/b",
        "a\\b",
        "a:b",
        "CON",
        "nul.txt",
        "com1",
        " a",
        "a.",
        "a\nb",
        "a\0b",
        "\ud800",
        "x" * 300,
        "ñ" * 300,
    ],
)
def test_other_names_are_made_safe_and_told_apart(name, tmp_path):
    safe = safe_name(name)
    (tmp_path / safe).mkdir()
    assert [found.name for found in tmp_path.iterdir()] == [safe]
    assert safe_name(f"{name}?") != safe
    assert len(safe.encode()) <= 60


@given(st.text(max_size=80))
def test_every_name_is_one_plain_part_of_a_path(name):
    safe = safe_name(name)
    assert safe
    assert safe.strip(" .") == safe
    assert not set(safe) & set('/\\:*?"<>|\0\n\r\t')
    assert len(safe.encode()) <= 60
    assert safe == safe_name(name)


@given(st.text(max_size=6), st.text(max_size=6))
def test_different_names_have_different_files(first, second):
    same = safe_name(first) == safe_name(second)
    normal = _files.unicodedata.normalize
    assert same == (first == second) or normal("NFC", first) == normal("NFC", second)
