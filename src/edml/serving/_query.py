"""The parameters of a query for predictions."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from edml.explanation import LANGUAGES
from edml.schema import LARGEST_NUMBER
from edml.serving._problem import Problem

_TRUTHS = {"1": True, "true": True, "0": False, "false": False}
_DAY = re.compile(r"[0-9]{1,7}", re.ASCII)
_EXPECTED = {
    "at": f"a course day, a whole number from 0 to {LARGEST_NUMBER:,}",
    "explain": ", ".join(_TRUTHS),
    "language": f"one of {', '.join(sorted(LANGUAGES))}",
}


class Query(NamedTuple):
    """``at`` is the last course day to look at; None looks at all."""

    at: int | None = None
    explain: bool = False
    language: str = "en"


def read_query(given: Iterable[tuple[str, list[str]]]) -> Query:
    """Read the values of each parameter; a Problem names the parameter, no value."""
    query: dict[str, Any] = {}
    for name, values in given:
        if name not in _EXPECTED:
            # an unknown name is not repeated: it may be a student's
            detail = (
                f"Expected only the parameters {', '.join(_EXPECTED)}; found another. "
                "Remove it."
            )
            raise Problem(400, "query", detail)
        if len(values) > 1:
            raise _refuse(name, "found it more than once")
        query[name] = _read(name, values[0])
    return Query(**query)


def _read(name: str, value: str) -> int | bool | str:
    if name == "at" and _DAY.fullmatch(value) and int(value) <= LARGEST_NUMBER:
        return int(value)
    if name == "explain" and value in _TRUTHS:
        return _TRUTHS[value]
    if name == "language" and value in LANGUAGES:
        return value
    raise _refuse(name, "found another value")


def _refuse(name: str, found: str) -> Problem:
    detail = (
        f"Expected the parameter {name} once, as {_EXPECTED[name]}; {found}. Correct "
        "it, or leave it out."
    )
    return Problem(400, "query", detail, parameter=name)
