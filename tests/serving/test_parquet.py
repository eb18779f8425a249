"""Parquet bodies that ask for more memory or depth than they have are rejected."""

import struct
import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodies import PARQUET, as_parquet
from edml.schema import REQUIRED_COLUMNS
from edml.serving import Limits
from edml.serving._pages import check_pages
from edml.serving._payload import read_body
from edml.serving._problem import Problem

COLUMNS = {name: name for name in REQUIRED_COLUMNS}
LIMITS = Limits(max_rows=5000, max_body_bytes=2**20)
INTEGER, LONG, BYTES, LIST, STRUCT = 5, 6, 8, 9, 12


# -- a writer of Thrift's compact protocol, which Parquet uses -------------------------


def varint(value):
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def integer(value):
    return varint(value * 2 if value >= 0 else -value * 2 - 1)


def text(value):
    return varint(len(value)) + value.encode()


def many(kind, values):
    return bytes([0xF0 | kind]) + varint(len(values)) + b"".join(values)


def record(**fields):
    """Write a struct; the fields are named kind_number, such as i_3."""
    kinds = {"i": INTEGER, "l": LONG, "s": BYTES, "m": LIST, "r": STRUCT}
    writers = {"i": integer, "l": integer, "s": text}
    out = b""
    for name, value in fields.items():
        kind, _, number = name.partition("_")
        written = writers.get(kind, bytes)(value)
        out += bytes([kinds[kind]]) + integer(int(number)) + written
    return out + b"\0"


def parquet_file(elements, groups, n_rows, pages=b""):
    footer = record(
        i_1=1, m_2=many(STRUCT, elements), l_3=n_rows, m_4=many(STRUCT, groups)
    )
    return b"PAR1" + pages + footer + struct.pack("<I", len(footer)) + b"PAR1"


def one_column(pages, n_rows, *, dictionary=False, codec=0, kind=6, name="user_uuid"):
    """Write a file of one column of text, from pages as bytes."""
    column = record(i_1=kind, i_3=1, s_4=name, i_6=0)
    elements = [record(s_4="schema", i_5=1), column]
    start = (
        {"l_9": 4 + dictionary * len(pages), "l_11": 4} if dictionary else {"l_9": 4}
    )
    meta = record(
        i_1=kind,
        m_2=many(INTEGER, [integer(0)]),
        m_3=many(BYTES, [text(name)]),
        i_4=codec,
        l_5=n_rows,
        l_6=len(pages),
        l_7=len(pages),
        **start,
    )
    chunk = record(l_2=4, r_3=meta)
    group = record(m_1=many(STRUCT, [chunk]), l_2=len(pages), l_3=n_rows)
    return parquet_file(elements, [group], n_rows, pages)


def dictionary_page(n_texts, data, unpacked):
    inner = record(i_1=n_texts, i_2=0)
    return record(i_1=2, i_2=unpacked, i_3=len(data), r_7=inner) + data


def data_page(n_values, data, encoding=0, unpacked=None):
    inner = record(i_1=n_values, i_2=encoding, i_3=3, i_4=3)
    unpacked = len(data) if unpacked is None else unpacked
    return record(i_1=0, i_2=unpacked, i_3=len(data), r_5=inner) + data


def texts(*values):
    return b"".join(struct.pack("<I", len(one)) + one.encode() for one in values)


LEVELS = struct.pack("<I", 2) + b"\x04\x01"  # two values that are not missing


def refusal(body, columns=COLUMNS, limits=LIMITS):
    with pytest.raises(Problem, match=r"\.$") as caught:
        read_body(body, PARQUET, limits=limits, columns=columns)
    assert caught.value.detail.endswith(".")
    return caught.value.status, caught.value.code


def check(body, limits=LIMITS):
    metadata = pq.read_metadata(pa.BufferReader(body))
    check_pages(body, metadata, ["user_uuid"], limits)


def test_the_writer_writes_parquet():
    body = one_column(data_page(2, LEVELS + texts("ana", "bea")), 2)
    table = pq.read_table(pa.BufferReader(body))
    assert table.column("user_uuid").to_pylist() == ["ana", "bea"]
    check(body)


# -- attacks ---------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [990, 2000, 20_000, 90_000])
def test_a_deeply_nested_schema(depth):
    """Read it in a thread with a small stack, which a deep recursion would exceed."""
    inner = [record(i_3=1, s_4="a", i_5=1) for _ in range(depth)]
    elements = [record(s_4="schema", i_5=1), *inner, record(i_1=1, i_3=1, s_4="b")]
    body, found = parquet_file(elements, [], 1), []
    size = threading.stack_size(2**20)
    try:
        thread = threading.Thread(target=lambda: found.append(refusal(body)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert found[0] in [(400, "no-parquet"), (422, "missing-column")]


def test_a_dictionary_of_many_empty_texts():
    n_texts = 10_000_000
    packed = pa.Codec("zstd").compress(bytes(4 * n_texts), asbytes=True)
    assert len(packed) < 5000
    pages = dictionary_page(n_texts, packed, 4 * n_texts)
    body = one_column(pages + data_page(2, b""), 2, dictionary=True, codec=6)
    with pytest.raises(ValueError, match="malformed page"):
        check(body, Limits())
    names = dict.fromkeys(COLUMNS, "user_uuid")
    assert refusal(body, names, Limits()) == (400, "no-parquet")


def test_a_page_that_unpacks_to_more_than_the_limit():
    packed = pa.Codec("zstd").compress(bytes(2**24), asbytes=True)
    body = one_column(data_page(2, packed, unpacked=2**24), 2, codec=6)
    with pytest.raises(Problem, match="bytes unpacked"):
        check(body)


def test_more_pages_than_anybody_writes():
    body = one_column(data_page(0, b"") * 20_001 + data_page(2, b""), 2)
    with pytest.raises(Problem, match="pages of Parquet"):
        check(body)


@pytest.mark.parametrize(
    ("pages", "n_rows"),
    [
        (data_page(3, LEVELS), 2),
        (data_page(-1, LEVELS), 2),
        (data_page(2, LEVELS, unpacked=-1), 2),
        (data_page(2, LEVELS, encoding=7), 2),
        (b"\x19" + data_page(2, LEVELS), 2),  # a list in the header
        (b"\xff" * 100, 2),
        (record(i_1=0, i_2=6, i_3=6, i_5=1) + LEVELS, 2),
        (record(i_1=0, r_2=record(), i_3=6, r_5=record(i_1=2)) + LEVELS, 2),
        (record(i_1=0, i_2=6, s_3="a", r_5=record(i_1=2)) + LEVELS, 2),
        (record(r_1=record(), i_2=6, i_3=6, r_5=record(i_1=2)) + LEVELS, 2),
        (record(i_1=0, i_2=6, i_3=6, r_5=record(s_1="a")) + LEVELS, 2),
    ],
)
def test_malformed_pages(pages, n_rows):
    body = one_column(pages, n_rows)
    with pytest.raises(ValueError, match=r"malformed page|page headers|another type"):
        check(body)


def test_numbers_of_any_length():
    column = record(i_1=6, i_3=1, s_4="user_uuid", i_6=5, i_7=2, i_8=9)
    elements = [record(s_4="schema", i_5=1), column]
    body = parquet_file(elements, [], 0)
    with pytest.raises(ValueError, match="numbers of any length"):
        check(body)


def test_rows_that_the_row_groups_do_not_have():
    with pytest.raises(ValueError, match="malformed row groups"):
        check(parquet_file([record(s_4="schema", i_5=0)], [], 7))


# -- honest files ----------------------------------------------------------------------


@given(
    values=st.lists(st.text(max_size=9) | st.none(), min_size=1, max_size=99),
    version=st.sampled_from(["1.0", "2.0"]),
    compression=st.sampled_from(["none", "snappy", "gzip", "zstd"]),
    dictionary=st.booleans(),
    rows=st.integers(1, 99),
    page=st.integers(1, 99),
)
def test_pages_of_honest_files_pass(
    values, version, compression, dictionary, rows, page
):
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table({"user_uuid": pa.array(values, pa.string())}),
        sink,
        use_dictionary=dictionary,
        compression=compression,
        data_page_version=version,
        data_page_size=page,
        row_group_size=rows,
        write_page_index=True,
    )
    check(sink.getvalue().to_pybytes())


def test_large_honest_table_passes():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"user_uuid": rng.random(100_000).astype(str)})
    check(as_parquet(table), Limits(max_body_bytes=2**21))
