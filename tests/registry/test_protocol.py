"""The protocol: it reads what it wrote, and nothing else."""

import hashlib
import hmac
import json
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.exceptions import RegistryError
from edml.registry import _protocol
from edml.registry._protocol import (
    canonical,
    check_file_name,
    check_name,
    read_number,
    seal,
    unseal,
)
from edml.registry._signing import NO_KEYS, Keys

KEY = Keys(b"a key of the registry")
PLACE = {"registry": "risk", "generation": 12}
EARLIER_STATE = {
    "highest": 3,
    "stages": {"1": "production", "3": "development"},
    "what": "promote",
    "why": "better on 2024",
    "who": "ana",
    "when": "2025-03-01T08:00:00+00:00",
    "detail": {"gain": 0.015625},
}
STATE = EARLIER_STATE | {"versions": [[1, 1], [3, 3]], "line": [[1, 1]]}
FILES = {"model.skops": {"size": 3, "sha256": "ab" * 32}}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)

# Documents as each format was written. They never change: a registry that was written
# once must stay readable.
FORMAT_1 = {
    "record": (
        {"registry": "risk", "version": 3},
        b'{"algorithm":"lightgbm","checksum":"51f1925b315b63cd8cde58d5cd10aaf515bc2c41'
        b'4f77ab7f4aaf37d85976fac2","files":{"model.skops":{"sha256":"abababababababab'
        b'abababababababababababababababababababababababab","size":3}},"format":1,"kin'
        b'd":"record","registry":"risk","signature":"c22c3a3323dea11953958e75a3fadeb6e'
        b'28ba7977ed9dbe66c6d48f78ce94640","threshold":0.125,"version":3}\n',
        {"algorithm": "lightgbm", "threshold": 0.125, "files": FILES},
    ),
    "state": (
        PLACE,
        b'{"checksum":"281ece05461591a7952ad842ef97a39b998f9d6609e2c6b47e599b4204bb7dd'
        b'6","detail":{"gain":0.015625},"format":1,"generation":12,"highest":3,"kind":'
        b'"state","registry":"risk","signature":"2d296a873aee6776b9b2cdf932a5c95777f3e'
        b'9bf3f54b13c3cf195092b56aaa1","stages":{"1":"production","3":"development"},"'
        b'what":"promote","when":"2025-03-01T08:00:00+00:00","who":"ana","why":"better'
        b' on 2024"}\n',
        EARLIER_STATE,
    ),
    "evaluation": (
        {"registry": "risk", "version": 3, "number": 1},
        b'{"checksum":"19882513d391fbe2dc0ae7bf252f5a2e393fea469ee799d87f4a8dc8c05cbfd'
        b'2","evaluation":{"roc_auc":0.75},"format":1,"kind":"evaluation","number":1,"'
        b'registry":"risk","signature":"33c37b70e2f105da9c56d3b21c5209254e82a6bcdabaff5'
        b'cdc09aad2553019cc","version":3,"when":"2025-03-01T08:00:00+00:00","who":"ana'
        b'"}\n',
        {"evaluation": {"roc_auc": 0.75}, "who": "ana"},
    ),
}
FORMAT_2 = {
    "record": (
        {"registry": "risk", "version": 3},
        b'{"algorithm":"lightgbm","checksum":"7dc6f3d7c0f053947d7f817003b6269889d23e27'
        b'ae0d4738d576c44a42c941d6","files":{"model.skops":{"sha256":"abababababababab'
        b'abababababababababababababababababababababababab","size":3}},"format":2,"kin'
        b'd":"record","registry":"risk","signature":"28f7272ca8513a884f65dc9ee7345ce1e'
        b'195fc13fa32289433f78fa840fa8e51","threshold":0.125,"version":3}\n',
        {"algorithm": "lightgbm", "threshold": 0.125, "files": FILES},
    ),
    "state": (
        PLACE,
        b'{"checksum":"a964214c58c6d7e0db3b39377bc63216e16e805cf0aaebbcef1fbdeebfacd1a'
        b'1","detail":{"gain":0.015625},"format":2,"generation":12,"highest":3,"kind":'
        b'"state","registry":"risk","signature":"d34b0e13f4df2839c34a25d46e5a4e2cf0246'
        b'1072d4698f3a0a2780d9bee897e","stages":{"1":"production","3":"development"},"'
        b'what":"promote","when":"2025-03-01T08:00:00+00:00","who":"ana","why":"better'
        b' on 2024"}\n',
        EARLIER_STATE,
    ),
    "evaluation": (
        {"registry": "risk", "version": 3, "number": 1},
        b'{"checksum":"b12400bcaf4e9ccb7683ffc77caf8ec13b9116085bcadb0b2cab5cea230bb04'
        b'5","evaluation":{"evaluation":{"metrics":{"a":0.25}},"purpose":"report"},"fo'
        b'rmat":2,"kind":"evaluation","number":1,"registry":"risk","signature":"87479c'
        b'2ac42fa000fd3932cb946df341be8fb6702ac7e50159a7bfe62b7412ea","version":3}\n',
        {"evaluation": {"purpose": "report", "evaluation": {"metrics": {"a": 0.25}}}},
    ),
}


FORMAT_3 = {
    "record": (
        {"registry": "risk", "version": 3},
        b'{"algorithm":"lightgbm","checksum":"3c20baebdadae0f79cb8687a4bf5f86632f7c4'
        b'505ff10f749bea531204730811","files":{"model.skops":{"sha256":"abababababab'
        b'abababababababababababababababababababababababababab","size":3}},"format":'
        b'3,"kind":"record","registry":"risk","signature":"02a6c53673e6fb05eb6cb6e88'
        b'3b3c50412ee4409bbd228bd2ae4159bc4ea2cfe","threshold":0.125,"version":3}\n',
        {"algorithm": "lightgbm", "threshold": 0.125, "files": FILES},
    ),
    "state": (
        PLACE,
        b'{"checksum":"893b9acda07776adf3dad1188c84a93485a8132448890909c159933870389'
        b'2fa","detail":{"gain":0.015625},"format":3,"generation":12,"highest":3,"ki'
        b'nd":"state","line":[[1,1]],"registry":"risk","signature":"3d7e64534a780eae'
        b'5365919e63fbf40ec53242984ba57aab479909725a8196e6","stages":{"1":"productio'
        b'n","3":"development"},"versions":[[1,1],[3,3]],"what":"promote","when":"20'
        b'25-03-01T08:00:00+00:00","who":"ana","why":"better on 2024"}\n',
        STATE,
    ),
    "evaluation": (
        {"registry": "risk", "version": 3, "number": 1},
        b'{"checksum":"655dbc87f8270d1dc5860e0e6454694cf14a0ee3713629c84f809c63ab23c'
        b'9ba","evaluation":{"evaluation":{"metrics":{"a":0.25}},"purpose":"report"}'
        b',"format":3,"kind":"evaluation","number":1,"registry":"risk","signature":"'
        b'debeacb376f93321cf73752e6766eab1c619223cf039edd20ad1b854530d5f68","version'
        b'":3}\n',
        {"evaluation": {"purpose": "report", "evaluation": {"metrics": {"a": 0.25}}}},
    ),
}


def altered(data, **fields):
    """Change fields, and fix everything that anyone can fix: all but the signature."""
    document = json.loads(data)
    signature = document.pop("signature", None)
    document.pop("checksum", None)
    document |= fields
    document["checksum"] = _protocol.hashlib.sha256(canonical(document)).hexdigest()
    if signature is not None:
        document["signature"] = signature
    return canonical(document)


# -- names and numbers --------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["risk", "risk-2025", "a.b", "_x", "A" * 64, "0", "console", "comet", "nul_"],
)
def test_valid_name_is_accepted(name):
    check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", ".hidden", "-rf", "a/b", "a\\b", "../risk", "/etc", "a."),
        *("A" * 65, "a b", "ñandú", "a\n", "a\0", "con", "NUL", "Com1.txt", "lpt9"),
        *(None, 3, b"risk"),
    ],
)
def test_invalid_name_raises(name):
    with pytest.raises(RegistryError, match=r"Expected a registry name .*; found"):
        check_name(name)


@given(st.text(max_size=80))
def test_valid_name_stays_in_its_folder(name):
    try:
        check_name(name)
    except RegistryError:
        return
    assert set(name) <= set(string.ascii_letters + string.digits + "-_.")
    assert name.strip(".") != ""


@pytest.mark.parametrize("name", ["record.json", "Record.JSON", "evaluations"])
def test_file_may_not_use_a_reserved_name(name):
    with pytest.raises(RegistryError, match="does not use itself"):
        check_file_name(name)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("1", 1), ("120", 120), ("0", None), ("01", None), ("", None), ("-1", None)),
        *(("1 ", None), ("1.0", None), ("٣", None), ("1_0", None), ("9" * 10, None)),
    ],
)
def test_numbers_have_one_spelling(name, number):
    assert read_number(name) == number


# -- documents ----------------------------------------------------------------------


@pytest.mark.parametrize("keys", [NO_KEYS, KEY])
@given(detail=st.dictionaries(st.text(), JSON))
def test_sealed_documents_round_trip(keys, detail):
    data = seal("state", PLACE, {**STATE, "detail": detail}, keys)
    expected = {**STATE, "detail": detail, **PLACE, "format": 3, "kind": "state"}
    assert unseal(data, "state", PLACE, keys) == expected
    assert unseal(data, "state", PLACE) == expected  # needs no key to read


@pytest.mark.parametrize("keys", [NO_KEYS, KEY])
def test_every_flipped_bit_is_seen(keys):
    data = seal("state", PLACE, STATE, keys)
    for place in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(RegistryError, match="Expected the state of generation 12"):
            unseal(bytes(flipped), "state", PLACE, keys)


def test_every_truncation_is_seen():
    data = seal("state", PLACE, STATE)
    for end in range(len(data)):
        with pytest.raises(RegistryError, match="damaged"):
            unseal(data[:end], "state", PLACE)


@given(st.binary(max_size=300))
def test_any_bytes_raise_only_the_documented_error(data):
    with pytest.raises(RegistryError, match="Expected the state"):
        unseal(data, "state", PLACE)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b'{"a":1e999}\n',
        b'{"a":NaN}\n',
        b'{"a":1,"a":1}\n',
        b'{"a":"\\ud800"}\n',
        b'{"format":true}\n',
        b'{"format":1}\n',
        b"[]\n",
        b"null\n",
        b"\xff",
        b"",
    ],
    ids=range(13),
)
def test_foreign_json_is_rejected(data):
    with pytest.raises(RegistryError, match="damaged"):
        unseal(data, "state", PLACE)


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("record", PLACE),
        ("state", {"registry": "risk", "generation": 13}),
        ("state", {"registry": "other", "generation": 12}),
        ("state", {"registry": "risk", "generation": True}),
    ],
)
def test_documents_cannot_replace_each_other(kind, place):
    with pytest.raises(RegistryError, match="is that of another file"):
        unseal(seal("state", PLACE, STATE, KEY), kind, place, KEY)


def test_a_place_of_another_type_is_another_place():
    place = {"registry": "risk", "generation": 1}
    data = altered(seal("state", place, STATE), generation=True)
    with pytest.raises(RegistryError, match="generation is that of another file"):
        unseal(data, "state", place)


def test_key_rejects_unsigned_data():
    with pytest.raises(RegistryError, match="found no signature"):
        unseal(seal("state", PLACE, STATE), "state", PLACE, KEY)


@pytest.mark.parametrize("secret", [KEY.secret + b"!", KEY.secret[:-1], b"x"])
def test_a_key_rejects_another_key(secret):
    with pytest.raises(RegistryError, match="found another signature"):
        unseal(seal("state", PLACE, STATE, Keys(secret)), "state", PLACE, KEY)


def test_key_rejects_a_change_with_a_matching_checksum():
    stages = {"1": "development", "3": "production"}
    forged = altered(seal("state", PLACE, STATE, KEY), stages=stages)
    with pytest.raises(RegistryError, match="found another signature"):
        unseal(forged, "state", PLACE, KEY)
    # As documented, nobody can detect this without a key.
    assert unseal(forged, "state", PLACE)["stages"] == stages


@pytest.mark.parametrize("signature", [3, None, "", "é", "0" * 64, {"a": 1}, "\ud800"])
def test_a_signature_of_another_type_is_rejected(signature):
    document = json.loads(seal("state", PLACE, STATE, KEY)) | {"signature": signature}
    with pytest.raises(RegistryError, match=r"found no signature|another signature"):
        unseal(canonical(document), "state", PLACE, KEY)


@pytest.mark.parametrize("field", sorted(EARLIER_STATE))
def test_a_field_must_be_there_and_of_its_type(field):
    data = altered(seal("state", PLACE, STATE), **{field: None})
    with pytest.raises(RegistryError, match=f"its field '{field}'"):
        unseal(data, "state", PLACE)


def test_a_field_that_nobody_knows_is_overlooked():
    data = seal("state", PLACE, {**STATE, "colour": "red"})
    assert unseal(data, "state", PLACE)["colour"] == "red"


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), np.int64(1), np.ones(2), {1}, b"x", object()]
)
def test_value_must_be_representable_in_json(value):
    with pytest.raises(RegistryError, match="Expected values that JSON can hold"):
        seal("state", PLACE, {**STATE, "detail": {"value": value}})


@pytest.mark.parametrize("text", ["\udcff", "a\ud800", "\udc00\ud800"])
def test_half_a_surrogate_pair_is_not_written(text):
    for body in ({**STATE, "why": text}, {**STATE, "detail": {text: 1}}):
        with pytest.raises(RegistryError, match="Expected texts and names in Unicode"):
            seal("state", PLACE, body)


def test_self_referencing_value_is_rejected():
    detail = {}
    detail["again"] = detail
    with pytest.raises(RegistryError, match="Expected values that JSON can hold"):
        seal("state", PLACE, {**STATE, "detail": detail})


def test_keys_become_strings_before_they_are_sorted():
    data = seal("state", PLACE, {**STATE, "detail": {2: "a", 10: "b"}})
    assert unseal(data, "state", PLACE)["detail"] == {"2": "a", "10": "b"}


def test_place_comes_from_the_registry():
    data = seal("state", PLACE, {**STATE, "generation": 99, "signature": "x"})
    assert unseal(data, "state", PLACE)["generation"] == 12


def test_document_size_is_limited(monkeypatch):
    monkeypatch.setattr(_protocol, "MAX_DOCUMENT_BYTES", 1000)
    with pytest.raises(RegistryError, match="at most 1,000 bytes; found 1,338"):
        seal("state", PLACE, {**STATE, "why": "x" * 1000})


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {},
        {"size": 3},
        {"size": -1, "sha256": "ab" * 32},
        {"size": True, "sha256": "ab" * 32},
        {"size": 3.0, "sha256": "ab" * 32},
        {"size": 2**40, "sha256": "ab" * 32},
        {"size": 3, "sha256": "AB" * 32},
        {"size": 3, "sha256": "ab" * 31},
    ],
    ids=range(9),
)
def test_a_record_s_file_has_a_size_and_a_hash(entry):
    place = {"registry": "risk", "version": 3}
    data = seal("record", place, {"files": {"model.skops": entry}})
    with pytest.raises(RegistryError, match=r"the record of version 3 .*size or"):
        unseal(data, "record", place)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "record.json", "a/b", ""])
def test_a_record_s_file_lies_in_its_folder(name):
    place = {"registry": "risk", "version": 3}
    data = seal("record", place, {"files": {name: FILES["model.skops"]}})
    with pytest.raises(RegistryError, match="Expected a file name"):
        unseal(data, "record", place)


# -- formats ------------------------------------------------------------------------


def test_a_newer_format_asks_for_a_newer_edml():
    data = altered(seal("state", PLACE, STATE), format=4)
    with pytest.raises(RegistryError, match=r"found 4, which a newer .* Update edml"):
        unseal(data, "state", PLACE)


@pytest.mark.parametrize("found", [0, -1, 1.0, "1", True, None, [1]])
def test_unknown_formats_count_as_damage(found):
    data = altered(seal("state", PLACE, STATE), format=found)
    with pytest.raises(RegistryError, match="it has no format number"):
        unseal(data, "state", PLACE)


@pytest.mark.parametrize("keys", [NO_KEYS, KEY])
def test_an_older_format_is_brought_into_today_s_shape(monkeypatch, keys):
    old = seal("state", PLACE, {k: v for k, v in STATE.items() if k != "who"}, keys)
    monkeypatch.setattr(_protocol, "FORMAT", 4)
    readers = {3: lambda old: {**old, "who": "not kept"}, 4: dict}
    monkeypatch.setattr(_protocol, "READERS", readers)
    assert unseal(old, "state", PLACE, keys)["who"] == "not kept"
    new = seal("state", PLACE, STATE, keys)
    assert unseal(new, "state", PLACE, keys)["who"] == "ana"
    assert json.loads(new)["format"] == 4


@pytest.mark.parametrize("keys", [NO_KEYS, KEY])
@pytest.mark.parametrize("kind", sorted(FORMAT_1))
def test_format_1_stays_readable(kind, keys):
    place, data, body = FORMAT_1[kind]
    document = unseal(data, kind, place, keys)
    assert {name: document[name] for name in body} == body


@pytest.mark.parametrize("keys", [NO_KEYS, KEY])
def test_an_evaluation_of_format_1_is_taken_out_of_its_text(keys):
    inner = {"metrics": {"roc_auc": 0.75}, "data_fingerprint": "ab", "curves": [1]}
    body = {**inner, "purpose": "report", "evaluation": json.dumps(inner)}
    del body["curves"]
    place = {"registry": "risk", "version": 3, "number": 1}
    assert _old_evaluation(place, body, keys)["evaluation"] == {
        "purpose": "report",
        "evaluation": inner,
    }


@pytest.mark.parametrize("text", ["{", "", 5, None])
def test_a_damaged_text_of_format_1_is_left_to_its_reader(text):
    place = {"registry": "risk", "version": 3, "number": 1}
    body = {"evaluation": text}
    assert _old_evaluation(place, body)["evaluation"] == body


def _old_evaluation(place, body, keys=NO_KEYS):
    """Read an evaluation that was sealed as format 1."""
    document = {**place, "evaluation": body, "format": 1, "kind": "evaluation"}
    checksum = hashlib.sha256(canonical(document)).hexdigest()
    document["checksum"] = checksum
    if keys.signs:
        signature = hmac.new(keys.secret, canonical(document), "sha256").hexdigest()
        document["signature"] = signature
    return unseal(canonical(document), "evaluation", place, keys)


@pytest.mark.parametrize("keys", [NO_KEYS, KEY])
@pytest.mark.parametrize("kind", sorted(FORMAT_2))
def test_format_2_stays_readable(kind, keys):
    place, data, body = FORMAT_2[kind]
    document = unseal(data, kind, place, keys)
    assert {name: document[name] for name in body} == body


@pytest.mark.parametrize("keys", [NO_KEYS, KEY])
@pytest.mark.parametrize("kind", sorted(FORMAT_3))
def test_format_3_stays_readable(kind, keys):
    place, data, body = FORMAT_3[kind]
    document = unseal(data, kind, place, keys)
    assert {name: document[name] for name in body} == body


@pytest.mark.parametrize("kind", sorted(FORMAT_3))
def test_written_bytes_change_only_with_the_format(kind):
    place, data, body = FORMAT_3[kind]
    assert _protocol.FORMAT > 3 or seal(kind, place, body, KEY) == data


def test_every_format_has_a_reader():
    assert sorted(_protocol.READERS) == list(range(1, _protocol.FORMAT + 1))
