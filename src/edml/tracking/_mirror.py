"""sync: an MLflow server as the mirror of a registry."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from os import PathLike
from typing import Any

from edml.exceptions import RegistryError
from edml.registry import ModelRegistry
from edml.registry._stages import PRODUCTION, STAGING
from edml.tracking._evaluated import log_evaluation
from edml.tracking._model import add_version, find_version, versions_of
from edml.tracking._outbox import resend
from edml.tracking._reconcile import Memory, Plan, Target, compare
from edml.tracking._session import mlflow, working
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
_LEFT = "What is there is whole; run sync again for the rest."


@dataclass(frozen=True)
class SyncReport:
    """What `sync` did, and what it left alone.

    Parameters
    ----------
    logged : tuple of str
        The versions that were logged, each in a sentence.
    changed : tuple of str
        What was brought up to date.
    conflicts : tuple of str
        What the server says otherwise because somebody changed it there, and what
        could not be mirrored. Nothing of it was overwritten, and it is told again by
        each sync until it is settled.
    resent : int, default=0
        How many events of searches were sent that had been kept.

    See Also
    --------
    sync : Gives it.

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
    """Bring an MLflow server in step with a registry, which stays as it is.

    Every version is logged as by `log_model`. The alias ``champion`` follows the
    version in production, ``challenger`` the newest in staging, and the tags of each
    version its stage, its figures, and who changed it last and why. A version that
    was removed from the registry stays on the server, in the stage "removed". What
    was changed by hand there is reported and not overwritten. A second call changes
    nothing, and one that was interrupted is finished by the next.

    Parameters
    ----------
    registry : ModelRegistry
        What is mirrored.
    tracking_uri : str, default=None
        Address of the MLflow server; None is ``sqlite:///mlflow.db`` in the working
        directory.
    outbox : str or path-like, default=None
        The folder of what searches could not send, which is sent now; None is
        ``.edml-outbox`` in the working directory.

    Returns
    -------
    report : SyncReport
        What was done, and what was left alone.

    Raises
    ------
    TrackingError
        If the server cannot be reached, or fails on the way.
    RegistryError
        If the registry is damaged.
    MissingExtraError
        If MLflow is not installed.

    See Also
    --------
    log_model : Logs one version.
    MlflowCallback : Keeps in the outbox what it cannot send.

    Examples
    --------
    >>> from edml.registry import ModelRegistry
    >>> from edml.tracking import sync
    >>> sync(ModelRegistry(), "http://localhost:5000").changed  # doctest: +SKIP
    ('Alias champion: from number 1 to number 3.',)
    """
    with working(tracking_uri, _LEFT) as client:
        mirror = _Mirror(client, registry)
        mirror.bring_in_step()
    resent = resend(outbox, tracking_uri)
    return SyncReport(
        tuple(mirror.logged), tuple(mirror.changed), tuple(mirror.conflicts), resent
    )


class _Mirror:
    """One sync: what it finds, and what it tells.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the server.
    registry : ModelRegistry
        What is mirrored.
    """

    def __init__(self, client: Any, registry: ModelRegistry) -> None:
        self.client = client
        self.registry = registry
        self.name = registry.name
        self.logged: list[str] = []
        self.changed: list[str] = []
        self.conflicts: list[str] = []
        self._describer = Describer(registry)
        self._there: dict[int, Any] = {}  # by the registry's number

    def bring_in_step(self) -> None:
        """Mirror all versions, then the aliases."""
        found = versions_of(self.client, self.name)
        stages = self._describer.stages
        if not (stages or found) or not self._is_ours(found):
            return
        once = self._read_mirrored()
        for version in stages:
            self._mirror(version, found, once)
        for one in found:
            if int(one.tags[VERSION]) not in stages:
                self._mark_removed(int(one.tags[VERSION]), one)
        if found or self._there:
            self._write_mirrored(once | set(self._there), once)
            self._set_aliases()

    def _is_ours(self, found: list[Any]) -> bool:
        """Tell whether the server mirrors this registry, and no namesake of it."""
        numbers: dict[int, list[str]] = {}
        for one in found:
            numbers.setdefault(int(one.tags[VERSION]), []).append(str(one.version))
        for version in sorted(numbers.keys() & self._describer.stages.keys()):
            try:
                find_version(self.registry, self.registry.record(version), found)
            except RegistryError as error:
                self.conflicts.append(f"{error} Nothing was mirrored.")
                return False
        for version, several in numbers.items():
            if len(several) > 1:
                self.conflicts.append(
                    f"Version {version} is on the server as the numbers "
                    f"{', '.join(several)}; the first is kept in step. Delete the "
                    "others there."
                )
        return True

    # -- versions --------------------------------------------------------------------

    def _mirror(self, version: int, found: list[Any], once: set[int]) -> None:
        record = self.registry.record(version)
        known = find_version(self.registry, record, found)
        if known is not None:
            self._there[version] = known
            self._bring_tags(version, known, self._describer.describe(record))
        elif version in once:
            self.conflicts.append(
                f"Version {version} was logged, and is not on the server any more: it "
                "is not logged again. Call log_model to bring it back."
            )
        else:
            try:
                new = add_version(self.client, self.registry, record, self._describer)
            except RegistryError as error:
                self.conflicts.append(f"Version {version} was not logged: {error}")
                return
            self._there[version] = new
            self.logged.append(
                f"Version {version} was logged as number {new.version} of {self.name}."
            )

    def _mark_removed(self, version: int, known: Any) -> None:
        written = Memory.from_text(known.tags.get(SYNCED)).written
        desired = self._describer.describe_removed(version, written)
        self._bring_tags(version, known, desired)

    def _bring_tags(self, version: int, known: Any, desired: dict[str, str]) -> None:
        remembered = known.tags.get(SYNCED)
        plan = compare(desired, Memory.from_text(remembered), known.tags)
        if plan.writes.get(EVALUATED_AT):
            self._log_figures(version, known)
        place = (self.name, known.version)
        target = Target(
            partial(self.client.set_model_version_tag, *place),
            partial(self.client.delete_model_version_tag, *place),
            partial(self.client.set_model_version_tag, *place, SYNCED),
        )
        target.carry_out(plan, remembered)
        if plan.writes:
            self.changed.append(_tell_tags(version, plan, known.tags))
        for name, value in plan.conflicts.items():
            what = f"tag {name} of version {version}"
            self._tell(what, desired.get(name), value)

    def _log_figures(self, version: int, known: Any) -> None:
        """Log a new evaluation, where the run that it belongs to is still there."""
        failure = mlflow("mlflow.exceptions").MlflowException
        try:
            stage = self.client.get_run(known.run_id).info.lifecycle_stage
        except failure as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            stage = "deleted"
        if stage != "active":
            self.conflicts.append(
                f"Version {version} was evaluated anew, and its run was deleted on the "
                "server: the figures are in its tags alone."
            )
            return
        model_id = known.tags.get(LOGGED_MODEL)
        log_evaluation(self.client, self.registry, version, known.run_id, model_id)

    # -- the registered model ----------------------------------------------------------

    def _read_mirrored(self) -> set[int]:
        """Give the versions that were there once: what is missing was deleted there."""
        query = f"name = '{self.name}'"
        models = self.client.search_registered_models(filter_string=query)
        if not models:
            return set()
        try:
            return set(map(int, json.loads(models[0].tags.get(MIRRORED, "[]"))))
        except (TypeError, ValueError):
            return set()

    def _write_mirrored(self, now: set[int], once: set[int]) -> None:
        if now != once:
            text = json.dumps(sorted(now))
            self.client.set_registered_model_tag(self.name, MIRRORED, text)

    def _set_aliases(self) -> None:
        model = self.client.get_registered_model(self.name)
        remembered = model.tags.get(SYNCED)
        memory = Memory.from_text(remembered)
        there = {alias: str(number) for alias, number in model.aliases.items()}
        desired = self._aliases(memory.written)
        plan = compare(desired, memory, there)
        target = Target(
            partial(self.client.set_registered_model_alias, self.name),
            partial(self.client.delete_registered_model_alias, self.name),
            partial(self.client.set_registered_model_tag, self.name, SYNCED),
        )
        target.carry_out(plan, remembered)
        for alias, number in plan.writes.items():
            was = _number(there.get(alias))
            self.changed.append(f"Alias {alias}: from {was} to {_number(number)}.")
        for alias, value in plan.conflicts.items():
            wanted = _number(desired.get(alias))
            self._tell(f"alias {alias}", wanted, _number(value))

    def _aliases(self, written: Mapping[str, str]) -> dict[str, str]:
        """Give MLflow's number for each alias that shall be there."""
        found = {}
        for alias, stage in ((CHAMPION, PRODUCTION), (CHALLENGER, STAGING)):
            stages = self._describer.stages.items()
            version = max((v for v, one in stages if one == stage), default=None)
            if version in self._there:
                found[alias] = str(self._there[version].version)
            elif version is not None and alias in written:
                found[alias] = written[alias]  # it is told that the version is missing
        return found

    def _tell(self, what: str, wanted: str | None, found: str | None) -> None:
        self.conflicts.append(
            f"Expected the {what} to be {_or_nothing(wanted)}; found "
            f"{_or_nothing(found)}: somebody else has changed it, and it is left "
            "alone. Write there what is expected, or change the registry."
        )


def _tell_tags(version: int, plan: Plan, before: Mapping[str, str]) -> str:
    if STAGE in plan.writes:
        return f"Version {version}: from {before.get(STAGE)} to {plan.writes[STAGE]}."
    return f"Version {version}: {', '.join(plan.writes)}."


def _number(number: str | None) -> str:
    return "nothing" if number is None else f"number {number}"


def _or_nothing(text: str | None) -> str:
    return "nothing" if text is None else text
