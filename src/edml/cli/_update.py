"""``edml update``: evaluate models on new events, renew them, and hold a contest."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edml._messages import coded
from edml.cli._config import ConfigError
from edml.cli._files import write_table
from edml.cli._settings import Config
from edml.cli._sides import Side, Sides, join, read_sides
from edml.cli._terminal import note, say, stage
from edml.cli._tune import figures_of, threshold_of
from edml.exceptions import NoChallengerError, RegistryError
from edml.explanation import explain
from edml.metrics import LOSSES
from edml.registry import DEVELOPMENT, PRODUCTION, Contest, ModelRegistry
from edml.schema import first_rows, resolve_columns, snapshot_codes

# Trees are explained fast; other models take seconds per row.
_TREES = ("LGBMClassifier", "RandomForestClassifier", "SerialForest", "XGBClassifier")
_ROWS, _FEW_ROWS = 300, 20


def update(
    raw: Path, config: Config, registry: ModelRegistry, *, held_out: bool = False
) -> dict[str, Any]:
    """Bring a registry up to date with events of courses that have ended.

    The students are divided into three sides, as by `edml tune`. If configured, models
    are refitted and thresholds chosen on the first side; all models are evaluated on
    the second, and also on the first if nothing is learned; the contest is decided on
    the third. For a file on which registered models were tuned (``held_out`` says so
    for candidates that the registry cannot identify by fingerprint), only the third
    side is used, which no model has seen.
    """
    records = registry.records()
    if not len(records):
        message = coded(
            "no_models",
            "Expected a registered model; found none. Run edml tune, or name another "
            "registry with --registry.",
        )
        raise RegistryError(message)
    whole, sides = read_sides(raw, config)
    tuned = _tuned_on(registry, records, whole, sides)
    evaluations: list[dict[str, Any]] = []
    importance = None
    refitted: dict[int, int] = {}  # new versions, by what they were derived from
    retuned: dict[int, int] = {}
    if tuned or held_out:
        _check_not_learning(config)
        note("Models were tuned on this file: only its contest students are used.")
        shown = sides.contest
        best = _rank(_validate(registry, records, sides.test), config)
    else:
        learns = config.update.refit or config.update.retune
        shown = sides.test if learns else join(sides.train, sides.test)
        evaluations = [
            _evaluate(registry, version, where, shown)
            for version, where in zip(records["version"], records["stage"], strict=True)
        ]
        found = [{**one, **one["metrics"]} for one in evaluations]
        best = _rank(pd.DataFrame(found), config)
        refitted, retuned = _renew(registry, best, sides.train, config)
        evaluations += [
            _evaluate(registry, version, DEVELOPMENT, shown)
            for version in (*refitted.values(), *retuned.values())
            if version not in set(records["version"])
        ]
    if config.update.importance:
        versions = [*best, *refitted.values(), *retuned.values()]
        importance = _importances(registry, versions, shown, config)
    n_new = len(refitted) + len(retuned)
    contest = _compete(registry, sides.contest, config, n_new)
    champion = _settle(registry, retuned, config)
    removed = registry.clean(config.update.keep)
    return {
        "students": sides.count_students(config),
        "tuned_on_this_file": tuned,
        "evaluations": evaluations,
        "refitted": {str(old): new for old, new in refitted.items()},
        "retuned": {str(old): new for old, new in retuned.items()},
        "importance": importance,
        "contest": None if contest is None else contest.to_dict(),
        "removed": removed,
        "champion": champion,
    }


def _tuned_on(
    registry: ModelRegistry, records: pd.DataFrame, whole: Side, sides: Sides
) -> list[int]:
    """Return the versions that were trained on the first side of this same file."""
    all_rows, train = whole.fingerprint(), sides.train.fingerprint()
    tuned = []
    for version in map(int, records["version"]):
        seen = registry.record(version).data_fingerprint
        if seen == all_rows:
            message = coded(
                "seen_students",
                f"Expected events of students whom the models have not seen; found "
                f"that version {version} was trained on all of these. Pass other "
                "events.",
                version=version,
            )
            raise RegistryError(message)
        if seen == train:
            tuned.append(version)
    return tuned


def _check_not_learning(config: Config) -> None:
    for name in ("refit", "retune"):
        if getattr(config.update, name):
            message = (
                f"update.{name} needs events of other students; found the file that "
                f"models were tuned on. Pass newer events, or leave {name} out."
            )
            raise ConfigError(coded("learned_from", message, key=f"update.{name}"))


def _validate(
    registry: ModelRegistry, records: pd.DataFrame, side: Side
) -> pd.DataFrame:
    """Return all figures on the test students of the file that models were tuned on."""
    # A contest compares only figures on the rows of the last validation: versions whose
    # last validation is on others are evaluated.
    rows = side.fingerprint()
    found = []
    for version, where in zip(records["version"], records["stage"], strict=True):
        table = registry.evaluations(version)
        table = table[table["purpose"] == "validation"]
        if len(table) and table["data_fingerprint"].iloc[-1] == rows:
            metrics = table["evaluation"].iloc[-1].metrics
        elif where == PRODUCTION:  # it takes part without a validation
            metrics = {}
        else:
            metrics = _evaluate(registry, version, where, side)["metrics"]
        found.append({"version": version, "stage": where, **metrics})
    return pd.DataFrame(found)


def _evaluate(
    registry: ModelRegistry, version: int, where: str, side: Side
) -> dict[str, Any]:
    # a contest chooses candidates by validation: use the same rows for all
    purpose = "report" if where == PRODUCTION else "validation"
    with stage("Evaluating version {version}", version=version):
        evaluation = registry.reevaluate(side.X, side.y, version, purpose=purpose)
    return {
        "version": version,
        "stage": where,
        "algorithm": registry.record(version).algorithm,
        **figures_of(evaluation),
    }


def _rank(table: pd.DataFrame, config: Config) -> list[int]:
    """Return the champion and the best of the others; of equals, the newest."""
    metric = config.update.metric
    ranked = table.sort_values(
        [metric, "version"], ascending=[metric in LOSSES, False]
    ).dropna(subset=metric)
    champion = table.loc[table["stage"] == PRODUCTION, "version"]
    others = ranked.loc[ranked["stage"] != PRODUCTION, "version"]
    return [*champion.tolist(), *others.tolist()[: config.update.candidates]]


def _renew(
    registry: ModelRegistry, best: list[int], side: Side, config: Config
) -> tuple[dict[int, int], dict[int, int]]:
    """Refit the best models and choose new thresholds, as configured."""
    rule = threshold_of(config.update.threshold)
    tags = {"source": "update"}
    refitted, retuned = {}, {}
    for version in best if config.update.refit else []:
        try:
            with stage("Refitting version {version}", version=version):
                record = registry.refit(version, side.X, side.y, tags)
        except RegistryError as error:  # it cannot be rebuilt
            note(
                "Version {version} is not refitted. {reason}",
                version=version,
                reason=say(error),
            )
        else:
            refitted[version] = record.version
    for version in best if config.update.retune else []:
        with stage("Choosing the threshold of version {version}", version=version):
            record = registry.retune_threshold(version, side.X, side.y, rule, tags)
        retuned[version] = record.version
    return refitted, retuned


def _importances(
    registry: ModelRegistry, versions: list[int], side: Side, config: Config
) -> str:
    """Write the mean contribution of each feature to the scores of each model."""
    names = resolve_columns(config.columns)
    rows, _ = first_rows(snapshot_codes(side.X, names))
    rng = np.random.default_rng(config.data.random_state)
    rows = np.sort(rng.permutation(rows)[:_ROWS])
    tables = []
    for version in versions:
        with stage("Explaining version {version}", version=version):
            fast = registry.record(version).algorithm in _TREES
            explanation = explain(
                registry.load(version),
                side.X,
                rows=rows if fast else rows[:: -(-_ROWS // _FEW_ROWS)],
                progress=False,
                random_state=config.data.random_state,
            )
        found = explanation.importance().rename_axis("feature").reset_index()
        found.insert(0, "version", version)
        tables.append(found.assign(scale=explanation.scale))
    write_table(config.paths.importance, pd.concat(tables, ignore_index=True))
    return str(config.paths.importance)


def _compete(
    registry: ModelRegistry, side: Side, config: Config, n_new: int
) -> Contest | None:
    try:
        with stage("Holding the contest"):
            return registry.compete(
                side.X,
                side.y,
                n_candidates=config.update.candidates + n_new,
                update_champion=config.update.promote,
                metric=config.update.metric,
                min_gain=config.update.min_gain,
                confidence=config.update.confidence,
                method=config.update.method,
                random_state=config.data.random_state,
            )
    except NoChallengerError as error:
        note("No contest. {reason}", reason=say(error))
        return None


def _settle(
    registry: ModelRegistry, retuned: dict[int, int], config: Config
) -> int | None:
    """Return the champion; if it has a new threshold, promote that version."""
    champion = registry.records(PRODUCTION)["version"].tolist()
    if not champion:
        return None
    new = retuned.get(champion[0])
    if new in (None, champion[0]) or not config.update.promote:
        return int(champion[0])
    # the probabilities are equal, so a contest could not decide
    why = f"version {champion[0]} with a threshold chosen on new students"
    return registry.promote(new, PRODUCTION, why).version
