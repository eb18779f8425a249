"""RegistryReader: the read-only half of `ModelRegistry`."""

import functools
import warnings
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pandas as pd

from edml._urls import as_path
from edml.exceptions import RegistryError
from edml.monitoring import Reference
from edml.registry._exchange import export_version
from edml.registry._exported import ExportedModel
from edml.registry._protocol import MODEL, STAGES
from edml.registry._record import ModelRecord
from edml.registry._state import check_choice
from edml.registry._store import ModelStore
from edml.registry._tables import list_evaluations, list_history, list_records
from edml.registry._verify import check_store, find_model_problems

P = ParamSpec("P")
T = TypeVar("T")
_TRIES = 10


def _steady(read: Callable[P, T]) -> Callable[P, T]:
    """Read again if another process changed the registry during the read."""

    @functools.wraps(read)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        store: ModelStore = args[0]._store  # type: ignore[attr-defined]
        seen = -1
        for _ in range(_TRIES):
            try:
                return read(*args, **kwargs)
            except RegistryError:
                newest = store.newest()
                if newest == seen:
                    raise
                seen = newest
        return read(*args, **kwargs)

    return again


class RegistryReader:
    """Read the models, records, evaluations and history of a store."""

    _store: ModelStore

    @property
    def name(self) -> str:
        """Name of this line of models."""
        return self._store.home.name

    @_steady
    def records(self, stage: str | None = None) -> pd.DataFrame:
        """List the versions.

        Parameters
        ----------
        stage : {"development", "staging", "production"}, default=None
            The stage to list; None lists all versions.

        Returns
        -------
        table : DataFrame of shape (n_versions, 22)
            One row per version: version, stage, algorithm, created_at, threshold, the
            headline figures of its latest evaluation on rows that did not decide a
            contest (NaN if there is none), evaluated_at, purpose, evaluated_on
            (SHA-256 of the rows of that evaluation), intervals (a dict of the ends of
            each figure's interval, or None), n_students, n_failing_students, parent
            and tags.

        Raises
        ------
        RegistryError
            If a record is damaged or not signed, or the stage is unknown.
        """
        if stage is not None:
            check_choice("a stage", stage, STAGES)
        return list_records(self._store, stage)

    @_steady
    def record(self, version: int | str) -> ModelRecord:
        """Read the record of a version.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which, as for `load`.

        Returns
        -------
        record : ModelRecord
            The record, with its current stage.

        Raises
        ------
        RegistryError
            If the version does not exist, or its record is damaged or not signed.
        """
        return self._store.record(version)

    @_steady
    def load(self, version: int | str = "production") -> Any:
        """Load a model, reading only its own files.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}, default="production"
            Its number, or the champion, the only version in staging, or the newest
            version.

        Returns
        -------
        model : classifier
            Its predictions are bit-identical to those of the registered model.

        Raises
        ------
        RegistryError
            If the version does not exist, is damaged or not signed, holds a type that
            is not allowed, or was written by a newer edml.

        Warns
        -----
        UserWarning
            If it was stored with other library versions and the difference may matter.
        """
        return self._store.load(self._store.find(version))

    @_steady
    def history(self) -> pd.DataFrame:
        """List all changes, oldest first.

        Returns
        -------
        table : DataFrame
            One row per change: generation, when, who, what, why, champion (after the
            change), previous_champion (which a rollback would bring back), changes (in
            words), moves and detail (a dict of the figures behind the change).
            ``moves`` lists (version, stage before, stage after); the stage before is
            "new" for a new version, the stage after "removed" for a removed one.

        Raises
        ------
        RegistryError
            If the newest state is damaged or not signed.

        Warns
        -----
        UserWarning
            If an older state is; its change is left out.
        """
        history = self._store.history()
        if history and len(history) < history[-1].generation:
            lost = history[-1].generation - len(history)
            warnings.warn(
                f"The files of {lost} earlier changes of registry {self.name!r} are "
                "damaged or lost, and left out here. Restore them from a backup, or "
                "use repair.",
                UserWarning,
                stacklevel=3,
            )
        return list_history(history)

    @_steady
    def evaluations(self, version: int | str = "production") -> pd.DataFrame:
        """List the evaluations of a version, oldest first.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}, default="production"
            Which.

        Returns
        -------
        table : DataFrame
            One row per evaluation: number, purpose, evaluated_at, fair (whether no
            contest of this version was decided on these rows), data_fingerprint, the
            headline figures, and evaluation (the Evaluation itself).

        Raises
        ------
        RegistryError
            If the version does not exist, or an evaluation is damaged or not signed.
        """
        return list_evaluations(self._store, self._store.find(version))

    @_steady
    def reference(self, version: int | str = "production") -> Reference:
        """Read what `edml.monitoring.monitor` compares later data with.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}, default="production"
            Which.

        Returns
        -------
        reference : Reference
            As stored with the version. `load` does not read it.

        Raises
        ------
        RegistryError
            If the version does not exist, or has no reference, as those that earlier
            versions of edml stored; or if it is damaged or not signed.
        """
        number = self._store.find(version)
        found = self._store.reference(number)
        if found is None:
            raise RegistryError(
                f"Expected a reference in version {number}; found none, because an "
                "earlier edml stored it or the model came without. Register a "
                "RiskClassifier, or pass reference=make_reference(model, X, y)."
            )
        return found

    def verify(self) -> list[str]:
        """Check every file, and that every model can be loaded.

        Returns
        -------
        problems : list of str
            One or more sentences per problem; empty if all is well.
        """
        problems = check_store(self._store)
        try:
            versions = self._store.versions()
        except RegistryError:  # the list of versions is unknown
            versions = self._store.home.numbers(self._store.home.versions)
        for version in versions:
            problems += find_model_problems(self._store, version)
        return problems

    @_steady
    def export(self, version: int | str, path: str | PathLike[str]) -> Path:
        """Write a version with its evaluations to one file.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which.
        path : str or path-like
            A new file, in an existing folder.

        Returns
        -------
        path : Path
            The file, for another registry's `import_`. It is signed with this
            registry's key.

        Raises
        ------
        RegistryError
            If the version does not exist or is damaged, or the file exists or cannot be
            written.
        """
        return export_version(self._store, self._store.find(version), as_path(path))

    @_steady
    def export_model(self, version: int | str) -> ExportedModel:
        """Return a stored model as the bytes of its file, with its record.

        Parameters
        ----------
        version : int or {"production", "staging", "latest"}
            Which.

        Returns
        -------
        exported : ExportedModel
            The bytes, for storage in another system; `read_model_file` loads them.

        Raises
        ------
        RegistryError
            If the version does not exist, is damaged or not signed.
        """
        record = self.record(version)
        data = self._store.read_file(record.version, MODEL)
        return ExportedModel(record=record, data=data, trusted=self._store.trusted)
