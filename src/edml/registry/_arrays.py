"""Arrays of .npy files, read without numpy's reader, which can load objects."""

import io
import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edml.exceptions import RegistryError

_MAGIC = b"\x93NUMPY\x01\x00"
_PREFIX = 10  # magic, version, and the header's length in two bytes
_MAX_AXES = 8
_MAX_HEADER = 2000  # bytes; the longest in use describes a tree's nodes


def read_array(content: bytes) -> NDArray[Any]:
    """Return the array of a .npy file, read-only and over the same memory."""
    start = _PREFIX + int.from_bytes(content[len(_MAGIC) : _PREFIX], "little")
    if content[: len(_MAGIC)] != _MAGIC or not start <= len(content):
        raise RegistryError("An array of the model file is not in numpy's format.")
    if start > _MAX_HEADER:
        raise RegistryError("An array of the model file has a header that is too long.")
    dtype, fortran, shape = _read_header(content[len(_MAGIC) : start])
    size = math.prod(shape) * dtype.itemsize
    if size != len(content) - start:
        raise RegistryError(
            f"An array of the model file has {len(content) - start} bytes where its "
            f"header says {size}."
        )
    values: NDArray[Any] = np.frombuffer(content, dtype, offset=start)
    return values.reshape(shape, order="F" if fortran else "C")


@lru_cache(maxsize=4096)  # the trees of a forest have few different headers
def _read_header(header: bytes) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    try:
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(io.BytesIO(header))
    except (ValueError, TypeError, SyntaxError, RecursionError) as error:
        raise RegistryError(
            "An array of the model file has a header that numpy cannot read."
        ) from error
    if len(shape) > _MAX_AXES or min(shape, default=0) < 0:
        raise RegistryError("An array of the model file has an impossible shape.")
    if dtype.hasobject or not dtype.itemsize or dtype.subdtype is not None:
        raise RegistryError(
            "An array of the model file holds objects, nothing, or arrays."
        )
    return dtype, fortran, shape


def without_padding(content: bytes) -> bytes:
    """Return a .npy file with zeros between the fields of its records.

    The padding holds arbitrary memory contents, which must not reach a file.
    """
    values = read_array(content)
    fields = values.dtype.fields
    if fields is None or not values.size:
        return content
    held = np.zeros(values.dtype.itemsize, dtype=bool)
    for dtype, offset, *_ in fields.values():
        held[offset : offset + dtype.itemsize] = True
    start = len(content) - values.nbytes
    rows = np.frombuffer(content, np.uint8, offset=start).reshape(-1, len(held))
    return content[:start] + np.where(held, rows, 0).astype(np.uint8).tobytes()
