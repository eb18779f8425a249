"""Tables that are safe to open in a spreadsheet."""

import pandas as pd

_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n")


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy in which an apostrophe precedes text that would be a formula.

    A course or a student may have any name. Numbers are never changed.
    """
    safe = table.copy()
    for name in table.columns:
        if safe[name].dtype.kind not in "bif":
            safe[name] = [_harmless(value) for value in safe[name]]
    return safe


def _harmless(value: object) -> object:
    if isinstance(value, str) and value.startswith(_BEGINNINGS):
        return f"'{value}"
    return value
