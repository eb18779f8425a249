"""Stored evaluations: their purposes, and which of them may be shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from edml.exceptions import RegistryError
from edml.inspection import Evaluation
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


def write_evaluation(evaluation: Evaluation, purpose: str) -> dict[str, Any]:
    """Return an evaluation in JSON form, with its purpose."""
    return {
        "purpose": purpose,
        "evaluated_at": now(),
        "evaluation": evaluation.to_dict(),
    }


def read_headline(body: Mapping[str, Any]) -> Headline:
    """Read the headline of a stored evaluation."""
    inner = body.get("evaluation")
    if not isinstance(inner, dict):
        raise _unreadable("it has no figures")
    return _read_headline(body.get("purpose"), body.get("evaluated_at"), inner)


def read_evaluation(body: Mapping[str, Any]) -> tuple[Headline, Evaluation]:
    """Read a whole stored evaluation."""
    headline = read_headline(body)
    try:
        return headline, Evaluation.from_dict(body["evaluation"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _unreadable(type(error).__name__) from error


def write_validation(evaluation: Evaluation) -> dict[str, Any]:
    """Return the headline for a record, so that listing does not read curves."""
    written = evaluation.to_dict()
    return {name: written[name] for name in ("metrics", "data_fingerprint")}


def read_validation(validation: Mapping[str, Any], when: str) -> Headline:
    """Read the headline from a record."""
    return _read_headline(VALIDATION, when, validation)


def rows_of_contests(headlines: Iterable[Headline]) -> set[str]:
    """Return the rows on which contests were decided; no figure on them is fair."""
    return {one.data_fingerprint for one in headlines if one.purpose == CHOOSING}


def _read_headline(purpose: Any, when: Any, inner: Mapping[str, Any]) -> Headline:
    metrics, data = inner.get("metrics"), inner.get("data_fingerprint")
    if (
        purpose not in PURPOSES
        or not isinstance(when, str)
        or not isinstance(data, str)
        or not isinstance(metrics, dict)
    ):
        raise _unreadable(f"it is not for {', '.join(PURPOSES)}, or has no headline")
    try:
        numbers = {
            name: float("nan" if value is None else value)
            for name, value in metrics.items()
        }
    except (TypeError, ValueError) as error:
        raise _unreadable("a figure is not a number") from error
    return Headline(purpose, when, data, numbers)


def _unreadable(why: str) -> RegistryError:
    return RegistryError(
        f"Expected an evaluation as ModelRegistry stores it; found another ({why}). "
        "Restore it from a backup."
    )
