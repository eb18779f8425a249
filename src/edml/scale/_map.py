"""map_buckets: apply a function to every bucket, and keep what it returns."""

from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.utils.parallel import Parallel, delayed
from tqdm.auto import tqdm

from edml import __version__
from edml._files import replace_file
from edml._urls import as_path
from edml.scale._draft import Draft, telling_of_full_disks
from edml.scale._store import EventStore, bucket_name

ABOUT = "_parts.json"


def map_buckets(
    function: Callable[..., pd.DataFrame],
    store: EventStore,
    out: str | PathLike[str],
    *,
    key: str,
    each: Sequence[Any] | None = None,
    n_jobs: int | None = None,
    progress: bool = True,
) -> Path:
    """Apply a function to every bucket of a store, and write what it returns.

    A bucket that was written is not computed again: killed at any moment, the next call
    with the same ``key`` does the missing ones. The folder appears when all are there.

    Parameters
    ----------
    function : callable
        Takes the events of a bucket, a DataFrame, and returns a DataFrame.
    store : EventStore
        The events.
    out : path-like
        The folder to write, a Parquet file for each bucket that has rows. An earlier
        one is replaced.
    key : str
        Describes what the function computes: with another key, or another store, all
        buckets are computed again.
    each : sequence of shape (n_buckets,) or None, default=None
        A second argument of the function, for each bucket.
    n_jobs : int or None, default=None
        Number of processes, each of which holds one bucket; None is 1, -1 one for each
        core.
    progress : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    out : Path
        The folder.

    Raises
    ------
    TableError
        If ``out`` exists and was not written by this function, or another process
        writes it.
    OSError
        If no space is left; the buckets that are written are kept.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import pandas as pd
    >>> from edml.datasets import make_student_activity
    >>> from edml.scale import bucket_events, map_buckets
    >>> X = make_student_activity(20, random_state=0)
    >>> def latest(X):
    ...     return X.groupby("user_uuid", as_index=False)["particion"].max()
    >>> with TemporaryDirectory() as folder:
    ...     store = bucket_events(X, f"{folder}/store", 4, progress=False)
    ...     out = map_buckets(latest, store, f"{folder}/latest", key="latest",
    ...                       progress=False)
    ...     len(pd.read_parquet(out)) == store.n_students
    True
    """
    made_of = {"edml": __version__, "store": store.fingerprint, "key": key}
    draft = Draft(as_path(out), made_of, ABOUT)
    if draft.is_done():
        return draft.target
    done = f"What was computed of {store.n_buckets} buckets is kept."
    with telling_of_full_disks(draft.target, done), draft:
        missing = [
            bucket
            for bucket in range(store.n_buckets)
            if store.n_rows_of(bucket)
            and not (draft.content / bucket_name(bucket)).is_file()
        ]
        work = (
            delayed(_write)(
                *(function, store, bucket, draft.content),
                *([] if each is None else [each[bucket]]),
            )
            for bucket in missing
        )
        n_done = store.n_buckets - len(missing)
        run_all(work, n_done, store.n_buckets, n_jobs, progress)
        draft.finish({"store": str(store.path), "n_buckets": store.n_buckets})
    return draft.target


def run_all(
    work: Iterable[Any],
    n_done: int,
    n_all: int,
    n_jobs: int | None,
    progress: bool,
    what: str = "Buckets",
    prefer: str = "processes",
) -> None:
    """Do the work in processes or threads, in any order; show how much is done."""
    how = {"prefer": prefer, "return_as": "generator_unordered"}
    results = Parallel(n_jobs=n_jobs, **how)(work)
    bar = tqdm(desc=what, initial=n_done, total=n_all, disable=not progress)
    with bar:
        for _ in results:
            bar.update()


def _write(
    function: Callable[..., pd.DataFrame],
    store: EventStore,
    bucket: int,
    folder: Path,
    *more: Any,
) -> None:
    table = function(store.read(bucket), *more)
    buffer = BytesIO()
    table.to_parquet(buffer, index=False)
    replace_file(folder / bucket_name(bucket), buffer.getvalue())
