"""Tables are read to the last bit, and files are written whole or not at all."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.cli import _files
from edml.cli._files import (
    hash_file,
    read_file,
    safe_name,
    write_json,
    write_table,
    write_whole,
)
from edml.exceptions import MissingExtraError, TableError
from edml.schema import resolve_columns

NAMES = resolve_columns(None)


# -- reading ------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_written_table_is_read_to_the_last_bit(tmp_path, events, suffix):
    awkward = events.copy()
    rng = np.random.default_rng(0)
    awkward["score"] = np.nextafter(rng.random(len(events)) * 100, 7)
    write_table(tmp_path / f"t{suffix}", awkward)
    read = read_file(tmp_path / f"t{suffix}", NAMES)
    for name in awkward.select_dtypes("number"):
        if name != "legajo":
            assert read[name].astype(float).equals(awkward[name].astype(float)), name
    assert read["nombre_examen"].astype("str").equals(awkward["nombre_examen"])


def test_detected_dialect_is_shown(tmp_path, events, capsys):
    events.to_csv(tmp_path / "t.csv", index=False, sep=";", encoding="cp1252")
    read_file(tmp_path / "t.csv", NAMES)
    shown = " ".join(capsys.readouterr().err.split())
    assert "t.csv: Columns are separated by ';'" in shown


def test_only_known_formats_are_written(tmp_path, events):
    with pytest.raises(TableError, match=r"ends in .*; found 't\.xlsx'"):
        write_table(tmp_path / "t.xlsx", events)


def test_parquet_without_pyarrow(tmp_path, events, monkeypatch):
    def absent(module, **said):
        raise MissingExtraError(f"{said['purpose']} needs {said['extra']}")

    monkeypatch.setattr(_files, "import_optional", absent)
    with pytest.raises(MissingExtraError, match="Parquet needs parquet"):
        write_table(tmp_path / "t.parquet", events)


# -- writing ------------------------------------------------------------------


def test_write_replaces_the_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert [found.name for found in path.parent.iterdir()] == ["file"]
    assert hash_file(path) == hashlib.sha256(b"two").hexdigest()


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("step", ["write", "rename"])
def test_interrupted_write_changes_nothing(tmp_path, monkeypatch, error, step):
    path = tmp_path / "file"
    write_whole(path, b"before")

    def stop(action, path, do):
        if action == step:
            raise error("stopped")
        return do()

    monkeypatch.setattr("edml._files.step", stop)
    with pytest.raises(error, match="stopped"):
        write_whole(path, b"after")
    monkeypatch.undo()
    assert path.read_bytes() == b"before"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_json_represents_every_text_and_no_nan(tmp_path):
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
def test_plain_names_are_kept(name):
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
def test_other_names_are_made_safe_and_distinct(name, tmp_path):
    safe = safe_name(name)
    (tmp_path / safe).mkdir()
    assert [found.name for found in tmp_path.iterdir()] == [safe]
    assert safe_name(f"{name}?") != safe
    assert len(safe.encode()) <= 90


@given(st.text(max_size=80))
def test_every_name_is_a_single_path_part(name):
    safe = safe_name(name)
    assert safe
    assert safe.strip(" .") == safe
    assert not set(safe) & set('/\\:*?"<>|\0\n\r\t')
    assert len(safe.encode()) <= 90
    assert safe == safe_name(name)


@given(st.text(max_size=6), st.text(max_size=6))
def test_different_names_have_different_files(first, second):
    same = safe_name(first) == safe_name(second)
    normal = _files.unicodedata.normalize
    assert same == (first == second) or normal("NFC", first) == normal("NFC", second)


def test_hash_of_a_folder(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    before = hash_file(tmp_path)
    assert hash_file(tmp_path) == before
    (tmp_path / "a").write_bytes(b"2")
    assert hash_file(tmp_path) != before
