"""Daily counts of what students did, as the columns ``activity_<kind>``."""

import re

import numpy as np
import pandas as pd

from edml.schema import ACTIVITY_PREFIX, FloatArray, IntArray, distinct_codes
from edml.sources._rows import Events
from edml.sources._tidy import Labelled, TidyTable


def read_kinds(table: TidyTable, default: str = "all") -> Labelled:
    """Read the kind of each line, as the name of its column; labels are sorted."""
    kinds = Labelled(np.zeros(len(table), dtype=np.int64), [default])
    if "kind" in table:
        kinds = table.texts("kind", required=True)
    slugs = [re.sub(r"\W+", "_", label.lower()).strip("_") for label in kinds.labels]
    names = [ACTIVITY_PREFIX + slug for slug in slugs]
    codes, found = pd.factorize(np.array(names, dtype=object), sort=True)
    return Labelled(codes.astype(np.int64)[kinds.codes], list(found))


def read_counts(table: TidyTable) -> FloatArray:
    """Read how often each line counts: once if the table does not say."""
    count = table.numbers("count") if "count" in table else np.ones(len(table))
    table.check(
        "count",
        ~(count >= 0),
        "are not counts from 0 on",
        "Correct them.",
        code="not_count",
    )
    return count


def count_days(
    seat: IntArray, day: IntArray, kind: Labelled, count: FloatArray
) -> Events:
    """Add up the counts of each enrolment and day, a column for each kind."""
    width = 1 + int(day.max(initial=0))
    cells, place = distinct_codes(seat * width + day)
    columns = {}
    for code, name in enumerate(kind.labels):
        mine = kind.codes == code
        columns[name] = np.bincount(place[mine], count[mine], minlength=len(cells))
    return Events(cells // width, cells % width, columns)
