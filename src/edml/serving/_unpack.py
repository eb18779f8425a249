"""Unpack gzip bodies as they arrive, never more than is asked for."""

import zlib
from collections.abc import Iterable, Iterator

from edml.serving._problem import Problem

_GZIP = 16 + zlib.MAX_WBITS
_AT_ONCE = 2**14  # bytes; what follows a member is copied once for each member
_MOST_MEMBERS = 100  # and one more for each 16 KB; bgzip writes one for each 64 KB
_LEAST_SIZE = 2**14


def unpack(packed: Iterable[bytes], piece_size: int) -> Iterator[bytes]:
    """Yield the content of one or more gzip members, in pieces of a limited size."""
    inflater, n_members, size = zlib.decompressobj(_GZIP), 1, 0
    is_begun = False
    for piece in packed:
        for start in range(0, len(piece), _AT_ONCE):
            left = piece[start : start + _AT_ONCE]
            while left:
                if inflater.eof:  # another member follows
                    inflater, n_members = zlib.decompressobj(_GZIP), n_members + 1
                    if n_members > _MOST_MEMBERS + size // _LEAST_SIZE:
                        raise _refuse("very many members of little content")
                is_begun = True
                try:
                    unpacked = inflater.decompress(left, piece_size)
                except zlib.error as error:
                    raise _refuse("another format, or damage") from error
                is_over = inflater.eof
                left = inflater.unused_data if is_over else inflater.unconsumed_tail
                size += len(unpacked)
                if unpacked:
                    yield unpacked
    if is_begun and not inflater.eof:
        raise _refuse("that it ends early")


def _refuse(found: str) -> Problem:
    detail = (
        "Expected a whole body in gzip, as the header Content-Encoding says; found "
        f"{found}. Compress it again, or send it as it is."
    )
    return Problem(400, "content-encoding", detail)
