"""``edml tune``: search for models, evaluate them, and register the best."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edml._messages import coded
from edml._translation import N_
from edml.classifier import Capacity, check_threshold
from edml.cli import _settings
from edml.cli._config import ConfigError
from edml.cli._settings import Config, Mlflow
from edml.cli._sides import Side, read_sides
from edml.cli._terminal import note, stage, words
from edml.exceptions import EdmlError
from edml.inspection import Evaluation, evaluate
from edml.registry import PRODUCTION, ModelRecord, ModelRegistry

if TYPE_CHECKING:
    from edml.feature_extraction import StaticColumns
    from edml.tuning import ModelTuner

#: The URI of a file in the working directory.
LOCAL = "local"
_ALGORITHMS = {
    "LGBMClassifier": "lightgbm",
    "RandomForestClassifier": "random_forest",
    "XGBClassifier": "xgboost",
}


class TuneError(EdmlError, RuntimeError):
    """The search found no model."""


def tune(
    raw: Path,
    config: Config,
    registry: ModelRegistry,
    tuner: "ModelTuner | None" = None,
) -> dict[str, Any]:
    """Search on some students, evaluate on others, and register the candidates."""
    if tuner is None:
        tuner = make_tuner(config)
        tuner.warm_start = find_warm_start(registry, config)
    _, sides = read_sides(raw, config)
    search(sides.train, tuner, config.mlflow)
    found = zip(tuner.candidates_, read_scores(tuner), strict=True)
    versions = [
        register(registry, model, score, sides.test, number)
        for number, (model, score) in enumerate(found, start=1)
    ]
    return {
        "students": sides.count_students(config),
        "n_evaluations": len(tuner.history_),
        "interrupted": tuner.interrupted_,
        "versions": versions,
    }


def make_tuner(config: Config) -> "ModelTuner":
    """Build the search of a configuration."""
    from edml.tuning import ModelTuner  # noqa: PLC0415 - seconds, and replaced in tests

    wanted = config.tune
    threshold = threshold_of(wanted.threshold)
    try:
        check_threshold(threshold)
    except ValueError as error:
        message = coded("not_rule", f"tune.threshold: {error}")
        raise ConfigError(message) from None
    return ModelTuner(
        algorithms=tuple(wanted.algorithms),
        scoring=wanted.scoring,
        cv=wanted.folds,
        n_iter=wanted.evaluations,
        timeout=wanted.timeout,
        target_score=wanted.target_score,
        min_score=wanted.min_score,
        n_candidates=wanted.candidates,
        balance=tuple(None if one == "none" else one for one in wanted.balance),
        n_jobs=wanted.n_jobs,
        random_state=config.data.random_state,
        verbose=1,
        threshold=threshold,
        calibration=None if wanted.calibration == "none" else wanted.calibration,
        columns=config.columns or None,
        exam_kinds=config.name_exams(),
        partition_days=config.data.partition_days,
        features=config.signals.features,
        static=make_static(config),
    )


def find_warm_start(registry: ModelRegistry, config: Config) -> ModelRecord | None:
    """Return the record of the champion, if the search can begin with it."""
    if not (config.tune.warm_start and len(registry.records(PRODUCTION))):
        return None
    champion = registry.record(PRODUCTION)
    if _ALGORITHMS.get(champion.algorithm) in config.tune.algorithms:
        note(
            "The search begins with the parameters of version {version}.",
            version=champion.version,
        )
        return champion
    note(
        "The search does not begin with the champion, version {version}: {algorithm} "
        "is not in tune.algorithms.",
        version=champion.version,
        algorithm=champion.algorithm,
    )
    return None


def make_static(config: Config) -> "StaticColumns | None":
    """Return the columns about the student that models are shown, if any."""
    from edml.feature_extraction import StaticColumns  # noqa: PLC0415 - slow to import

    named = config.signals
    if not (named.numeric or named.categorical):
        return None
    return StaticColumns(
        named.numeric, named.categorical, sensitive_ok=named.sensitive_ok
    )


def threshold_of(rule: Any) -> Any:
    """Return a threshold rule of the configuration in the form that models accept."""
    if isinstance(rule, _settings.Capacity):
        return Capacity(per_course=rule.per_course)
    return rule


def search(
    side: Side,
    tuner: "ModelTuner",
    mlflow: Mlflow | None = None,
    *,
    on_interrupt: str = N_("Ctrl-C ends it with the best so far."),
) -> None:
    """Fit a tuner: search until finished, or until Ctrl-C."""
    n, ctrl_c = words.number(len(side.X)), words(on_interrupt)
    note("Searching on {n} rows; {ctrl_c}", n=n, ctrl_c=ctrl_c)
    with _logged(mlflow) as log:
        try:
            tuner.fit(side.X, side.y, **({} if log is None else {"callback": log}))
        except (ValueError, RuntimeError) as error:
            raise TuneError(str(error)) from error
        if log is not None:
            with stage("Logging the search"):
                run_id = log.finish(tuner)
            if run_id is not None:
                note("MLflow has it as run {run}.", run=run_id)
    if not tuner.candidates_:
        message = coded(
            "no_candidate",
            "The search kept no candidate. Lower tune.min_score, or allow more "
            "evaluations or time.",
        )
        raise TuneError(message)


def read_scores(tuner: "ModelTuner") -> list[dict[str, Any]]:
    """Return the cross-validation score of each candidate, for its record."""
    scores = tuner.cv_results_
    return [
        {
            "scoring": str(tuner.scoring),
            "mean": float(scores["mean_test_score"][index]),
            "std": float(scores["std_test_score"][index]),
            "n_folds": int(tuner.n_splits_),
        }
        for index in tuner.candidate_indices_
    ]


def _logged(mlflow: Mlflow | None) -> AbstractContextManager[Any]:
    """Return the callback that logs the search, if configured."""
    if mlflow is None or mlflow.uri is None:
        return nullcontext()
    from edml.tracking import MlflowCallback  # noqa: PLC0415 - an extra

    uri = None if mlflow.uri == LOCAL else mlflow.uri
    return MlflowCallback(mlflow.experiment, uri)


def register(
    registry: ModelRegistry,
    model: Any,
    cross_validation: Mapping[str, Any],
    test: Side,
    number: int,
) -> dict[str, Any]:
    """Evaluate a candidate on the test students, and register it."""
    with stage("Evaluating candidate {number}", number=number):
        evaluation = evaluate(model, test.X, test.y)
        record = registry.register(
            model,
            evaluation,
            {"source": "tune"},
            cross_validation=cross_validation,
        )
    return describe(record, evaluation)


def describe(record: ModelRecord, evaluation: Evaluation) -> dict[str, Any]:
    """Return the displayed facts of a registered version."""
    return {
        "version": record.version,
        "algorithm": record.algorithm,
        "threshold": record.threshold,
        "cross_validation": record.cross_validation,
        **figures_of(evaluation),
    }


def figures_of(evaluation: Evaluation) -> dict[str, Any]:
    """Return the metrics with their intervals, and on whom, for JSON."""
    written = evaluation.to_dict()
    return {name: written[name] for name in ("metrics", "intervals", "counts")}
