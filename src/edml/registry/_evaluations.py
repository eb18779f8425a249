"""Stored evaluations: their purposes, and which of them may be shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from edml.exceptions import RegistryError
from edml.inspection import Evaluation
from edml.registry._errors import registry_error
from edml.registry._protocol import is_time
from edml.registry._versions import now

VALIDATION = "validation"  # candidates of a contest are chosen by it
REPORT = "report"
CHOOSING = "choosing"  # a contest was decided on its rows
PURPOSES = (VALIDATION, REPORT, CHOOSING)


@dataclass(frozen=True)
class Headline:
    """The purpose, time, rows and headline figures of a stored evaluation."""

    purpose: str
    evaluated_at: str
    data_fingerprint: str
    metrics: dict[str, float]  # NaN where undefined
    # None in the records of earlier versions of edml
    intervals: dict[str, list[float | None]] | None = None
    counts: dict[str, int] | None = None


def write_evaluation(evaluation: Evaluation, purpose: str) -> dict[str, Any]:
    """Return an evaluation in JSON form, with its purpose."""
    return {
        "purpose": purpose,
        "evaluated_at": now(),
        "evaluation": evaluation.to_dict(),
    }


def read_evaluation(body: Mapping[str, Any]) -> tuple[Headline, Evaluation]:
    """Read a whole stored evaluation."""
    headline = read_headline(body)
    try:
        return headline, Evaluation.from_dict(body["evaluation"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _unreadable(type(error).__name__) from error


def read_headline(body: Mapping[str, Any]) -> Headline:
    """Read the headline of a stored evaluation."""
    try:
        headline = Headline(
            body["purpose"],
            body["evaluated_at"],
            body["evaluation"]["data_fingerprint"],
            {
                name: float("nan" if value is None else value)
                for name, value in body["evaluation"]["metrics"].items()
            },
            body["evaluation"].get("intervals"),
            body["evaluation"].get("counts"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _unreadable("its rows or figures are missing") from error
    is_right = is_time(headline.evaluated_at) and isinstance(
        headline.data_fingerprint, str
    )
    if headline.purpose not in PURPOSES or not is_right:
        raise _unreadable(f"its time is missing, or it is not for {PURPOSES}")
    return headline


def rows_of_contests(headlines: Iterable[Headline]) -> set[str]:
    """Return the rows on which contests were decided; no figure on them is fair."""
    return {one.data_fingerprint for one in headlines if one.purpose == CHOOSING}


def _unreadable(why: str) -> RegistryError:
    return registry_error(
        "registry_damaged",
        f"Expected an evaluation as ModelRegistry stores it; found another ({why}). "
        "Restore it from a backup.",
    )
