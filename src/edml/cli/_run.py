"""``edml run``: from events to a champion, in resumable stages."""

import json
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
from filelock import FileLock, Timeout

from edml import __version__
from edml._messages import coded
from edml._translation import N_
from edml._urls import as_path
from edml.cli._files import hash_file, write_json
from edml.cli._process import process
from edml.cli._settings import Config, Registry
from edml.cli._sides import Sides, read_sides
from edml.cli._stores import reject_context
from edml.cli._terminal import note, stage, words
from edml.cli._tune import describe, find_warm_start, make_tuner, read_scores, search
from edml.cli._update import update
from edml.exceptions import EdmlError
from edml.registry import PRODUCTION, ModelRegistry

if TYPE_CHECKING:
    from edml.tuning import ModelTuner

FORMAT = 2
STATE, LOCK, CANDIDATES = "run.json", "run.lock", "candidates"


class RunError(EdmlError, RuntimeError):
    """The stages cannot be run."""


class Stage(NamedTuple):
    """A stage of the run.

    ``inputs`` holds everything that its result depends on. ``work`` takes the results
    of the earlier stages, and returns its own, for JSON. ``holds`` checks from that
    result whether the output still exists. ``after`` names the stage after which it has
    to be repeated. ``now`` returns an earlier result without what no longer fits.
    """

    name: str
    inputs: dict[str, Any]
    work: Callable[[Mapping[str, Any]], dict[str, Any]]
    holds: Callable[[Mapping[str, Any]], bool]
    after: str | None
    now: Callable[[dict[str, Any]], dict[str, Any]] = dict


def run(
    raw: Path,
    config: Config,
    open_registry: Callable[[Registry], ModelRegistry],
    *,
    new: Path | None = None,
    tuner: "ModelTuner | None" = None,
    again: bool = False,
) -> dict[str, Any]:
    """Process, tune, register and update; skip the stages that are done.

    A stage is done if it finished with the same file contents, settings and edml
    version, and its output still exists. Without ``new`` events the update uses the
    contest students of ``raw``.
    """
    if config.signals.context:
        reject_context(raw)
    folder = config.paths.state
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            work = _Work(raw, new, config, open_registry, tuner)
            shown = _do(work.stages(), folder / STATE, again)
            return {"stages": shown, "champion": work.champion()}
    except Timeout:
        message = coded(
            "other_run",
            f"Expected no other run in {folder}; found one. Wait for it, or name "
            "another folder: --set paths.state=FOLDER.",
            folder=folder,
        )
        raise RunError(message) from None


def _do(stages: list[Stage], path: Path, again: bool) -> list[dict[str, Any]]:
    done = {} if again else _read_state(path)
    results: dict[str, Any] = {}
    done_now: list[str] = []
    for one in stages:
        key = _digest(one.inputs)
        before = done.get(one.name, {})
        same = before.get("inputs") == key and one.after not in done_now
        if same and one.holds(before["result"]):
            note(
                "{stage}: already done on {when}.",
                stage=one.name,
                when=before["done_at"],
            )
            results[one.name] = one.now(before["result"])
            continue
        note(f"{one.name} ...")
        results[one.name] = one.work(results)
        done_now.append(one.name)
        when = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {"inputs": key, "done_at": when, "result": results[one.name]}
        # the later stages have to be repeated, even if this run is killed now
        stale = {one.name}
        for other in stages:
            if other.after in stale:
                stale.add(other.name)
        done = {name: done[name] for name in done if name not in stale}
        done[one.name] = entry
        write_json(path, {"format": FORMAT, "stages": done})
    return [
        {"stage": name, "done_now": name in done_now, "result": result}
        for name, result in results.items()
    ]


def _read_state(path: Path) -> dict[str, Any]:
    """Read the finished stages; an unreadable file means none."""
    try:
        state = json.loads(path.read_bytes())
        if state["format"] != FORMAT:
            raise ValueError
        stages = dict(state["stages"])
        for entry in stages.values():
            if not {"inputs", "done_at", "result"} <= set(entry):
                raise ValueError
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        note("{file} cannot be read: every stage is repeated.", file=path)
        return {}
    return stages


def _digest(inputs: Mapping[str, Any]) -> str:
    return sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


@dataclass
class _Work:
    """The stages of one run, and their shared state."""

    raw: Path
    new: Path | None
    config: Config
    open_registry: Callable[[Registry], ModelRegistry]
    tuner: "ModelTuner | None"

    def stages(self) -> list[Stage]:
        config = self.config.model_dump(mode="json")
        for section in ("data", "tune"):
            del config[section]["n_jobs"]  # it does not affect the results
        of_table = {
            "edml": __version__,
            "raw": hash_file(self.raw),
            **{name: config[name] for name in ("source", "columns", "exam_kinds")},
        }
        out, of_features = (
            config["paths"]["features"],
            ("passing_grade", "partition_days", "exam_names"),
        )
        features = {**of_table, "out": out}
        features |= {name: config["data"][name] for name in of_features}
        deciding = ("data", "signals", "tune")
        search = {**of_table, **{name: config[name] for name in deciding}}
        registered = {**search, "registry": config["registry"]}
        new = None if self.new is None else hash_file(self.new)
        updated = {**registered, "new": new, "update": config["update"]}
        return [
            Stage("process", features, self.process, self.processed, None),
            Stage("tune", search, self.tune, self.tuned, None),
            Stage(
                *("register", registered, self.register, self.registered, "tune"),
                now=self.registered_now,
            ),
            Stage(
                *("update", updated, self.update, self.updated, "register"),
                now=self.updated_now,
            ),
        ]

    # -- process -------------------------------------------------------------------

    def process(self, _: Mapping[str, Any]) -> dict[str, Any]:
        out = self.config.paths.features
        return {**process(self.raw, out, self.config), "sha256": hash_file(out)}

    def processed(self, result: Mapping[str, Any]) -> bool:
        out = as_path(result["features"])
        return out.exists() and hash_file(out) == result["sha256"]

    # -- tune ----------------------------------------------------------------------

    @cached_property
    def registry(self) -> ModelRegistry:
        return self.open_registry(self.config.registry)

    @cached_property
    def sides(self) -> Sides:
        return read_sides(self.raw, self.config)[1]

    def drafts(self, search_id: str) -> ModelRegistry:
        """Return the temporary registry of a search's candidates, as safe files."""
        where = {"path": self.config.paths.state / CANDIDATES, "name": search_id}
        changed = {**where, "memory": None}
        return self.open_registry(self.config.registry.model_copy(update=changed))

    def tune(self, _: Mapping[str, Any]) -> dict[str, Any]:
        tuner = self.tuner
        if tuner is None:
            tuner = make_tuner(self.config)
            tuner.warm_start = find_warm_start(self.registry, self.config)
        stops = N_("Ctrl-C stops the run (edml tune would keep the best so far).")
        search(self.sides.train, tuner, self.config.mlflow, on_interrupt=stops)
        if (
            tuner.interrupted_
        ):  # an interrupted search is not the result of these inputs
            raise KeyboardInterrupt
        shutil.rmtree(self.config.paths.state / CANDIDATES, ignore_errors=True)
        search_id = secrets.token_hex(8)
        drafts = self.drafts(search_id)
        with stage("Keeping the candidates"):
            for model, score in zip(tuner.candidates_, read_scores(tuner), strict=True):
                tags = {"source": "run", "search": search_id}
                drafts.register(model, tags=tags, cross_validation=score)
        return {
            "search": search_id,
            "models": list(_files_of(drafts)),
            "n_evaluations": len(tuner.history_),
            "students": self.sides.count_students(self.config),
        }

    def tuned(self, result: Mapping[str, Any]) -> bool:
        models = set(result["models"])
        kept = models == _files_of(self.drafts(result["search"])).keys()
        return kept or bool(models & _files_of(self.registry).keys())

    # -- register ------------------------------------------------------------------

    def register(self, results: Mapping[str, Any]) -> dict[str, Any]:
        drafts = self.drafts(results["tune"]["search"])
        found = _files_of(drafts)
        if not found:  # they were removed, and are registered
            there = _files_of(self.registry)
            models = [one for one in results["tune"]["models"] if one in there]
            return {"versions": [self.describe(there[m], m) for m in models]}
        return {
            "versions": [
                self.hand_over(drafts, draft, model) for model, draft in found.items()
            ]
        }

    def hand_over(
        self, drafts: ModelRegistry, draft: int, model: str
    ) -> dict[str, Any]:
        """Evaluate a candidate on the test students, and register it."""
        parcel = self.config.paths.state / f"{CANDIDATES}.zip"
        parcel.unlink(missing_ok=True)
        with stage("Evaluating candidate {number}", number=draft):
            if not len(drafts.evaluations(draft)):
                test = self.sides.test
                drafts.reevaluate(test.X, test.y, draft, purpose="validation")
            version = _files_of(self.registry).get(model)
            if version is None or not len(self.validated(version)):
                drafts.export(draft, parcel)
                try:
                    version = self.registry.import_(parcel).version
                finally:
                    parcel.unlink(missing_ok=True)
        return self.describe(version, model)

    def validated(self, version: int) -> pd.DataFrame:
        """Return the validations of a version on the test students."""
        table = self.registry.evaluations(version)
        rows = self.sides.test.fingerprint()
        same = table["data_fingerprint"] == rows
        return table[same & (table["purpose"] == "validation")]

    def describe(self, version: int, model: str) -> dict[str, Any]:
        evaluation = self.validated(version)["evaluation"].iloc[-1]
        shown = describe(self.registry.record(version), evaluation)
        return {**shown, "model": model}

    def registered(self, result: Mapping[str, Any]) -> bool:
        there = _files_of(self.registry)
        return any(one["model"] in there for one in result["versions"])

    def registered_now(self, result: dict[str, Any]) -> dict[str, Any]:
        there = _files_of(self.registry)
        versions = [one for one in result["versions"] if one["model"] in there]
        gone = len(result["versions"]) - len(versions)
        if gone:
            text = words.ngettext(
                "register: {n} version of then was removed since.",
                "register: {n} versions of then were removed since.",
                gone,
            )
            note(text)
        return {**result, "versions": versions}

    # -- update --------------------------------------------------------------------

    def update(self, _: Mapping[str, Any]) -> dict[str, Any]:
        config = self.config
        if self.new is not None:
            return update(self.new, config, self.registry)
        if config.update.refit or config.update.retune:
            note("No refit and no new thresholds: these need newer events (paths.new).")
            plain = config.update.model_copy(update={"refit": False, "retune": False})
            config = config.model_copy(update={"update": plain})
        return update(self.raw, config, self.registry, held_out=True)

    def updated(self, result: Mapping[str, Any]) -> bool:
        there = self.registry.records()["version"].tolist()
        return result["champion"] is None or result["champion"] in there

    def updated_now(self, result: dict[str, Any]) -> dict[str, Any]:
        champion = self.champion()
        if champion == result["champion"]:
            return result
        note(
            "update: the champion was {version} then; the stages were changed since. "
            "Its contest is not shown.",
            version=result["champion"],
        )
        return {**result, "contest": None, "champion": champion}

    def champion(self) -> int | None:
        """Return the version in production."""
        champion = self.registry.records(PRODUCTION)["version"].tolist()
        return champion[0] if champion else None


def _files_of(registry: ModelRegistry) -> dict[str, int]:
    """Return the version of each model file, by its SHA-256."""
    versions = map(int, registry.records()["version"])
    found = {registry.record(version).model_hash: version for version in versions}
    return {model: version for model, version in found.items() if model is not None}
