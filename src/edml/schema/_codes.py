"""Codes: small whole numbers that stand for keys, and what is done with them."""

import numpy as np

from edml.schema._types import IntArray


def combine_codes(first: IntArray, second: IntArray) -> IntArray:
    """Join two columns of codes into one; equal pairs get equal codes."""
    width = int(second.max()) + 1 if len(second) else 1
    return first.astype(np.int64) * width + second


def affords_table(bound: int, n_codes: int) -> bool:
    """Tell whether codes below ``bound`` are few enough for an entry each."""
    return bound <= 8 * n_codes + 1024


def distinct_codes(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Find the distinct codes.

    Parameters
    ----------
    codes : ndarray of shape (n_codes,)
        Whole numbers from 0 on.

    Returns
    -------
    found : ndarray of shape (n_distinct,)
        Each code once, ascending.
    place : ndarray of shape (n_codes,)
        Where each code is in ``found``.
    """
    bound = int(codes.max()) + 1 if len(codes) else 0
    if not affords_table(bound, len(codes)):
        return np.unique(codes, return_inverse=True)
    present = np.zeros(bound, dtype=bool)  # a flag per code: no sorting, no hashing
    present[codes] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[codes]
