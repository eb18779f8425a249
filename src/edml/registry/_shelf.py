"""Shelf: models in and out of a store, with their records and evaluations."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import index
from typing import Any

from edml.exceptions import RegistryError
from edml.inspection import Evaluation
from edml.registry import _trust
from edml.registry._evaluations import (
    VALIDATION,
    Evaluations,
    validation_of,
    write_evaluation,
)
from edml.registry._record import ModelRecord, describe
from edml.registry._stages import (
    DEVELOPMENT,
    PRODUCTION,
    STAGING,
    check_version,
    move,
)
from edml.registry._store import State, Store

MODEL = "model.skops"
LATEST = "latest"


class Shelf:
    """What the parts of the API share.

    Parameters
    ----------
    store : Store
        The folder.
    key : bytes or None
        Signs what leaves the folder.
    trusted : sequence of str
        Classes that models may hold besides those on the list.

    Attributes
    ----------
    evaluations : Evaluations
        Those of the store.
    """

    def __init__(self, store: Store, key: bytes | None, trusted: Sequence[str]) -> None:
        self.store = store
        self.key = key
        self.trusted = tuple(trusted)
        self.evaluations = Evaluations(store)

    def find(self, version: int | str) -> int:
        """Give the number of a version that may be named by what it is.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which.

        Returns
        -------
        number : int
            There is such a version.
        """
        return resolve(self.store.state(), version)

    def record(self, version: int | str) -> ModelRecord:
        """Read the record of a version, with its stage.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which.

        Returns
        -------
        record : ModelRecord
        """
        state = self.store.state()
        number = resolve(state, version)
        return self.read(number, state.stages[number])

    def read(self, version: int, stage: str) -> ModelRecord:
        """Read the record of a version whose stage is known.

        Parameters
        ----------
        version : int
            Its number.
        stage : str
            Where it stands.

        Returns
        -------
        record : ModelRecord
        """
        record = self.store.read_record(version)
        return ModelRecord.from_dict({**record, "stage": stage})

    def load(self, version: int, trusted: Sequence[str] = ()) -> Any:
        """Load the model of a version.

        Parameters
        ----------
        version : int
            Its number.
        trusted : sequence of str, default=()
            Further classes that it may hold.

        Returns
        -------
        model : classifier
        """
        record = self.read(version, DEVELOPMENT)
        data = self.store.read_file(version, MODEL)
        _trust.check_versions(record.libraries)
        return _trust.loads(data, trusted=[*self.trusted, *trusted])

    def add(
        self,
        model: Any,
        training: Mapping[str, Any] | None,
        *,
        evaluation: Evaluation | None = None,
        tags: Mapping[str, Any] | None = None,
        parent: int | None = None,
        **known: Any,
    ) -> ModelRecord:
        """Store a deployable model as a new version.

        Parameters
        ----------
        model : classifier
            Without training rows.
        training : mapping or None
            How it was trained.
        evaluation : Evaluation, default=None
            For validation.
        tags : mapping, default=None
            What the user notes.
        parent : int, default=None
            The version that it was made from.
        **known : object
            Fields of the record that the model does not know itself.

        Returns
        -------
        record : ModelRecord
            Of the new version.
        """
        data = _trust.dumps(model, trusted=self.trusted)
        body = describe(model, parent=parent, tags=tags)
        body |= {"training": training, **known}
        if evaluation is not None:
            _check_evaluation(evaluation, body)
            body["validation"] = validation_of(evaluation)
        first = [] if evaluation is None else [write_evaluation(evaluation, VALIDATION)]
        stored = self.store.add_version({MODEL: data}, body, first)
        return ModelRecord.from_dict({**stored, "stage": DEVELOPMENT})

    def add_evaluation(
        self, version: int, evaluation: Evaluation, purpose: str
    ) -> None:
        """Store an evaluation of a version.

        Parameters
        ----------
        version : int
            Its number.
        evaluation : Evaluation
            All figures and curves.
        purpose : {"validation", "report", "choosing"}
            What it was made for.
        """
        self.store.add_evaluation(version, write_evaluation(evaluation, purpose))

    def move(
        self,
        what: str,
        version: int,
        stage: str,
        why: str,
        check: Callable[[str], None] = lambda before: None,
    ) -> ModelRecord:
        """Move a version to a stage.

        Parameters
        ----------
        what : str
            What is done, for the history.
        version : int
            Its number.
        stage : {"development", "staging", "production"}
            Where to.
        why : str
            For the history.
        check : callable, default=None
            Raises if it may not move, given the stage before.

        Returns
        -------
        record : ModelRecord
            With the new stage.
        """

        def update(state: State) -> dict[int, str]:
            check_version(state, version)
            check(state.stages[version])
            return move(state, version, stage)

        detail = {"version": version, "stage": stage}
        state = self.store.change(what, str(why), update, detail)
        return self.read(version, state.stages[version])

    def problems(self, version: int, stage: str) -> list[str]:
        """Check that what a version holds can be used.

        Parameters
        ----------
        version : int
            Its number.
        stage : str
            Where it stands.

        Returns
        -------
        problems : list of str
            But those of damaged files, which the store tells itself.
        """
        try:
            data = self.store.read_file(version, MODEL)
        except RegistryError:
            return []  # told already, or removed meanwhile
        checks: list[Callable[[], Any]] = [
            partial(self.read, version, stage),
            partial(_trust.loads, data, trusted=self.trusted),
            *(
                partial(self.evaluations.read, version, number)
                for number in self.evaluations.numbers(version)
            ),
        ]
        found = []
        for check in checks:
            try:
                check()
            except RegistryError as error:
                found.append(f"Version {version}: {error}")
        removed = found and version not in self.store.state().stages
        return [] if removed else found


def resolve(state: State, version: int | str) -> int:
    """Give the number of a version that may be named by what it is.

    Parameters
    ----------
    state : State
        The stages.
    version : int or {"production", "staging", "latest"}
        Which.

    Returns
    -------
    number : int
        There is such a version.

    Raises
    ------
    RegistryError
        If there is not, or several are in staging.
    """
    if isinstance(version, str):
        return _resolve_name(state, version)
    try:
        number = index(version)
    except TypeError:
        number = 0
    if isinstance(version, bool) or number < 1:
        message = (
            "Expected the number of a version, 'production', 'staging' or 'latest'; "
            f"found {version!r:.40}. Look at records()."
        )
        raise RegistryError(message)
    check_version(state, number)
    return number


def check_unseen(record: Mapping[str, Any], data_fingerprint: str) -> None:
    """Check that a model has not seen rows that it shall be judged on.

    Parameters
    ----------
    record : mapping
        Of the model.
    data_fingerprint : str
        Of the rows.

    Raises
    ------
    RegistryError
        If it was trained, or its threshold chosen, on exactly these.
    """
    seen = seen_as(record, data_fingerprint)
    if seen is not None:
        message = (
            f"Expected rows of students that the model has not seen; found that "
            f"{seen}. Give other rows."
        )
        raise RegistryError(message)


def seen_as(record: Mapping[str, Any], data_fingerprint: str) -> str | None:
    """Say what a model has seen rows for.

    Parameters
    ----------
    record : mapping
        Of the model.
    data_fingerprint : str
        Of the rows.

    Returns
    -------
    seen : str or None
        None if it is not known to have seen exactly these.
    """
    if data_fingerprint == record["data_fingerprint"]:
        return "it was trained on these rows"
    if data_fingerprint == record["threshold_fingerprint"]:
        return "its threshold was chosen on these rows"
    return None


def _resolve_name(state: State, name: str) -> int:
    if name == PRODUCTION:
        found = [] if state.champion is None else [state.champion]
    elif name == STAGING:
        found = [v for v, stage in state.stages.items() if stage == STAGING]
    elif name == LATEST:
        found = list(state.stages)[-1:]
    else:
        message = (
            "Expected the number of a version, 'production', 'staging' or 'latest'; "
            f"found {name!r:.40}. Look at records()."
        )
        raise RegistryError(message)
    if len(found) == 1:
        return found[0]
    if not found:
        where = "any version" if name == LATEST else f"a version in {name}"
        remedy = "Register a model" if not state.stages else "Promote one"
        message = f"Expected {where}; found none. {remedy} first."
        raise RegistryError(message)
    message = f"Expected one version in {name}; found {found}. Name one by its number."
    raise RegistryError(message)


def _check_evaluation(evaluation: Any, body: Mapping[str, Any]) -> None:
    if not isinstance(evaluation, Evaluation):
        message = (
            "Expected evaluation=edml.evaluate(model, X, y) or None; found "
            f"{type(evaluation).__name__}. Evaluate the model on students that it has "
            "not seen."
        )
        raise RegistryError(message)
    if evaluation.threshold != body["threshold"]:
        message = (
            f"Expected an evaluation of this model, whose threshold is "
            f"{body['threshold']:.6g}; found one of the threshold "
            f"{evaluation.threshold:.6g}. Evaluate the model that you register."
        )
        raise RegistryError(message)
    check_unseen(body, evaluation.data_fingerprint)
