"""One version as one file: whole and signed, or an error."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from edml import evaluate, make_risk_pipeline, make_student_activity, make_target
from edml.classifier import RiskClassifier
from edml.exceptions import RegistryError
from edml.registry import ModelRegistry
from edml.registry._exchange import pack, unpack
from edml.registry._signing import NO_KEYS
from strategies import n_examples

pytestmark = pytest.mark.usefixtures("try_each_model_once")

X, y = make_classification(400, flip_y=0.2, random_state=0)
MODEL = LogisticRegression().fit(X[:200], y[:200])
JUDGED = evaluate(MODEL, X[200:300], y[200:300], n_resamples=5)


def filled(folder, key=None):
    registry = ModelRegistry(folder, key=key)
    registry.register(MODEL, JUDGED, tags={"a": 1})
    registry.reevaluate(X[300:], y[300:], 1)
    return registry


@pytest.fixture(scope="module")
def parcel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exchange")
    return filled(folder).export(1, folder / "model.zip").read_bytes()


@pytest.fixture
def written(tmp_path, parcel):
    path = tmp_path / "model.zip"
    path.write_bytes(parcel)
    return path


def members_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def archive_of(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


# -- there and back -----------------------------------------------------------------


def test_an_imported_model_is_the_same(tmp_path, written):
    other = ModelRegistry(tmp_path / "other", "courses")
    other.register(LogisticRegression(C=9.0).fit(X, y))
    record = other.import_(written)
    original = filled(tmp_path / "again").record(1)
    assert (record.version, record.stage, record.parent) == (2, "development", None)
    assert record.files == original.files
    assert {**record.origin, "imported_at": ""} == {
        "registry": "risk",
        "version": 1,
        "parent": None,
        "imported_at": "",
    }
    for name in ("algorithm", "parameters", "threshold", "tags", "validation"):
        assert getattr(record, name) == getattr(original, name)
    np.testing.assert_array_equal(
        other.load(2).predict_proba(X), MODEL.predict_proba(X)
    )
    table = other.evaluations(2)
    assert table["purpose"].tolist() == ["validation", "report"]
    assert table["evaluation"][0] == JUDGED
    assert other.verify() == []


def test_an_imported_model_can_be_trained_and_passed_on(tmp_path):
    events = make_student_activity(60, fail_rate=0.3, random_state=1)
    outcome = make_target(events)
    pipe = make_risk_pipeline(balance="smote", every=7)
    one = ModelRegistry(tmp_path / "one")
    one.register(RiskClassifier(pipe, cv=2).fit(events, outcome))
    other = ModelRegistry(tmp_path / "other")
    other.import_(one.export(1, tmp_path / "a.zip"))
    with pytest.warns(UserWarning, match="is version 1"):
        other.refit(1, events, outcome)
    more = events[events["particion"].fillna(0) < 40]
    other.refit(1, more, make_target(more))
    assert one.import_(other.export(2, tmp_path / "b.zip")).origin["parent"] == 1


def test_an_import_of_a_stored_model_adds_its_evaluations(tmp_path, written):
    other = ModelRegistry(tmp_path / "other")
    other.register(MODEL, JUDGED)
    other.promote(1)
    for _ in range(2):
        with pytest.warns(UserWarning, match="is version 1, in production, to the bit"):
            record = other.import_(written)
        assert (record.version, record.stage, record.origin) == (1, "production", None)
        assert other.evaluations(1)["purpose"].tolist() == ["validation", "report"]


def test_same_model_yields_the_same_bytes(tmp_path, parcel):
    assert pack(*unpack(parcel, NO_KEYS), NO_KEYS) == parcel


@pytest.mark.slow
def test_contest_evaluations_stay_unfair_after_import(tmp_path):
    registry = ModelRegistry(tmp_path / "one")
    registry.register(MODEL, JUDGED)
    registry.compete(X[300:], y[300:], n_resamples=10)
    other = ModelRegistry(tmp_path / "other")
    other.import_(registry.export("production", tmp_path / "a.zip"))
    assert other.evaluations(1)["fair"].tolist() == [True, False]


def test_a_file_is_not_replaced(tmp_path):
    registry = filled(tmp_path / "one")
    path = tmp_path / "model.zip"
    path.write_text("mine")
    with pytest.raises(RegistryError, match="Choose another path"):
        registry.export(1, path)
    with pytest.raises(RegistryError, match="Choose another path"):
        registry.export(1, tmp_path / "no" / "model.zip")
    assert path.read_text() == "mine"
    assert [one.name for one in sorted(tmp_path.iterdir())] == ["model.zip", "one"]


# -- signatures -----------------------------------------------------------------------


def test_with_a_key_an_unsigned_file_is_rejected(tmp_path, written):
    registry = ModelRegistry(tmp_path / "signed", key=b"ours")
    with pytest.raises(RegistryError, match="trust_unsigned=True"):
        registry.import_(written)
    assert not len(registry.records())
    record = registry.import_(written, trust_unsigned=True)
    assert ModelRegistry(tmp_path / "signed", key=b"ours").record(1) == record
    assert registry.verify() == []


def test_a_signed_file_is_accepted_only_with_its_key(tmp_path):
    path = filled(tmp_path / "one", b"ours").export(1, tmp_path / "model.zip")
    ModelRegistry(tmp_path / "two", key=b"ours").import_(path)
    ModelRegistry(tmp_path / "three").import_(path)
    with pytest.raises(RegistryError, match="another signature"):
        ModelRegistry(tmp_path / "four", key=b"theirs").import_(path)


def test_a_signed_record_with_another_model_is_rejected(tmp_path):
    path = filled(tmp_path / "one", b"ours").export(1, tmp_path / "model.zip")
    members = members_of(path.read_bytes())
    other = ModelRegistry(tmp_path / "other")
    other.register(LogisticRegression(C=9.0).fit(X, y))
    members["model.skops"] = other._store.read_file(1, "model.skops")
    path.write_bytes(archive_of(members))
    for key in (None, b"ours"):
        with pytest.raises(RegistryError, match="not the file that its record names"):
            ModelRegistry(tmp_path / "two", key=key).import_(path)


# -- other shapes ---------------------------------------------------------------------


def without(name):
    def change(members):
        return {key: members[key] for key in members if key != name}

    change.__name__ = f"without {name}"
    return change


def with_more(name, content=b"{}"):
    def change(members):
        return {**members, name: content}

    change.__name__ = f"{name} of {content[:8]!r}"
    return change


def empty(members):
    return {}


def edited(members):
    record = json.loads(members["record.json"])
    record["threshold"] = 0.1
    return {**members, "record.json": json.dumps(record).encode()}


@pytest.mark.parametrize(
    "change",
    [
        without("record.json"),
        without("model.skops"),
        without("evaluations/1.json"),
        with_more("more.txt"),
        with_more("../escape"),
        with_more("/etc/passwd"),
        with_more("evaluations/../../x.json"),
        with_more("evaluations/7.json"),
        with_more("evaluations/3.json", b"[]"),
        with_more("record.json", b"[]"),
        with_more("record.json", b"\xff"),
        with_more("record.json", b"[" * 100_000),
        with_more("model.skops", b"no model"),
        edited,
        empty,
    ],
    ids=lambda change: change.__name__,
)
def test_other_members_are_rejected(tmp_path, parcel, change):
    path = tmp_path / "model.zip"
    path.write_bytes(archive_of(change(members_of(parcel))))
    registry = ModelRegistry(tmp_path / "one")
    with pytest.raises(RegistryError, match=r"Expected|The exported file"):
        registry.import_(path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["model.zip"]


@pytest.mark.parametrize("mode", [0o120777, 0o040755, 0o010644, 0o020666])
def test_links_folders_pipes_and_devices_are_rejected(tmp_path, parcel, mode):
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members_of(parcel).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode if name == "model.skops" else 0o600) << 16
            archive.writestr(info, content)
    with pytest.raises(RegistryError, match="not a plain file"):
        ModelRegistry(tmp_path / "one").import_(path)


@pytest.mark.parametrize("ends", [(b"x", b""), (b"", b"x")])
def test_bytes_around_the_archive_are_rejected(parcel, ends):
    with pytest.raises(RegistryError, match="The exported file"):
        unpack(parcel.join(ends), NO_KEYS)


def test_a_compressed_member_is_rejected(tmp_path, parcel):
    path = tmp_path / "model.zip"
    bomb = {**members_of(parcel), "bomb": b"0" * 10_000_000}
    path.write_bytes(archive_of(bomb, zipfile.ZIP_DEFLATED))
    with pytest.raises(RegistryError, match="not a plain file"):
        ModelRegistry(tmp_path / "one").import_(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all"])
def test_other_files_are_rejected(tmp_path, content):
    path = tmp_path / "model.zip"
    path.write_bytes(content)
    with pytest.raises(RegistryError, match="The exported file"):
        ModelRegistry(tmp_path / "one").import_(path)


def test_other_kinds_of_file_are_rejected(tmp_path):
    registry = ModelRegistry(tmp_path / "one")
    with pytest.raises(RegistryError, match=r"Is a directory|Permission denied"):
        registry.import_(tmp_path)
    with pytest.raises(RegistryError, match="Check the path"):
        registry.import_(tmp_path / "no.zip")


@settings(max_examples=n_examples(150))
@given(data=st.data())
def test_a_flipped_bit_is_rejected_or_changes_nothing(parcel, data):
    place = data.draw(st.integers(0, len(parcel) - 1))
    damaged = bytearray(parcel)
    damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = unpack(bytes(damaged), NO_KEYS)
    except RegistryError:
        return
    assert found == unpack(parcel, NO_KEYS)  # for example a member's time


@given(length=st.integers(0, 10**6))
def test_a_truncated_file_is_rejected(parcel, length):
    if length < len(parcel):
        with pytest.raises(RegistryError, match="The exported file"):
            unpack(parcel[:length], NO_KEYS)
