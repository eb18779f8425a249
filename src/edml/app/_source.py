"""Where models and scores come from: a registry, an endpoint, or the demonstration."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import pandas as pd

from edml.schema import columns_of

if TYPE_CHECKING:
    from edml.registry import ModelRecord, ModelRegistry

_KEPT = 4  # loaded models


class Champion(NamedTuple):
    """The model that scores students.

    Attributes
    ----------
    version : int
        Its number.
    threshold : float
        The probability at and above which a student is flagged.
    """

    version: int
    threshold: float


class Scored(NamedTuple):
    """What `RiskClassifier.score_students` gives, and by which model.

    Attributes
    ----------
    students : DataFrame of shape (n_histories, n_columns)
        Without reasons and facts, and with ``exam_average`` and ``score_average``.
    by : Champion
        The model.
    """

    students: pd.DataFrame
    by: Champion


class Told(NamedTuple):
    """Why one student is at risk, in words.

    Attributes
    ----------
    reasons, facts : list of str
        As `RiskClassifier.score_students` has them.
    """

    reasons: list[str]
    facts: list[str]


class History(NamedTuple):
    """A student in a course.

    Attributes
    ----------
    student, course : object
        As the columns hold them.
    """

    student: Any
    course: Any


class Source(Protocol):
    """What the pages ask. Every method raises an EdmlError where it cannot answer.

    Attributes
    ----------
    kind : {"registry", "endpoint", "demo"}
        Which it is.
    n_changes : int
        Counts the changes that were made through it, so that a cache can tell.
    """

    kind: str
    n_changes: int

    # -- the scores page

    def sample(self) -> pd.DataFrame | None:
        """Give the table to begin with, where the source has one."""
        ...

    def champion(self) -> Champion:
        """Tell which model scores students now; quick, and never of a cache."""
        ...

    def columns(self, version: int) -> Mapping[str, str]:
        """Give the actual column names that a version reads."""
        ...

    def partition_days(self, version: int) -> float:
        """Give the length of a partition of a version, in days."""
        ...

    def score(
        self, version: int, X: pd.DataFrame, at: float, since: float | None = None
    ) -> Scored:
        """Score students as of the end of a partition."""
        ...

    def explain(
        self, version: int, X: pd.DataFrame, at: float, who: History, language: str
    ) -> Told:
        """Tell why a history has its risk."""
        ...

    # -- the models page

    def records(self) -> pd.DataFrame:
        """List the versions, as `ModelRegistry.records`."""
        ...

    def record(self, version: int) -> "ModelRecord":
        """Read what is known of a version."""
        ...

    def load(self, version: int) -> Any | None:
        """Load a model; None where it stays elsewhere."""
        ...

    def evaluations(self, version: int) -> pd.DataFrame | None:
        """List the evaluations of a version, as the registry does; None without one."""
        ...

    def history(self) -> pd.DataFrame | None:
        """List all changes of stages, as the registry does; None without one."""
        ...

    def test_data(self, version: int) -> tuple[pd.DataFrame, pd.Series] | None:
        """Give raw events and outcomes that a version was judged on, if at hand."""
        ...

    def promote(self, version: int, stage: str, why: str) -> None:
        """Move a version up."""
        ...

    def rollback(self, why: str) -> None:
        """Make the champion before the champion again."""
        ...


class RegistrySource:
    """The versions of a registry, whose models are loaded into this process.

    Parameters
    ----------
    open_registry : callable
        Gives the registry; called when it is needed first, for that may be slow.
    """

    kind = "registry"

    def __init__(self, open_registry: "Callable[[], ModelRegistry]") -> None:
        self._open = open_registry
        self._registry: ModelRegistry | None = None
        self.n_changes = 0
        self._loaded: OrderedDict[int, Any] = OrderedDict()
        self._lock = RLock()  # sessions share the source

    @property
    def registry(self) -> "ModelRegistry":
        """The registry, opened once."""
        with self._lock:
            if self._registry is None:
                self._registry = self._open()
            return self._registry

    def sample(self) -> pd.DataFrame | None:
        """Give None: the events are elsewhere."""
        return None

    def champion(self) -> Champion:
        """Tell which version is in production."""
        record = self.registry.record("production")
        return Champion(record.version, record.threshold)

    def columns(self, version: int) -> Mapping[str, str]:
        """Give the actual column names that a version reads."""
        return columns_of(self.load(version))

    def partition_days(self, version: int) -> float:
        """Give the length of a partition, as the version's pipeline states it."""
        from edml.app._local import partition_days_of  # noqa: PLC0415

        return partition_days_of(self.load(version))

    def score(
        self, version: int, X: pd.DataFrame, at: float, since: float | None = None
    ) -> Scored:
        """Score students by `RiskClassifier.score_students`."""
        from edml.app._averages import add_averages  # noqa: PLC0415 - seconds
        from edml.app._local import partition_days_of, pending_of  # noqa: PLC0415

        model = self.load(version)
        students = model.score_students(X, at, since, n_reasons=0)
        found = add_averages(
            students,
            X,
            at,
            columns_of(model),
            partition_days=partition_days_of(model),
            pending=pending_of(model),
        )
        return Scored(found, Champion(version, float(model.threshold_)))

    def explain(
        self, version: int, X: pd.DataFrame, at: float, who: History, language: str
    ) -> Told:
        """Tell what `RiskClassifier.score_students` tells of one history."""
        from edml.app._local import explain_history  # noqa: PLC0415 - seconds

        return Told(*explain_history(self.load(version), X, at, who, language))

    def records(self) -> pd.DataFrame:
        """List the versions."""
        return self.registry.records()

    def record(self, version: int) -> "ModelRecord":
        """Read what is known of a version."""
        return self.registry.record(version)

    def load(self, version: int) -> Any:
        """Load a version, once for all sessions."""
        with self._lock:
            if version not in self._loaded:
                self._loaded[version] = self.registry.load(version)
                while len(self._loaded) > _KEPT:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(version)
            return self._loaded[version]

    def evaluations(self, version: int) -> pd.DataFrame | None:
        """List the evaluations of a version."""
        return self.registry.evaluations(version)

    def history(self) -> pd.DataFrame | None:
        """List all changes of stages."""
        return self.registry.history()

    def test_data(self, version: int) -> tuple[pd.DataFrame, pd.Series] | None:
        """Give None: a registry holds no student's data."""
        return None

    def promote(self, version: int, stage: str, why: str) -> None:
        """Move a version up."""
        self.registry.promote(version, stage, why)
        self.n_changes += 1

    def rollback(self, why: str) -> None:
        """Make the champion before the champion again."""
        self.registry.rollback(why)
        self.n_changes += 1
