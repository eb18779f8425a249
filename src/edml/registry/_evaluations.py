"""The stored evaluations of each version, and which of them may be shown."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edml.exceptions import RegistryError
from edml.inspection import Evaluation
from edml.registry._protocol import EVALUATIONS, VERSIONS
from edml.registry._record import ModelRecord, now
from edml.registry._store import Store

VALIDATION = "validation"
REPORT = "report"
CHOOSING = "choosing"
PURPOSES = (VALIDATION, REPORT, CHOOSING)

_HEADLINE = ("metrics", "data_fingerprint")


@dataclass(frozen=True)
class Brief:
    """The headline of a stored evaluation.

    Attributes
    ----------
    purpose : {"validation", "report", "choosing"}
        What it was made for.
    evaluated_at : str
        When, in UTC, as ISO 8601.
    data_fingerprint : str
        SHA-256 of the rows judged.
    figures : dict of str to float
        The headline figures; NaN where one cannot be told.
    """

    purpose: str
    evaluated_at: str
    data_fingerprint: str
    figures: dict[str, float]


def write_evaluation(evaluation: Evaluation, purpose: str) -> dict[str, Any]:
    """Give an evaluation as it is stored.

    Parameters
    ----------
    evaluation : Evaluation
        All figures and curves.
    purpose : {"validation", "report", "choosing"}
        What it was made for.

    Returns
    -------
    body : dict
        What JSON can hold: the headline, and all of it as one text, which a reader of
        many headlines need not take apart.
    """
    written = evaluation.to_dict()
    return {
        "purpose": purpose,
        "evaluated_at": now(),
        **{name: written[name] for name in _HEADLINE},
        "evaluation": json.dumps(written, allow_nan=False),
    }


def read_brief(body: Mapping[str, Any]) -> Brief:
    """Read the headline of what `write_evaluation` gave.

    Parameters
    ----------
    body : mapping
        As the store reads it.

    Returns
    -------
    brief : Brief

    Raises
    ------
    RegistryError
        If it is nothing of the kind.
    """
    purpose, when = body.get("purpose"), body.get("evaluated_at")
    figures, data = body.get("metrics"), body.get("data_fingerprint")
    if (
        purpose not in PURPOSES
        or not isinstance(when, str)
        or not isinstance(data, str)
        or not isinstance(figures, dict)
    ):
        raise _unreadable(f"it is not for {', '.join(PURPOSES)}, or has no headline")
    try:
        numbers = {
            name: float("nan" if value is None else value)
            for name, value in figures.items()
        }
    except (TypeError, ValueError) as error:
        raise _unreadable("a figure is no number") from error
    return Brief(purpose, when, data, numbers)


def read_evaluation(body: Mapping[str, Any]) -> tuple[Brief, Evaluation]:
    """Read what `write_evaluation` gave.

    Parameters
    ----------
    body : mapping
        As the store reads it.

    Returns
    -------
    brief : Brief
        Its headline.
    evaluation : Evaluation
        All of it.

    Raises
    ------
    RegistryError
        If it is nothing of the kind, or the headline is another's.
    """
    brief = read_brief(body)
    try:
        written = json.loads(body["evaluation"])
        evaluation = Evaluation.from_dict(written)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _unreadable(type(error).__name__) from error
    if any(written[name] != body[name] for name in _HEADLINE):
        raise _unreadable("its headline is that of another")
    return brief, evaluation


def validation_of(evaluation: Evaluation) -> dict[str, Any]:
    """Give the headline that a record keeps, so that a list need not read curves.

    Parameters
    ----------
    evaluation : Evaluation
        The one that a version is registered with.

    Returns
    -------
    validation : dict
        What JSON can hold.
    """
    written = evaluation.to_dict()
    return {name: written[name] for name in _HEADLINE}


class Evaluations:
    """Reads the evaluations of a store; what was read once is remembered.

    A stored evaluation never changes, and its number is never used again.

    Parameters
    ----------
    store : Store
        Where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._briefs: dict[tuple[int, int], Brief] = {}

    def numbers(self, version: int) -> list[int]:
        """Give the numbers of a version's evaluations.

        Parameters
        ----------
        version : int
            Its number.

        Returns
        -------
        numbers : list of int
            The oldest first.
        """
        home = self._store.home
        folder = self._store.folder / VERSIONS / str(version) / EVALUATIONS
        return home.numbers(folder, ".json")

    def read(self, version: int, number: int) -> tuple[Brief, Evaluation]:
        """Read one evaluation.

        Parameters
        ----------
        version, number : int
            Which.

        Returns
        -------
        brief : Brief
            Its headline.
        evaluation : Evaluation
            All of it.
        """
        return read_evaluation(self._store.read_evaluation(version, number))

    def briefs(self, record: ModelRecord) -> list[Brief]:
        """Give the headlines of a version's evaluations.

        Parameters
        ----------
        record : ModelRecord
            Of the version.

        Returns
        -------
        briefs : list of Brief
            The oldest first.
        """
        version = record.version
        if record.validation is not None and self._has_one(version):
            return [_brief_of(record)]
        return [self._brief(version, number) for number in self.numbers(version)]

    def _has_one(self, version: int) -> bool:
        # they are numbered without gaps; a look at two names is faster than a list
        folder = f"{self._store.folder}/{VERSIONS}/{version}/{EVALUATIONS}"
        first, second = (os.path.lexists(f"{folder}/{one}.json") for one in (1, 2))
        return first and not second

    def _brief(self, version: int, number: int) -> Brief:
        if (version, number) not in self._briefs:
            body = self._store.read_evaluation(version, number)
            self._briefs[version, number] = read_brief(body)
        return self._briefs[version, number]

    def headline(self, record: ModelRecord) -> Brief | None:
        """Give the latest headline that may be shown as the model's performance.

        Parameters
        ----------
        record : ModelRecord
            Of the version.

        Returns
        -------
        brief : Brief or None
            One on rows by which no contest of this version was decided.
        """
        briefs = self.briefs(record)
        used = used_for_choosing(briefs)
        fair = [brief for brief in briefs if brief.data_fingerprint not in used]
        return fair[-1] if fair else None

    def validation(self, record: ModelRecord) -> Brief | None:
        """Give the latest headline that a contest may choose its candidates by.

        Parameters
        ----------
        record : ModelRecord
            Of the version.

        Returns
        -------
        brief : Brief or None
            The latest for validation.
        """
        found = [one for one in self.briefs(record) if one.purpose == VALIDATION]
        return found[-1] if found else None


def used_for_choosing(briefs: list[Brief]) -> set[str]:
    """Give the rows by which contests of a version were decided.

    Parameters
    ----------
    briefs : list of Brief
        All of the version.

    Returns
    -------
    fingerprints : set of str
        Whatever else was measured on them is no fair figure either.
    """
    return {brief.data_fingerprint for brief in briefs if brief.purpose == CHOOSING}


def _brief_of(record: ModelRecord) -> Brief:
    written = {"purpose": VALIDATION, "evaluated_at": record.created_at}
    return read_brief(written | (record.validation or {}))


def _unreadable(why: str) -> RegistryError:
    return RegistryError(
        f"Expected an evaluation as ModelRegistry stores it; found another ({why}). "
        "Restore it from a backup."
    )
