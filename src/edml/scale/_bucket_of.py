"""bucket_of: the bucket of a student, by a hash that every engine has."""

from hashlib import md5

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml.schema import IntArray, check_keys, spell_key


def bucket_of(ids: ArrayLike, n_buckets: int) -> IntArray:
    """Return the bucket of each student.

    It is ``int(md5(id).hexdigest()[:8], 16) % n_buckets``, of the id's UTF-8; the ids
    1004, 1004.0 and '1004' are one. DuckDB computes the same as
    ``('0x' || md5(id)[1:8])::UBIGINT % n_buckets``, and Spark as
    ``conv(substring(md5(id), 1, 8), 16, 10) % n_buckets``, from ids that are text.

    Parameters
    ----------
    ids : array-like of shape (n_rows,)
        The students' ids, none of which is null.
    n_buckets : int
        Number of buckets, at least 1.

    Returns
    -------
    buckets : ndarray of shape (n_rows,)
        Numbers from 0 to ``n_buckets - 1``.

    Raises
    ------
    TableError
        If an id is null.

    Examples
    --------
    >>> from edml.scale import bucket_of
    >>> bucket_of([1004, "1004", 1004.0, "ann"], 64)
    array([18, 18, 18, 10])
    """
    check_scalar(n_buckets, "n_buckets", int, min_val=1)
    column = ids if isinstance(ids, pd.Series) else pd.Series(ids, dtype=None)
    codes, distinct = pd.factorize(column)
    if len(codes) and codes.min() < 0:
        check_keys(column)
    texts = (spell_key(one).encode() for one in distinct.tolist())
    hashes = [md5(text, usedforsecurity=False).digest()[:4] for text in texts]
    buckets = np.frombuffer(b"".join(hashes), ">u4").astype(np.int64) % n_buckets
    found: IntArray = buckets[codes]
    return found
