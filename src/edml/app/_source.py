"""Where models and scores come from: a registry, an endpoint, or the demonstration."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cached_property
from shutil import rmtree
from tempfile import mkdtemp
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from weakref import finalize

import pandas as pd

from edml.schema import columns_of, step_parameter

if TYPE_CHECKING:
    from edml.registry import ModelRegistry

_MAX_LOADED = 4  # models
_TEST_SHARE = 0.2
_N_RESAMPLES = 200  # takes a tenth of a second, and is enough for a demonstration


class Champion(NamedTuple):
    """The model that scores students, and the probability from which it flags one."""

    version: int
    threshold: float


class Scored(NamedTuple):
    """A list of students, and the model that scored them.

    ``students`` is what `RiskClassifier.score_students` returns, without reasons and
    facts, and with ``exam_average`` and ``score_average``.
    """

    students: pd.DataFrame
    by: Champion


class StudentExplanation(NamedTuple):
    """The reasons and facts of one history, as `score_students` has them."""

    reasons: list[str]
    facts: list[str]


class History(NamedTuple):
    """A student in a course, as the columns hold them."""

    student: Any
    course: Any


class Source(Protocol):
    """What the scores page asks; a method without an answer raises an EdmlError."""

    kind: str  # "registry", "endpoint" or "demo"

    def champion(self) -> Champion:
        """Return the model that scores students now; quick, and never cached."""
        ...

    def columns(self, version: int) -> Mapping[str, str]:
        """Return the actual column names that a version reads."""
        ...

    def partition_days(self, version: int) -> float:
        """Return the length of a partition of a version, in days."""
        ...

    def score(
        self, version: int, X: pd.DataFrame, at: float, since: float | None = None
    ) -> Scored:
        """Score students as of the end of a partition."""
        ...

    def explain(
        self, version: int, X: pd.DataFrame, at: float, who: History, language: str
    ) -> StudentExplanation:
        """Explain the score of one history."""
        ...


class RegistrySource:
    """The versions of a registry, whose models are loaded into this process.

    The registry is opened on first use, because that may be slow.
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

    def score(
        self, version: int, X: pd.DataFrame, at: float, since: float | None = None
    ) -> Scored:
        """Score students by `RiskClassifier.score_students`."""
        from edml.app._local import add_averages  # noqa: PLC0415 - seconds

        model = self.load(version)
        students = add_averages(
            model.score_students(X, at, since, n_reasons=0),
            X,
            at,
            columns_of(model),
            partition_days=self.partition_days(version),
            pending=step_parameter(model, "pending", "missing"),
        )
        return Scored(students, Champion(version, float(model.threshold_)))

    def explain(
        self, version: int, X: pd.DataFrame, at: float, who: History, language: str
    ) -> StudentExplanation:
        """Explain one history as `RiskClassifier.score_students` does."""
        from edml.app._local import explain_history  # noqa: PLC0415 - seconds

        model = self.load(version)
        return StudentExplanation(*explain_history(model, X, at, who, language))

    def load(self, version: int) -> Any:
        """Load a version, once for all sessions."""
        with self._lock:
            if version not in self._loaded:
                self._loaded[version] = self.registry.load(version)
                while len(self._loaded) > _MAX_LOADED:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(version)
            return self._loaded[version]


_Side = tuple[pd.DataFrame, pd.Series]


class DemoSource(RegistrySource):
    """A temporary registry, with a model that was trained on most of the sample.

    The model is trained on first use. The registry's folder goes with the process; it
    holds the model and its evaluation, and no events.
    """

    kind = "demo"

    def __init__(self) -> None:
        super().__init__(self._make)
        self._folder = mkdtemp(prefix="edml-demo-")
        finalize(self, rmtree, self._folder, ignore_errors=True)

    def sample(self) -> pd.DataFrame:
        """Return the students that the model has not seen, without their outcomes."""
        return self._sides[1][0].drop(columns="nota_final_materia")

    @cached_property
    def _sides(self) -> tuple[_Side, _Side]:
        """The students to train on, and those to evaluate on and to show."""
        from edml.datasets import load_activity  # noqa: PLC0415 - seconds
        from edml.model_selection import student_train_test_split  # noqa: PLC0415

        X, y = load_activity(return_X_y=True)
        X_train, X_test, y_train, y_test = student_train_test_split(
            X, y, test_size=_TEST_SHARE, random_state=0
        )
        return (X_train, y_train), (X_test, y_test)

    def _make(self) -> "ModelRegistry":
        from edml.classifier import RiskClassifier  # noqa: PLC0415 - seconds
        from edml.inspection import evaluate  # noqa: PLC0415
        from edml.registry import ModelRegistry  # noqa: PLC0415

        train, test = self._sides
        model = RiskClassifier(cv=3).fit(*train)
        evaluation = evaluate(model, *test, n_resamples=_N_RESAMPLES)
        registry = ModelRegistry(self._folder, who="edml app")
        record = registry.register(model, evaluation, tags={"trained on": "sample"})
        registry.promote(record.version, why="the model of the demonstration")
        return registry
