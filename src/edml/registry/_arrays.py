"""Arrays of .npy files, read without numpy's reader, which can load objects."""

import ast
import math
import re
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edml.exceptions import RegistryError

_MAGIC = b"\x93NUMPY"
_PREFIX = 10  # magic, version, and the header's length in two bytes
_MAX_AXES = 8
_HEADER = re.compile(
    r"\{'descr': (?P<descr>'[<>|=][a-zA-Z]\d{1,6}'|\[[^{}]{1,800}\]), "
    r"'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>[\d, ]{0,120})\), \} *\n"
)
_FIELD = re.compile(r"\('(\w{0,40})', '([<>|=][a-zA-Z]\d{1,6})'\)")


def read_array(content: bytes) -> NDArray[Any]:
    """Return the array of a .npy file, read-only and over the same memory."""
    length = int.from_bytes(content[8:_PREFIX], "little")
    start = _PREFIX + length
    if content[:8] != _MAGIC + b"\x01\x00" or len(content) < start:
        message = "An array of the model file is not in numpy's format."
        raise RegistryError(message)
    dtype, fortran, shape = _read_header(content[_PREFIX:start])
    size = math.prod(shape) * dtype.itemsize
    if size != len(content) - start:
        message = (
            f"An array of the model file has {len(content) - start} bytes where its "
            f"header says {size}."
        )
        raise RegistryError(message)
    values: NDArray[Any] = np.frombuffer(content, dtype, offset=start)
    return values.reshape(shape, order="F" if fortran else "C")


@lru_cache(maxsize=4096)
def _read_header(header: bytes) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    found = _HEADER.fullmatch(header.decode("latin-1"))
    if found is None:
        message = "An array of the model file has a header that numpy does not write."
        raise RegistryError(message)
    shape = tuple(int(part) for part in found["shape"].split(",") if part.strip())
    dtype = _read_dtype(found["descr"])
    if len(shape) > _MAX_AXES or dtype.hasobject or not dtype.itemsize:
        message = "An array of the model file holds objects, nothing, or many axes."
        raise RegistryError(message)
    return dtype, found["fortran"] == "True", shape


def _read_dtype(text: str) -> np.dtype[Any]:
    if text.startswith("'"):
        return np.dtype(ast.literal_eval(text))
    fields = _FIELD.findall(text)
    if text != "[" + ", ".join(f"('{name}', '{kind}')" for name, kind in fields) + "]":
        message = "An array of the model file has fields that numpy does not write."
        raise RegistryError(message)
    return np.lib.format.descr_to_dtype(fields)


def without_padding(content: bytes) -> bytes:
    """Return a .npy file with zeros between the fields of its records.

    These bytes are whatever the memory held before, and must not reach a file.
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
