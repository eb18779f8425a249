"""Any input gets an answer or a helpful error that shows no value."""

import json
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bodies import CSV, FORMATS, JSON, PARQUET, conform
from edml.registry import ModelRegistry
from edml.schema import EARLIEST, EPOCH_COLUMNS, LATEST, REQUIRED_COLUMNS
from edml.serving import Limits, create_app
from strategies import n_examples

SECRET = "Zq7SECRETx9"  # noqa: S105 - a value, and no password
COLUMNS = [*REQUIRED_COLUMNS, "periodo", "nota_final_materia", SECRET]

NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 1, -1, 1e15, 1e16, 1e308, 5e-324, 2**53, 2**63, 2**64]),
)
TEXTS = st.one_of(
    st.text(max_size=5).map(lambda text: text + SECRET),
    st.sampled_from(
        ["", " ", "nan", "inf", "1e999", "-0", "\u0000", "PRIMER PARCIAL(20)"]
    ),
    st.text(max_size=8),
)
CELLS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.just([]), st.just({}))
#: Mostly valid values, so that some bodies reach the model.
LIKELY = {
    "user_uuid": st.sampled_from(["a", "b", 1]),
    "course_uuid": st.sampled_from(["x", "y"]),
    "particion": st.integers(0, 60),
    "nombre_examen": st.sampled_from([None, "INTEGRADOR(30)"]),
    "ass_name": st.sampled_from([None, "A", "B"]),
    "ass_name_sub": st.sampled_from([None, "A", "B"]),
}
RECORDS = st.fixed_dictionaries(
    {
        name: LIKELY.get(name, st.none() | st.floats(0, 1e9)) | CELLS
        for name in REQUIRED_COLUMNS
    },
    optional=dict.fromkeys(COLUMNS[-3:], CELLS),
)
DATES = st.sampled_from([None, 0]) | st.floats(EARLIEST, LATEST, exclude_max=True)
SOUND = st.fixed_dictionaries(
    {
        name: DATES
        if name in EPOCH_COLUMNS
        else LIKELY.get(name, st.none() | st.floats(0, 1e6))
        for name in REQUIRED_COLUMNS
    }
)
JSONS = st.one_of(
    st.lists(RECORDS, max_size=4),
    st.lists(SOUND, min_size=1, max_size=6),
    st.lists(st.dictionaries(st.sampled_from(COLUMNS), CELLS), max_size=4),
    st.dictionaries(
        st.sampled_from(COLUMNS), st.dictionaries(st.sampled_from("012"), CELLS)
    ),
    st.recursive(CELLS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)),
)


@st.composite
def json_bodies(draw):
    body = json.dumps(draw(JSONS), allow_nan=True).encode()
    kind = draw(st.sampled_from(["as it is"] * 4 + ["spoilt", "deep", "twice"]))
    if kind == "spoilt":
        return draw(spoilt(body))
    if kind == "deep":
        n = draw(st.sampled_from([3, 900, 1025, 5000]))
        return b"[" * n + body + b"]" * draw(st.sampled_from([0, n]))
    return body.replace(b'"score"', b'"particion"') if kind == "twice" else body


@st.composite
def spoilt(draw, body):
    body = bytearray(body or b"\0")
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(body) - 1))
        body[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
        body = body or bytearray(b"\0")
    return bytes(body[: draw(st.sampled_from([len(body), len(body) // 2]))])


@st.composite
def csv_bodies(draw):
    names = draw(st.permutations(REQUIRED_COLUMNS) | st.lists(st.sampled_from(COLUMNS)))
    cells = st.one_of(TEXTS, NUMBERS.map(str), st.just(""))
    rows = draw(
        st.lists(st.lists(cells, min_size=len(names), max_size=len(names)), max_size=4)
    )
    quote = draw(st.sampled_from(["", '"']))
    lines = [
        ",".join(f"{quote}{cell}{quote}" for cell in row) for row in [names, *rows]
    ]
    body = draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)
    encoded = body.encode(
        draw(st.sampled_from(["utf-8", "utf-16", "utf-8-sig"])), "replace"
    )
    return draw(st.just(encoded) | spoilt(encoded))


@st.composite
def parquet_bodies(draw, wholes):
    body = draw(st.sampled_from(wholes))
    kind = draw(st.sampled_from(["spoilt", "footer", "bytes"]))
    if kind == "spoilt":
        return draw(spoilt(body))
    if kind == "footer":  # declares a longer or shorter length of its metadata
        length = draw(st.integers(0, 2**31 - 1))
        return body[:-8] + struct.pack("<I", length) + b"PAR1"
    return b"PAR1" + draw(st.binary(max_size=60)) + b"PAR1"


@pytest.fixture(scope="module")
def small(stored):
    limits = Limits(max_body_bytes=20_000, max_rows=50, max_depth=20)
    return create_app(ModelRegistry(stored), limits=limits).test_client()


@pytest.fixture(scope="module")
def wholes(events):
    X = events.head(30)
    return [FORMATS[kind][0](X) for kind in FORMATS if kind.startswith("parquet")]


CONTENT_TYPES = st.sampled_from(
    [JSON] * 4
    + [CSV, PARQUET, "text/html", "", f"{JSON}; charset=utf-16", ";;=", "\x7f"]
)


def check(answer):
    assert answer.status_code < 500, answer.text
    assert SECRET not in answer.text or answer.status_code == 200
    if answer.status_code == 200:
        conform(answer.json, "Answer")
        return
    assert answer.content_type == "application/problem+json"
    conform(answer.json, "ProblemDocument")
    detail = answer.json["detail"]
    assert answer.json["status"] == answer.status_code
    assert detail.endswith(".")
    assert detail.count(".") > 1 or ";" in detail  # problem and remedy
    assert "Traceback" not in answer.text


def attack(client, wholes, data):
    kind = data.draw(
        st.sampled_from(["json", "json", "csv", "parquet", "bytes"]), label="kind"
    )
    bodies, natural = {
        "json": (json_bodies(), JSON),
        "csv": (csv_bodies(), CSV),
        "parquet": (parquet_bodies(wholes), PARQUET),
        "bytes": (st.binary(max_size=200), None),
    }[kind]
    content_type = natural
    if natural is None or data.draw(st.integers(0, 9)) == 0:
        content_type = data.draw(CONTENT_TYPES, label="content type")
    body = data.draw(bodies, label="body")
    query = data.draw(st.sampled_from([""] * 8 + ["?explain=1", "?explain=x", "?a=1"]))
    check(client.post(f"/predict{query}", data=body, content_type=content_type))


SUPPRESSED = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=n_examples(100), suppress_health_check=SUPPRESSED)
@given(data=st.data())
def test_hostile_bodies(small, wholes, data):
    attack(small, wholes, data)


@pytest.mark.slow
@settings(max_examples=n_examples(1_000), suppress_health_check=SUPPRESSED)
@given(data=st.data())
def test_very_many_hostile_bodies(small, wholes, data):
    attack(small, wholes, data)


@settings(suppress_health_check=SUPPRESSED)
@given(rows=st.lists(SOUND, min_size=1, max_size=6))
def test_documented_requests_are_answered(small, rows):
    answer = small.post("/predict", json=rows)
    check(answer)
    assert answer.status_code == 200, answer.text


def test_one_endless_history_is_rejected(stored):
    """Refuse work quadratic in a history's events, which would take hours."""
    n = 60_000
    row = dict.fromkeys(REQUIRED_COLUMNS) | {"user_uuid": "a", "course_uuid": "b"}
    lines = [",".join(row)] + [f"a,b,{i},,,,a{i},,,s{i},,," for i in range(n)]
    client = create_app(ModelRegistry(stored)).test_client()
    answer = client.post("/predict", data="\n".join(lines), content_type=CSV)
    check(answer)
    assert (answer.status_code, answer.json["code"]) == (413, "too-many-events")


def test_numbers_whose_squares_are_beyond_floats(client):
    row = dict.fromkeys(REQUIRED_COLUMNS) | {"user_uuid": "a", "course_uuid": "b"}
    row |= {"nombre_examen": "x", "ass_name": "y", "ass_name_sub": "y"}
    row |= {"nota_parcial": 1e6, "score": 5e-324, "ass_due_at": EARLIEST}
    row |= {"ass_unlock_at": EARLIEST + 1, "s_submitted_at": LATEST - 1}
    answer = client.post("/predict", json=[row, {**row, "particion": 9, "score": 0}])
    check(answer)
    assert np.isfinite(answer.json["predictions"][0]["probability"])
