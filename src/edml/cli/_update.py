"""``edml update``: judge registered models on new events, renew them, and choose."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from edml.cli._config import ConfigError
from edml.cli._files import read_events, write_table
from edml.cli._settings import Config
from edml.cli._sides import Side, Sides, divide, fingerprint_of, join, with_outcome
from edml.cli._terminal import note, stage
from edml.cli._tune import figures_of, plain, threshold_of
from edml.exceptions import RegistryError
from edml.explanation import explain
from edml.registry import Contest, ModelRegistry
from edml.schema import first_rows, resolve_columns, snapshot_codes

PRODUCTION, STAGING, DEVELOPMENT = "production", "staging", "development"
LESS_IS_BETTER = ("brier", "log_loss", "calibration_error")

# Trees are explained fast; what is not, row by row, in seconds each.
_TREES = ("LGBMClassifier", "RandomForestClassifier", "SerialForest", "XGBClassifier")
_ROWS, _FEW_ROWS = 300, 20


class _Renewed(NamedTuple):
    """New versions by the version that they were made from."""

    refitted: dict[int, int]
    retuned: dict[int, int]

    @property
    def versions(self) -> list[int]:
        return [*self.refitted.values(), *self.retuned.values()]


def update(
    raw: Path, config: Config, registry: ModelRegistry, *, held_out: bool = False
) -> dict[str, Any]:
    """Bring a registry up to date with events of courses that have ended.

    The students are divided in three, as by `edml tune`: models are refitted and
    thresholds chosen on the first side, where that is asked for; all are evaluated on
    the second, to which the first is added where nothing is to be learned; the contest
    is decided on the third. Of a file that registered models were tuned on, the
    third side alone is used, which nobody has seen.

    Parameters
    ----------
    raw : Path
        Events of students whom the registered models have not seen, or the file that
        they were tuned on.
    config : Config
        Its section ``update``.
    registry : ModelRegistry
        The models.
    held_out : bool, default=False
        Whether it is known that models were tuned on this file.

    Returns
    -------
    result : dict
        Evaluations, new versions, the contest and the champion, as JSON can hold them.

    Raises
    ------
    RegistryError
        If there is no model, or one has been trained on all of these rows.
    ConfigError
        If new models are asked for, of a file that the old ones were tuned on.
    """
    records = registry.records()
    if not len(records):
        message = (
            "Expected a registered model; found none. Run edml tune, or name another "
            "registry with --registry."
        )
        raise RegistryError(message)
    with stage("Reading the events"):
        X = read_events(raw, resolve_columns(config.columns))
        side, n_left_out = with_outcome(X, config)
        sides = divide(side, config)
        tuned = _tuned_on(registry, records, side, sides)
    if n_left_out:
        note(f"Left out {n_left_out:,} rows of courses that still run.")
    evaluations: list[dict[str, Any]] = []
    renewed, importance = _Renewed({}, {}), None
    if tuned or held_out:
        _refuse_to_learn(config)
        note("Models were tuned on this file: only its contest students are used.")
        shown = sides.contest
        best = _best_known(records, config)
    else:
        learns = config.update.refit or config.update.retune
        shown = sides.test if learns else join(sides.train, sides.test)
        evaluations = _evaluate_all(registry, records, shown)
        best = _best(evaluations, config)
        renewed = _renew(registry, best, sides.train, config)
        evaluations += [
            _evaluate(registry, version, DEVELOPMENT, shown)
            for version in renewed.versions
        ]
    if config.update.importance:
        importance = _importances(registry, [*best, *renewed.versions], shown, config)
    contest = _compete(registry, sides.contest, config, len(renewed.versions))
    champion = _settle(registry, renewed, config)
    return {
        "students": sides.counts(config),
        "tuned_on_this_file": tuned,
        "evaluations": evaluations,
        "refitted": {str(old): new for old, new in renewed.refitted.items()},
        "retuned": {str(old): new for old, new in renewed.retuned.items()},
        "importance": importance,
        "contest": None if contest is None else contest.to_dict(),
        "champion": champion,
    }


def _tuned_on(
    registry: ModelRegistry, records: pd.DataFrame, side: Side, sides: Sides
) -> list[int]:
    """Give the versions that were trained on the first side of this very file."""
    whole, train = fingerprint_of(side), fingerprint_of(sides.train)
    tuned = []
    for version in map(int, records["version"]):
        seen = registry.record(version).data_fingerprint
        if seen == whole:
            message = (
                f"Expected events of students whom the models have not seen; found "
                f"that version {version} was trained on all of these. Give other "
                "events."
            )
            raise RegistryError(message)
        if seen == train:
            tuned.append(version)
    return tuned


def _refuse_to_learn(config: Config) -> None:
    for name in ("refit", "retune"):
        if getattr(config.update, name):
            message = (
                f"update.{name} needs events of other students; found the file that "
                f"models were tuned on. Give newer events, or leave {name} out."
            )
            raise ConfigError(message)


def _evaluate_all(
    registry: ModelRegistry, records: pd.DataFrame, side: Side
) -> list[dict[str, Any]]:
    return [
        _evaluate(registry, int(row["version"]), str(row["stage"]), side)
        for row in records.to_dict("records")
    ]


def _evaluate(
    registry: ModelRegistry, version: int, where: str, side: Side
) -> dict[str, Any]:
    # a contest chooses its candidates by their validation: all by the same rows
    purpose = "report" if where == PRODUCTION else "validation"
    with stage(f"Evaluating version {version}"):
        evaluation = registry.reevaluate(side.X, side.y, version, purpose=purpose)
    return {
        "version": version,
        "stage": where,
        "algorithm": registry.record(version).algorithm,
        **figures_of(evaluation),
    }


def _best(evaluations: list[dict[str, Any]], config: Config) -> list[int]:
    """Give the champion, and the others that did best."""
    figures = {
        one["version"]: one["metrics"][config.update.metric]
        for one in evaluations
        if one["stage"] != PRODUCTION
    }
    champion = [one["version"] for one in evaluations if one["stage"] == PRODUCTION]
    return champion + _ranked(figures, config)


def _best_known(records: pd.DataFrame, config: Config) -> list[int]:
    """Give the same by the figures that the registry has already."""
    champion = records["stage"] == PRODUCTION
    others = records[~champion]
    figures = dict(
        zip(
            others["version"].tolist(),
            map(plain, others[config.update.metric]),
            strict=True,
        )
    )
    return records["version"][champion].tolist() + _ranked(figures, config)


def _ranked(figures: dict[int, float | None], config: Config) -> list[int]:
    sign = 1 if config.update.metric in LESS_IS_BETTER else -1
    known = {version: one for version, one in figures.items() if one is not None}
    ranked = sorted(known, key=lambda version: (sign * known[version], -version))
    return ranked[: config.update.candidates]


def _renew(
    registry: ModelRegistry, best: list[int], side: Side, config: Config
) -> _Renewed:
    """Refit the best, and choose their thresholds anew, as far as it is asked for."""
    rule = threshold_of(config.update.threshold)
    tags = {"source": "update"}
    renewed = _Renewed({}, {})
    for version in best if config.update.refit else []:
        try:
            with stage(f"Refitting version {version}"):
                record = registry.refit(version, side.X, side.y, tags)
        except RegistryError as error:  # of a part that no record can hold
            note(f"Version {version} is not refitted. {error}")
        else:
            renewed.refitted[version] = record.version
    for version in best if config.update.retune else []:
        with stage(f"Choosing the threshold of version {version}"):
            record = registry.retune_threshold(version, side.X, side.y, rule, tags)
        renewed.retuned[version] = record.version
    return renewed


def _importances(
    registry: ModelRegistry, versions: list[int], side: Side, config: Config
) -> str:
    """Write how much each feature moved the scores of each model, on average."""
    names = resolve_columns(config.columns)
    rows, _ = first_rows(snapshot_codes(side.X, names))
    rng = np.random.default_rng(config.data.random_state)
    rows = np.sort(rng.permutation(rows)[:_ROWS])
    tables = []
    for version in versions:
        with stage(f"Explaining version {version}"):
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
    """Let those that are not the champion meet it; nobody may have lost for ever."""
    for version in map(int, registry.records(STAGING)["version"]):
        registry.demote(version, "to compete again")
    if not len(registry.records(DEVELOPMENT)):
        note("No contest: there is no model besides the champion.")
        return None
    with stage("Holding the contest"):
        return registry.compete(
            side.X,
            side.y,
            n_candidates=config.update.candidates + n_new,
            update_champion=config.update.promote,
            metric=config.update.metric,
            min_gain=config.update.min_gain,
            confidence=config.update.confidence,
            random_state=config.data.random_state,
        )


def _settle(registry: ModelRegistry, renewed: _Renewed, config: Config) -> int | None:
    """Give the champion, with its new threshold where it has one."""
    champion = registry.records(PRODUCTION)["version"].tolist()
    if not champion:
        return None
    new = renewed.retuned.get(champion[0])
    if new is None or not config.update.promote:
        return int(champion[0])
    # its probabilities are the same, so that no contest can tell the two apart
    why = f"version {champion[0]} with a threshold chosen on new students"
    return registry.promote(new, PRODUCTION, why).version
