"""Where models and scores come from: a registry, the demonstration, or an endpoint.

All three have the methods that the scores page needs, which raise an EdmlError on
failure. The models page needs a registry.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from shutil import rmtree
from tempfile import mkdtemp
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import finalize

import numpy as np
import pandas as pd

from edml._messages import coded
from edml.app._local import (
    N_EXPLAINED,
    add_averages,
    explain_history,
    list_reasons,
)
from edml.app._settings import Client
from edml.app._student_view import take_history
from edml.classifier import extra_columns, reads_context
from edml.datasets import as_of, load_activity
from edml.exceptions import EdmlError, TableError
from edml.feature_extraction import add_course_context
from edml.schema import (
    COURSE,
    PARTITION,
    STUDENT,
    canonical_names,
    columns_of,
    has_context,
    latest_rows,
    read_partitions,
    resolve_columns,
    step_parameter,
)

if TYPE_CHECKING:
    from edml.registry import ModelRecord, ModelRegistry

_FOR_PEOPLE = ("legajo", "course_name")
_MAX_LOADED = 4  # models
_TEST_SHARE = 0.2
_N_RESAMPLES = 100  # enough for a demonstration


class Champion(NamedTuple):
    """The model that scores students, and its threshold."""

    version: int
    threshold: float


class Scored(NamedTuple):
    """A list of students, and the model that scored them.

    ``students`` is what `RiskClassifier.score_students` returns, without reasons and
    facts, and with ``exam_average`` and ``score_average``.
    """

    students: pd.DataFrame
    by: Champion


History = tuple[Any, Any]  # a student and a course, with the values of their columns
#: The reasons of each row of a list, None where they take too long, and the names of
#: the features behind them.
ListReasons = tuple[list[list[str] | None], list[list[str]]]


class RegistrySource:
    """The versions of a registry; their models are loaded into this process.

    The registry is opened on first use, because opening may be slow.
    """

    kind = "registry"

    def __init__(self, open_registry: "Callable[[], ModelRegistry]") -> None:
        self._open = open_registry
        self._registry: ModelRegistry | None = None
        self._loaded: OrderedDict[int, Any] = OrderedDict()
        self._lock = RLock()  # sessions share the source

    @property
    def registry(self) -> "ModelRegistry":
        """The registry, opened once."""
        with self._lock:
            if self._registry is None:
                self._registry = self._open()
            return self._registry

    def champion(self) -> Champion:
        """Return the version in production."""
        record = self.registry.record("production")
        return Champion(record.version, record.threshold)

    def columns(self, version: int) -> Mapping[str, str]:
        """Return the actual column names that a version reads."""
        return columns_of(self.load(version))

    def partition_days(self, version: int) -> float:
        """Return the length of a partition, as the version's pipeline sets it."""
        return float(step_parameter(self.load(version), "partition_days", 1.0))

    def lacking(self, version: int, X: pd.DataFrame) -> list[str]:
        """Return the absent columns that a version reads besides those of events."""
        found = extra_columns(self.load(version))
        return [name for name in found if name not in X.columns]

    def complete(self, X: pd.DataFrame) -> pd.DataFrame:
        """Add the context of whole courses, if the champion reads it and X has none."""
        if has_context(X.columns):
            return X
        try:
            version = self.champion().version
            wanted = reads_context(self.load(version))
        except EdmlError:  # there is no champion, or none that loads, as the pages say
            return X
        if not wanted:
            return X
        return add_course_context(
            X,
            columns=self.columns(version),
            partition_days=self.partition_days(version),
        )

    def score(
        self, version: int, X: pd.DataFrame, at: float, since: float | None = None
    ) -> Scored:
        """Score students by `RiskClassifier.score_students`."""
        model = self.load(version)
        students = add_averages(
            canonical_names(
                model.score_students(X, at, since, n_reasons=0), columns_of(model)
            ),
            X,
            at,
            columns_of(model),
            partition_days=self.partition_days(version),
            pending=step_parameter(model, "pending", "missing"),
        )
        return Scored(students, Champion(version, float(model.threshold_)))

    def explain(
        self, version: int, X: pd.DataFrame, at: float, who: History, language: str
    ) -> tuple[list[str], list[str]]:
        """Return one history's reasons and facts, as `score_students` does."""
        return explain_history(self.load(version), X, at, who, language)

    def list_reasons(
        self,
        version: int,
        X: pd.DataFrame,
        at: float,
        students: pd.DataFrame,
        language: str,
    ) -> ListReasons:
        """Return the reasons of the rows of a list."""
        return list_reasons(self.load(version), X, at, students, language)

    def load(self, version: int) -> Any:
        """Load a version, once for all sessions."""
        with self._lock:
            if version not in self._loaded:
                self._loaded[version] = self.registry.load(version)
                while len(self._loaded) > _MAX_LOADED:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(version)
            return self._loaded[version]


class DemoSource(RegistrySource):
    """A model trained on most of the sample, and a temporary registry that holds it.

    The model is trained on first use, and evaluated when the registry is opened: the
    list of students does not wait for that. The registry's folder is removed with the
    process; it holds the model and its evaluation, but no events.
    """

    kind = "demo"

    def __init__(self) -> None:
        super().__init__(self._make)
        self._training = Lock()
        self._trained: tuple[Any, pd.DataFrame, pd.Series] | None = None
        self._folder = mkdtemp(prefix="edml-demo-")
        finalize(self, rmtree, self._folder, ignore_errors=True)

    def sample(self) -> pd.DataFrame:
        """Return the students that the model has not seen, without their outcomes."""
        _, X, _ = self.train()
        return X.drop(columns="nota_final_materia")

    def champion(self) -> Champion:
        """Return the only version."""
        return Champion(1, float(self.load(1).threshold_))

    def load(self, version: int) -> Any:
        """Return the model of the only version."""
        return self.train()[0]

    def train(self) -> tuple[Any, pd.DataFrame, pd.Series]:
        """Train the model, once for all sessions; return it and its test side."""
        from edml.classifier import RiskClassifier  # noqa: PLC0415 - seconds
        from edml.model_selection import student_train_test_split  # noqa: PLC0415
        from edml.pipeline import make_risk_pipeline  # noqa: PLC0415

        with self._training:
            if self._trained is None:
                X_train, X_test, y_train, y_test = student_train_test_split(
                    *load_activity(return_X_y=True),
                    test_size=_TEST_SHARE,
                    random_state=0,
                )
                # a row a week is enough, and the first page waits for this
                model = RiskClassifier(make_risk_pipeline(every=7), cv=3)
                model.fit(X_train, y_train)
                self._trained = model, X_test, y_test
            return self._trained

    def _make(self) -> "ModelRegistry":
        from edml.inspection import evaluate  # noqa: PLC0415 - seconds
        from edml.registry import ModelRegistry  # noqa: PLC0415

        evaluation = evaluate(*self.train(), n_resamples=_N_RESAMPLES)
        registry = ModelRegistry(self._folder, who="edml app")
        tags = {"trained on": "sample"}
        record = registry.register(self.load(1), evaluation, tags=tags)
        registry.promote(record.version, why="the model of the demonstration")
        return registry


class EndpointSource:
    """The champion of an endpoint; its model stays there."""

    kind = "endpoint"

    def __init__(self, client: Client, columns: Mapping[str, str]) -> None:
        self.client = client
        self._names = resolve_columns(columns)

    def champion(self) -> Champion:
        """Return the version that the endpoint serves."""
        record = self.client.model()
        return Champion(int(record["version"]), float(record["threshold"]))

    def columns(self, version: int) -> Mapping[str, str]:
        """Return the column names of the settings."""
        return self._names

    def partition_days(self, version: int) -> float:
        """Return one day, which `edml predict` also assumes for an endpoint."""
        return 1.0

    def lacking(self, version: int, X: pd.DataFrame) -> list[str]:
        """Return nothing: the endpoint says itself what it lacks."""
        return []

    def complete(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the table as it is."""
        return X

    def score(
        self, version: int, X: pd.DataFrame, at: float, since: float | None = None
    ) -> Scored:
        """Request scores of students; the endpoint chooses and reports the version."""
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
        if since is not None:  # no change is known without a row since then
            students.loc[students[PARTITION] <= since, "change"] = np.nan
        students = add_averages(students, X, at, names)
        order = np.argsort(-probability, kind="stable")
        by = Champion(
            int(answer["model_version"].iloc[0]), float(answer["threshold"].iloc[0])
        )
        return Scored(students.iloc[order].reset_index(drop=True), by)

    def explain(
        self, version: int, X: pd.DataFrame, at: float, who: History, language: str
    ) -> tuple[list[str], list[str]]:
        """Request one history's reasons and facts; no other data is sent."""
        history = take_history(X, self._names, *who)
        answer = self.client.predict(self._as_of(history, at), True, language)
        row = answer.iloc[0]
        return list(row["reasons"]), list(row["facts"])

    def list_reasons(
        self,
        version: int,
        X: pd.DataFrame,
        at: float,
        students: pd.DataFrame,
        language: str,
    ) -> ListReasons:
        """Request the reasons of the first rows of a list, without the features."""
        names = self._names
        columns = [names[STUDENT], names[COURSE]]
        wanted = _as_texts(students.head(N_EXPLAINED), [STUDENT, COURSE])
        some = X[_as_texts(X, columns).isin(wanted)]
        answer = self.client.predict(self._as_of(some, at), True, language)
        found = answer["reasons"].set_axis(_as_texts(answer, columns)).loc[wanted]
        texts = [*found, *[None] * (len(students) - len(wanted))]
        return texts, [[]] * len(students)

    def record(self) -> "ModelRecord":
        """Read the record of the endpoint's champion."""
        from edml.registry import ModelRecord  # noqa: PLC0415 - seconds

        return ModelRecord.from_dict(self.client.model())

    def _as_of(self, X: pd.DataFrame, at: float) -> pd.DataFrame:
        shown = as_of(X, at, columns=self._names)
        if not len(shown):
            message = f"X has no row up to partition {at:g}. Choose a later one."
            raise TableError(coded("no_rows_yet", message, day=f"{at:g}"))
        return shown

    def _earlier(
        self, X: pd.DataFrame, since: float | None, chosen: pd.DataFrame
    ) -> Any:
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
    """Return the answers for the histories of some rows; NaN where missing."""
    columns = [names[STUDENT], names[COURSE]]
    found = answer.set_index(_as_texts(answer, columns))[["probability", "flagged"]]
    return found.reindex(_as_texts(chosen, columns))


def _as_texts(table: pd.DataFrame, columns: list[str]) -> pd.MultiIndex:
    # an id may be a number here, and a string in the request and the answer
    return pd.MultiIndex.from_arrays([table[name].astype(str) for name in columns])


Source = RegistrySource | EndpointSource
