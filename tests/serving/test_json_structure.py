"""Counts of keys, brackets and depth match those of a slow reader."""

import json
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.serving import Limits, _json_body
from edml.serving._json_body import _count_outside_texts, _measure, read_json
from edml.serving._problem import Problem

TEXTS = st.text(st.sampled_from('a":\\{}[],\n \u00e9\U0001f600'), max_size=6)
CELLS = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), TEXTS)
DOCUMENTS = st.recursive(
    CELLS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner),
    max_leaves=12,
)


def count_keys(document):
    if isinstance(document, dict):
        return len(document) + sum(map(count_keys, document.values()))
    return sum(map(count_keys, document)) if isinstance(document, list) else 0


def depth(document):
    if isinstance(document, dict):
        document = list(document.values())
    if not isinstance(document, list):
        return 0
    return 1 + max(map(depth, document), default=0)


def count_containers(document):
    if isinstance(document, dict):
        document = list(document.values())
    if not isinstance(document, list):
        return 0
    return 1 + sum(map(count_containers, document))


@given(document=DOCUMENTS, ascii_=st.booleans(), indent=st.sampled_from([None, 1]))
def test_structure(document, ascii_, indent):
    body = json.dumps(document, ensure_ascii=ascii_, indent=indent).encode()
    for n_bytes in (2**20, 7):
        with patch.object(_json_body, "_PIECE", n_bytes):
            assert _count_outside_texts(body, b":") == count_keys(document)
            assert _count_outside_texts(body, b"{[") == count_containers(document)
    if isinstance(document, (dict, list)):
        assert _measure(document) == (depth(document), count_keys(document))


def write(document, repeat):
    """Draw a document in which one object may repeat a key."""
    left = [repeat]

    def text(one):
        if isinstance(one, list):
            return f"[{', '.join(map(text, one))}]"
        if not isinstance(one, dict):
            return json.dumps(one)
        members = [f"{json.dumps(key)}: {text(value)}" for key, value in one.items()]
        if members and left[0]:
            left[0] = False
            members.append(f"{json.dumps(next(iter(one)))} :{{}}")
        return f"{{{', '.join(members)}}}"

    return text(document).encode()


@given(extra=DOCUMENTS, repeat=st.booleans())
def test_a_key_twice_is_found_wherever_it_is(extra, repeat):
    rows = [{"x": extra, "a": "::"}, {"a": 1}]
    body = write(rows, repeat)
    if repeat:
        with pytest.raises(Problem, match="every key of an object once"):
            read_json(body, ["a", "a"], [], Limits(max_depth=1000))
    else:
        found = read_json(body, ["a", "a"], [], Limits(max_depth=1000))
        assert [*found["a"]] == ["::", 1]
