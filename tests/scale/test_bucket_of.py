"""The bucket of a student, by every engine that computes it."""

from hashlib import md5

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.exceptions import TableError
from edml.scale import bucket_of

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@given(st.lists(texts, min_size=1, max_size=20), st.sampled_from([1, 7, 64, 1000]))
def test_duckdb_and_python_agree(ids, n_buckets):
    asked = duckdb.execute(
        "select ('0x' || md5(id)[1:8])::UBIGINT % $n "
        "from (select unnest($ids) as id, generate_subscripts($ids, 1) as place) "
        "order by place",
        {"n": n_buckets, "ids": ids},
    )
    expected = [int(md5(one.encode()).hexdigest()[:8], 16) % n_buckets for one in ids]  # noqa: S324
    assert bucket_of(ids, n_buckets).tolist() == expected
    assert [bucket for (bucket,) in asked.fetchall()] == expected


@pytest.mark.parametrize(
    "ids",
    [
        ["1004", "7"],
        [1004, 7],
        np.array([1004.0, 7.0]),
        pd.Series([1004, 7], dtype="Int64"),
        pd.Series(["1004", "7"], dtype="category"),
        [1004, "7"],
    ],
    ids=repr,
)
def test_spelling_does_not_matter(ids):
    assert bucket_of(ids, 64).tolist() == [18, 31]


def test_null_ids():
    with pytest.raises(TableError, match="have no value"):
        bucket_of(pd.Series(["ann", None], name="user_uuid"), 4)
