"""sync: an MLflow server as the mirror of a registry."""

import json
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from edml.exceptions import RegistryError
from edml.registry import PRODUCTION, STAGING, ModelRecord, ModelRegistry
from edml.tracking._client import connected, mlflow, resolve_uri
from edml.tracking._delivery import resend
from edml.tracking._evaluation import log_evaluation
from edml.tracking._model import add_version, find_version, list_versions
from edml.tracking._outbox import DEFAULT_FOLDER
from edml.tracking._reconcile import Changes, Target, read_memory, reconcile
from edml.tracking._tags import (
    EVALUATED_AT,
    LOGGED_MODEL,
    STAGE,
    SYNCED,
    VERSION,
    Describer,
)

CHAMPION, CHALLENGER = "champion", "challenger"
MIRRORED = "edml.mirrored"
_ADVICE = "What is there is complete; run sync again for the rest."


@dataclass(frozen=True)
class SyncReport:
    """The changes that `sync` made, and the conflicts that it left.

    Parameters
    ----------
    logged : tuple of str
        The versions that were logged, a sentence for each.
    changed : tuple of str
        The tags and aliases that were updated.
    conflicts : tuple of str
        Manual changes on the server, and what could not be mirrored. Nothing of it was
        overwritten; each sync reports it again until it is resolved.
    resent : int, default=0
        Number of records of earlier searches that were sent from the outbox.

    See Also
    --------
    sync : Mirror a registry.

    Examples
    --------
    >>> from edml.tracking import SyncReport
    >>> SyncReport(logged=(), changed=(), conflicts=()).resent
    0
    """

    __module__ = "edml.tracking"

    logged: tuple[str, ...]
    changed: tuple[str, ...]
    conflicts: tuple[str, ...]
    resent: int = 0


def sync(
    registry: ModelRegistry,
    tracking_uri: str | None = None,
    *,
    outbox: str | PathLike[str] | None = None,
) -> SyncReport:
    """Synchronize an MLflow server with a registry, which is not changed.

    Every version is logged as by `log_model`. The alias ``champion`` follows the
    version in production, and ``challenger`` the newest in staging. The tags of each
    version show its stage, its figures, and the author and reason of its last change. A
    version that was removed from the registry stays on the server, in the stage
    "removed". Manual changes there are reported and not overwritten. A second call
    changes nothing, and the next call completes an interrupted one.

    Parameters
    ----------
    registry : ModelRegistry
        The registry to mirror.
    tracking_uri : str, default=None
        Address of the MLflow server; None is ``sqlite:///mlflow.db`` in the working
        directory.
    outbox : str or path-like, default=None
        The folder of unsent records of searches, which are sent now; None is
        ``.edml-outbox`` in the working directory.

    Returns
    -------
    report : SyncReport
        The changes and the conflicts.

    Raises
    ------
    TrackingError
        If the tracking URI is invalid, or the server cannot be reached or fails.
    RegistryError
        If the registry is damaged.
    MissingExtraError
        If MLflow is not installed.

    Warns
    -----
    UserWarning
        If the outbox holds searches for another server, or the server rejected a
        record.

    See Also
    --------
    log_model : Log one version.
    MlflowCallback : Log a search; it keeps unsent records in the outbox.

    Examples
    --------
    >>> from edml.registry import ModelRegistry
    >>> from edml.tracking import sync
    >>> sync(ModelRegistry(), "http://localhost:5000").changed  # doctest: +SKIP
    ('Alias champion: from number 1 to number 3.',)
    """
    folder = Path(DEFAULT_FOLDER if outbox is None else outbox).absolute()
    with connected(tracking_uri, _ADVICE) as client:
        mirror = _Mirror(client, registry)
        mirror.bring_in_step()
        resent = resend(client, folder, resolve_uri(tracking_uri))
    return SyncReport(
        tuple(mirror.logged), tuple(mirror.changed), tuple(mirror.conflicts), resent
    )


class _Mirror:
    """One sync, and the sentences of its report."""

    def __init__(self, client: Any, registry: ModelRegistry) -> None:
        self.client = client
        self.registry = registry
        self.name = registry.name
        self.logged: list[str] = []
        self.changed: list[str] = []
        self.conflicts: list[str] = []
        self._describer = Describer(registry)
        self._there: dict[int, Any] = {}  # MLflow's version by the registry's number

    def bring_in_step(self) -> None:
        """Mirror all versions, then the aliases."""
        found = list_versions(self.client, self.name)
        stages = self._describer.stages
        if not (stages or found):
            return
        records = {version: self.registry.record(version) for version in stages}
        try:
            for version, record in records.items():
                known = find_version(self.registry, record, found)
                if known is not None:
                    self._there[version] = known
        except RegistryError as error:  # the mirror of another registry
            self.conflicts.append(f"{error} Nothing was mirrored.")
            return
        mirrored = self._read_mirrored()
        self._follow_versions(records, mirrored)
        self._follow_others(found)
        if found or self._there:
            if not mirrored.issuperset(self._there):
                text = json.dumps(sorted(mirrored.union(self._there)))
                self.client.set_registered_model_tag(self.name, MIRRORED, text)
            self._set_aliases()

    # -- versions --------------------------------------------------------------------

    def _follow_versions(
        self, records: Mapping[int, ModelRecord], mirrored: Container[int]
    ) -> None:
        for version, record in records.items():
            if version in self._there:
                desired = self._describer.describe(record)
                self._update_tags(version, self._there[version], desired)
            elif version in mirrored:
                self.conflicts.append(
                    f"Version {version} was logged, and was deleted on the server: it "
                    "is not logged again. Call log_model to bring it back."
                )
            else:
                self._add(record)

    def _follow_others(self, found: list[Any]) -> None:
        """Mark versions that were removed, and report those that are there twice."""
        versions = Counter(int(one.tags[VERSION]) for one in found)
        for version, n_times in versions.items():
            if n_times > 1:  # by two concurrent syncs
                self.conflicts.append(
                    f"Version {version} is on the server {n_times} times; the first is "
                    "kept in step. Delete the others there."
                )
        for one in found:
            version = int(one.tags[VERSION])
            if version not in self._describer.stages:
                written, _ = read_memory(one.tags.get(SYNCED))
                desired = self._describer.describe_removed(version, written)
                self._update_tags(version, one, desired)

    def _add(self, record: ModelRecord) -> None:
        version = record.version
        try:
            new = add_version(self.client, self.registry, record, self._describer)
        except RegistryError as error:
            self.conflicts.append(f"Version {version} was not logged: {error}")
            return
        self._there[version] = new
        self.logged.append(
            f"Version {version} was logged as number {new.version} of {self.name}."
        )

    def _update_tags(self, version: int, known: Any, desired: dict[str, str]) -> None:
        remembered = known.tags.get(SYNCED)
        written, _ = read_memory(remembered)
        last = (None, known.tags.get(EVALUATED_AT), written.get(EVALUATED_AT))
        if desired.get(EVALUATED_AT) not in last:
            self._log_figures(version, known)
        place = (self.name, known.version)
        write = partial(self.client.set_model_version_tag, *place)
        remove = partial(self.client.delete_model_version_tag, *place)
        target = Target(write, remove, partial(write, SYNCED))
        writes, conflicts = reconcile(desired, known.tags, remembered, target)
        if writes:
            self.changed.append(_describe_changes(version, writes, known.tags))
        for name, value in conflicts.items():
            what = f"tag {name} of version {version}"
            self._report_conflict(what, desired.get(name), value)

    def _log_figures(self, version: int, known: Any) -> None:
        """Log a new evaluation, if its run still exists."""
        failure = mlflow("mlflow.exceptions").MlflowException
        try:
            stage = self.client.get_run(known.run_id).info.lifecycle_stage
        except failure as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            stage = "deleted"
        if stage != "active":
            self.conflicts.append(
                f"Version {version} has a new evaluation, but its run was deleted on "
                "the server: only its tags show the figures."
            )
            return
        model_id = known.tags.get(LOGGED_MODEL)
        log_evaluation(self.client, self.registry, version, known.run_id, model_id)

    # -- the registered model ----------------------------------------------------------

    def _read_mirrored(self) -> set[int]:
        """Return all versions ever mirrored; a missing one was deleted there."""
        query = f"name = '{self.name}'"
        models = self.client.search_registered_models(filter_string=query)
        try:
            return set(map(int, json.loads(models[0].tags[MIRRORED])))
        except (LookupError, TypeError, ValueError):  # none yet, or changed by hand
            return set()

    def _set_aliases(self) -> None:
        model = self.client.get_registered_model(self.name)
        remembered = model.tags.get(SYNCED)
        there = {alias: str(number) for alias, number in model.aliases.items()}
        desired = self._desired_aliases(read_memory(remembered)[0])
        target = Target(
            partial(self.client.set_registered_model_alias, self.name),
            partial(self.client.delete_registered_model_alias, self.name),
            partial(self.client.set_registered_model_tag, self.name, SYNCED),
        )
        writes, conflicts = reconcile(desired, there, remembered, target)
        for alias, number in writes.items():
            was = _number(there.get(alias))
            self.changed.append(f"Alias {alias}: from {was} to {_number(number)}.")
        for alias, value in conflicts.items():
            wanted = _number(desired.get(alias))
            self._report_conflict(f"alias {alias}", wanted, _number(value))

    def _desired_aliases(self, written: Mapping[str, str]) -> dict[str, str]:
        """Return MLflow's number for each alias that the stages require."""
        found = {}
        for alias, stage in ((CHAMPION, PRODUCTION), (CHALLENGER, STAGING)):
            stages = self._describer.stages.items()
            version = max((v for v, one in stages if one == stage), default=None)
            if version in self._there:
                found[alias] = str(self._there[version].version)
            elif version is not None and alias in written:
                found[alias] = written[alias]  # the missing version is reported already
        return found

    def _report_conflict(
        self, what: str, wanted: str | None, found: str | None
    ) -> None:
        self.conflicts.append(
            f"Expected the {what} to be {wanted or 'nothing'}; found "
            f"{found or 'nothing'}: somebody else has changed it, and it is kept. "
            "Write the expected value there, or change the registry."
        )


def _describe_changes(version: int, writes: Changes, before: Mapping[str, str]) -> str:
    if STAGE in writes:
        return f"Version {version}: from {before.get(STAGE)} to {writes[STAGE]}."
    return f"Version {version}: {', '.join(writes)}."


def _number(number: str | None) -> str:
    return "nothing" if number is None else f"number {number}"
