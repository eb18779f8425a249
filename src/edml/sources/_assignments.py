"""The table of assignments of a platform: rows for everybody, and for students."""

from collections.abc import Sequence

import pandas as pd

DATES = ["unlock", "due", "lock"]
_PAIR = ["student", "assignment"]


def leave_out(
    rows: pd.DataFrame, others: pd.DataFrame, keys: Sequence[str]
) -> pd.DataFrame:
    """Drop the rows whose keys are among those of others."""
    known = pd.MultiIndex.from_frame(others[[*keys]])
    return rows[~pd.MultiIndex.from_frame(rows[[*keys]]).isin(known)]


def list_assignments(
    work: pd.DataFrame,
    own: pd.DataFrame,
    people: pd.DataFrame,
    exempt: pd.DataFrame,
    listed: pd.Series,
) -> pd.DataFrame:
    """Return the table ``assignments`` of `make_event_table`.

    Work that is ``listed`` has a row for each student who is not ``exempt``, instead of
    one for everybody. ``own`` has the dates of pairs of a student and an assignment.
    """
    own = own[[*_PAIR, *DATES]]
    single = own.merge(work[~listed].drop(columns=DATES), on="assignment")
    pairs = people.drop_duplicates().merge(work[listed], on="course")
    pairs = leave_out(pairs, exempt, _PAIR)
    pairs = pairs.merge(
        own, on=_PAIR, how="left", suffixes=("", "_own"), indicator="whose"
    )
    for name in DATES:
        general = pairs["whose"].eq("left_only")
        pairs[name] = pairs[name].where(general, pairs[f"{name}_own"])
    columns = ["course", "assignment", "name", "student", *DATES, "created"]
    columns.append("points_possible")
    everybody = work[~listed]
    return pd.concat(
        [part.reindex(columns=columns) for part in (everybody, single, pairs)],
        ignore_index=True,
    )
