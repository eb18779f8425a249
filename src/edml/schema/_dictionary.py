"""The data dictionary: what each column of an event table holds."""

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_MARKUP = re.compile(r"[`*]|(?<=`)edml\.\w+\.")


class ColumnDescription(NamedTuple):
    """What a column holds, in which unit, and what a table lacks without it."""

    meaning: str
    unit: str
    without: str
    example: str


@cache
def data_dictionary() -> Mapping[str, ColumnDescription]:
    """Return the description of each canonical column, in plain text.

    The user guide shows the same file.
    """
    text = files("edml.schema").joinpath("dictionary.csv").read_text("utf-8")
    _, *rows = csv.reader(text.splitlines())
    plain = [[_MARKUP.sub("", cell) for cell in row] for row in rows]
    return {name: ColumnDescription(*rest) for name, *rest in plain}
