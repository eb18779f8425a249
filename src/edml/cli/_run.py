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

from filelock import FileLock, Timeout

from edml import __version__
from edml.cli._files import hash_file, write_json
from edml.cli._process import process
from edml.cli._settings import Config, Registry
from edml.cli._sides import Sides, read_sides
from edml.cli._terminal import note, stage
from edml.cli._tune import describe, make_tuner, search
from edml.cli._update import update
from edml.exceptions import EdmlError
from edml.registry import ModelRegistry

if TYPE_CHECKING:
    from edml.tuning import ModelTuner

FORMAT = 1
STATE, LOCK, CANDIDATES = "run.json", "run.lock", "candidates"


class RunError(EdmlError, RuntimeError):
    """The stages cannot be run."""


class Stage(NamedTuple):
    """A stage of the run.

    ``inputs`` holds everything that its result depends on. ``work`` takes the results
    of the earlier stages, and returns its own, for JSON. ``holds`` checks from that
    result whether the output still exists. ``after`` names the stage after which it has
    to be repeated.
    """

    name: str
    inputs: dict[str, Any]
    work: Callable[[Mapping[str, Any]], dict[str, Any]]
    holds: Callable[[Mapping[str, Any]], bool]
    after: str | None


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
    folder = config.paths.state
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=0):
            work = _Work(raw, new, config, open_registry, tuner)
            return _do(work.stages(), folder / STATE, again)
    except Timeout:
        message = (
            f"Expected no other run in {folder}; found one. Wait for it, or name "
            "another folder: --set paths.state=FOLDER."
        )
        raise RunError(message) from None


def _do(stages: list[Stage], path: Path, again: bool) -> dict[str, Any]:
    done = {} if again else _read_state(path)
    results: dict[str, Any] = {}
    done_now: list[str] = []
    for one in stages:
        key = _digest(one.inputs)
        before = done.get(one.name, {})
        same = before.get("inputs") == key and one.after not in done_now
        if same and one.holds(before["result"]):
            note(f"{one.name}: already done on {before['done_at']}.")
            results[one.name] = before["result"]
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
    shown = [
        {"stage": name, "done_now": name in done_now, "result": result}
        for name, result in results.items()
    ]
    return {"stages": shown, "champion": results["update"]["champion"]}


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
        note(f"{path} cannot be read: every stage is repeated.")
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
        del config["tune"]["n_jobs"]  # it does not affect the results
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
        search = {**of_table, "data": config["data"], "tune": config["tune"]}
        registered = {**search, "registry": config["registry"]}
        new = None if self.new is None else hash_file(self.new)
        updated = {**registered, "new": new, "update": config["update"]}
        return [
            Stage("process", features, self.process, self.processed, None),
            Stage("tune", search, self.tune, self.tuned, None),
            Stage("register", registered, self.register, self.registered, "tune"),
            Stage("update", updated, self.update, self.updated, "register"),
        ]

    # -- process -------------------------------------------------------------------

    def process(self, _: Mapping[str, Any]) -> dict[str, Any]:
        out = self.config.paths.features
        return {**process(self.raw, out, self.config), "sha256": hash_file(out)}

    def processed(self, result: Mapping[str, Any]) -> bool:
        out = Path(result["features"])
        return out.is_file() and hash_file(out) == result["sha256"]

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
        tuner = make_tuner(self.config) if self.tuner is None else self.tuner
        found = search(self.sides.train, tuner, self.config.mlflow)
        if found.interrupted:  # an interrupted search is not the result of these inputs
            raise KeyboardInterrupt
        shutil.rmtree(self.config.paths.state / CANDIDATES, ignore_errors=True)
        search_id = secrets.token_hex(8)
        drafts = self.drafts(search_id)
        with stage("Keeping the candidates"):
            for number, model in enumerate(found.candidates, start=1):
                tags = {"source": "run", "search": search_id, "candidate": number}
                drafts.register(model, tags=tags)
        return {
            "search": search_id,
            "n_evaluations": found.n_evaluations,
            "n_candidates": len(found.candidates),
            "students": self.sides.count_students(self.config),
        }

    def tuned(self, result: Mapping[str, Any]) -> bool:
        n_kept = len(self.drafts(result["search"]).records())
        n_registered = len(self.of_search(result["search"]))
        return result["n_candidates"] == n_kept or n_registered > 0

    # -- register ------------------------------------------------------------------

    def of_search(self, search_id: str) -> dict[int, int]:
        """Return the version of each registered candidate of a search."""
        return {
            row["tags"]["candidate"]: int(row["version"])
            for row in self.registry.records().to_dict("records")
            if row["tags"].get("search") == search_id
        }

    def register(self, results: Mapping[str, Any]) -> dict[str, Any]:
        search_id = results["tune"]["search"]
        there = self.of_search(search_id)
        drafts = self.drafts(search_id)
        for draft in map(int, drafts.records()["version"]):
            if draft not in there:  # a run may have been killed in this loop
                there[draft] = self.hand_over(drafts, draft)
        return {"versions": [self.describe(there[draft]) for draft in sorted(there)]}

    def hand_over(self, drafts: ModelRegistry, draft: int) -> int:
        """Evaluate a candidate on the test students, and register it."""
        parcel = self.config.paths.state / f"{CANDIDATES}.zip"
        parcel.unlink(missing_ok=True)
        with stage(f"Evaluating candidate {draft}"):
            if not len(drafts.evaluations(draft)):
                test = self.sides.test
                drafts.reevaluate(test.X, test.y, draft, purpose="validation")
            try:
                drafts.export(draft, parcel)
                return self.registry.import_(parcel).version
            finally:
                parcel.unlink(missing_ok=True)

    def describe(self, version: int) -> dict[str, Any]:
        first = self.registry.evaluations(version).iloc[0]
        return describe(self.registry.record(version), first["evaluation"])

    def registered(self, result: Mapping[str, Any]) -> bool:
        # some may have been removed since
        there = set(self.registry.records()["version"].tolist())
        return any(one["version"] in there for one in result["versions"])

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
