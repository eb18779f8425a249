"""The champion of an endpoint, asked through a client that is handed in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from edml.app._settings import Client
from edml.app._source import Champion, History, Scored, StudentExplanation
from edml.exceptions import TableError
from edml.schema import (
    COURSE,
    PARTITION,
    STUDENT,
    latest_rows,
    read_partitions,
    resolve_columns,
)

if TYPE_CHECKING:
    from edml.registry import ModelRecord

_FOR_PEOPLE = ("legajo", "course_name")


class EndpointSource:
    """The champion that an endpoint serves; its model stays there."""

    kind = "endpoint"

    def __init__(self, client: Client, columns: Mapping[str, str]) -> None:
        self.client = client
        self._names = resolve_columns(columns)

    def champion(self) -> Champion:
        """Ask which version answers."""
        record = self.client.model()
        return Champion(int(record["version"]), float(record["threshold"]))

    def columns(self, version: int) -> Mapping[str, str]:
        """Return the column names of the settings."""
        return self._names

    def partition_days(self, version: int) -> float:
        """Return a day, as `edml predict` takes it of an endpoint."""
        return 1.0

    def score(
        self, version: int, X: pd.DataFrame, at: float, since: float | None = None
    ) -> Scored:
        """Have students scored; the endpoint chooses the version, and reports it."""
        from edml.app._local import add_averages  # noqa: PLC0415 - seconds

        names = self._names
        shown = self._as_of(X, at)
        answer = self.client.predict(shown)
        chosen = shown.iloc[latest_rows(shown, names)]
        given = _in_order(answer, chosen, names)
        students = pd.DataFrame(
            {
                name: chosen[names[name]].to_numpy()
                for name in (STUDENT, COURSE, *_FOR_PEOPLE)
                if names[name] in chosen.columns
            }
        )
        students[PARTITION] = read_partitions(chosen[names[PARTITION]])
        students["probability"] = probability = given["probability"].to_numpy()
        students["flagged"] = given["flagged"].to_numpy()
        students["change"] = probability - self._earlier(X, since, chosen)
        if since is not None:  # nothing is known of a change without a row since then
            students.loc[students[PARTITION] <= since, "change"] = np.nan
        students = add_averages(students, X, at, names)
        order = np.argsort(-probability, kind="stable")
        by = Champion(
            int(answer["model_version"].iloc[0]), float(answer["threshold"].iloc[0])
        )
        return Scored(students.iloc[order].reset_index(drop=True), by)

    def explain(
        self, version: int, X: pd.DataFrame, at: float, who: History, language: str
    ) -> StudentExplanation:
        """Have one history explained; nothing else is sent."""
        from edml.app._student_view import take_history  # noqa: PLC0415 - seconds

        history = take_history(X, self._names, *who)
        answer = self.client.predict(self._as_of(history, at), True, language)
        row = answer.iloc[0]
        return StudentExplanation(list(row["reasons"]), list(row["facts"]))

    def record(self) -> "ModelRecord":
        """Read the record of the endpoint's champion."""
        from edml.registry import ModelRecord  # noqa: PLC0415 - seconds

        return ModelRecord.from_dict(self.client.model())

    def _as_of(self, X: pd.DataFrame, at: float) -> pd.DataFrame:
        from edml.datasets import as_of  # noqa: PLC0415 - seconds

        shown = as_of(X, at, columns=self._names)
        if not len(shown):
            message = f"X has no row up to partition {at:g}. Choose a later one."
            raise TableError(message)
        return shown

    def _earlier(
        self, X: pd.DataFrame, since: float | None, chosen: pd.DataFrame
    ) -> Any:
        from edml.datasets import as_of  # noqa: PLC0415 - seconds

        if since is None:
            return np.nan
        table = as_of(X, since, columns=self._names)
        if not len(table):
            return np.nan
        answer = self.client.predict(table)
        return _in_order(answer, chosen, self._names)["probability"].to_numpy()


def _in_order(
    answer: pd.DataFrame, chosen: pd.DataFrame, names: Mapping[str, str]
) -> pd.DataFrame:
    """Return the answers for the histories of some rows; NaN where there is none."""
    columns = [names[STUDENT], names[COURSE]]
    found = answer.set_index(_as_texts(answer, columns))[["probability", "flagged"]]
    return found.reindex(_as_texts(chosen, columns))


def _as_texts(table: pd.DataFrame, columns: list[str]) -> pd.MultiIndex:
    # an id may be a number here, and a text on its way there and back
    return pd.MultiIndex.from_arrays([table[name].astype(str) for name in columns])
