"""Write the sample that ships with edml, and print its size.

Run it after changing the generator: ``python tools/make_sample.py``.
"""

import json
import lzma
from pathlib import Path
from typing import Any

import pandas as pd

from edml.datasets import make_student_activity
from edml.datasets._sample import SAMPLE_FILE, SAMPLE_PARAMETERS

DATASETS = Path(__file__).parents[1] / "src" / "edml" / "datasets"
LARGEST = 300_000
# The settings suit text, in which nothing repeats at a fixed distance.
_FILTERS = [
    {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "lc": 4,
        "lp": 0,
        "pb": 0,
        "nice_len": 273,
    }
]


def pack(X: pd.DataFrame) -> bytes:
    """Write a table as compressed JSON, one list per column.

    This takes two thirds of the bytes of a list per row.
    """
    columns = {name: _plain(X[name]) for name in X}
    text = json.dumps(columns, ensure_ascii=False, separators=(",", ":"))
    return lzma.compress(text.encode(), format=lzma.FORMAT_XZ, filters=_FILTERS)


def _plain(column: pd.Series) -> list[Any]:
    values = column.astype(object).where(column.notna(), None).tolist()
    whole = [isinstance(value, float) and value.is_integer() for value in values]
    return [
        int(value) if short else value
        for value, short in zip(values, whole, strict=True)
    ]


def main() -> None:
    """Make the sample and write it where the package looks for it."""
    X = make_student_activity(**SAMPLE_PARAMETERS)
    packed = pack(X)
    if len(packed) >= LARGEST:
        message = f"The sample takes {len(packed)} bytes; {LARGEST} is the limit."
        raise SystemExit(message)
    path = DATASETS / SAMPLE_FILE
    path.write_bytes(packed)
    print(f"{path}: {len(X)} rows in {len(packed)} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
