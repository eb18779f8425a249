"""``edml tune``: search for models, evaluate them, and register the best."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from edml.classifier import Capacity
from edml.cli import _settings
from edml.cli._config import ConfigError
from edml.cli._files import read_events
from edml.cli._settings import Config, Mlflow
from edml.cli._sides import Side, Sides, divide, with_outcome
from edml.cli._terminal import Interrupts, note, stage
from edml.exceptions import EdmlError
from edml.inspection import Evaluation, evaluate
from edml.registry import ModelRegistry
from edml.schema import resolve_columns

#: The address that stands for a file in the working directory.
LOCAL = "local"


class TuneError(EdmlError, RuntimeError):
    """The search found no model."""


class Tuner(Protocol):
    """What is asked of `edml.tuning.ModelTuner`."""

    candidates_: list[Any]
    history_: pd.DataFrame

    def fit(self, X: pd.DataFrame, y: pd.Series, **settings: Any) -> Any:
        """Search on the rows given."""
        ...


class Found(NamedTuple):
    """What a search found.

    Attributes
    ----------
    candidates : list of RiskClassifier
        Fitted, the best of the search first.
    n_evaluations : int
        How many were tried.
    interrupted : bool
        Whether Ctrl-C ended it.
    """

    candidates: list[Any]
    n_evaluations: int
    interrupted: bool


def tune(
    raw: Path, config: Config, registry: ModelRegistry, tuner: Tuner | None = None
) -> dict[str, Any]:
    """Search on some students, evaluate on others, and register the candidates.

    Parameters
    ----------
    raw : Path
        Events of courses that have ended.
    config : Config
        All of its section ``tune``, and who is kept apart.
    registry : ModelRegistry
        Takes the candidates.
    tuner : Tuner or None, default=None
        What searches; None is that of the configuration.

    Returns
    -------
    result : dict
        The registered versions with their figures on the test students, the counts
        of the sides, and whether Ctrl-C ended the search.

    Raises
    ------
    TuneError
        If no candidate was found.
    """
    tuner = make_tuner(config) if tuner is None else tuner
    sides = read_sides(raw, config)
    found = search(sides.train, tuner, config.mlflow)
    versions = [
        register(registry, model, sides.test, {"source": "tune"}, number)
        for number, model in enumerate(found.candidates, start=1)
    ]
    return {
        "students": sides.counts(config),
        "n_evaluations": found.n_evaluations,
        "interrupted": found.interrupted,
        "versions": versions,
    }


def read_sides(raw: Path, config: Config) -> Sides:
    """Read events, and divide their students.

    Parameters
    ----------
    raw : Path
        The file.
    config : Config
        How.

    Returns
    -------
    sides : Sides
    """
    with stage("Reading the events"):
        X = read_events(raw, resolve_columns(config.columns))
        side, n_left_out = with_outcome(X, config)
        sides = divide(side, config)
    if n_left_out:
        note(f"Left out {n_left_out:,} rows of courses that still run.")
    return sides


def make_tuner(config: Config) -> Tuner:
    """Build the search of a configuration.

    Parameters
    ----------
    config : Config
        Its section ``tune``.

    Returns
    -------
    tuner : ModelTuner

    Raises
    ------
    ConfigError
        If it takes none of its settings.
    """
    from edml.classifier._thresholds import check_threshold  # noqa: PLC0415
    from edml.tuning import ModelTuner  # noqa: PLC0415 - seconds, and replaced in tests

    wanted = config.tune
    threshold = threshold_of(wanted.threshold)
    try:
        check_threshold(threshold)
    except ValueError as error:
        raise ConfigError(f"tune.threshold: {error}") from None
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
        exam_kinds=config.exam_kinds or None,
        n_blended=wanted.blended,
    )


def threshold_of(rule: Any) -> Any:
    """Give a rule of the configuration as a model takes it.

    Parameters
    ----------
    rule : float, str, Capacity of the settings, or None
        The rule.

    Returns
    -------
    threshold : float, str, edml.Capacity or None
    """
    if isinstance(rule, _settings.Capacity):
        return Capacity(per_course=rule.per_course)
    return rule


def search(side: Side, tuner: Tuner, mlflow: Mlflow | None = None) -> Found:
    """Search, until it is done or Ctrl-C is pressed.

    Parameters
    ----------
    side : Side
        The rows to train on; no others are seen.
    tuner : Tuner
        What searches.
    mlflow : Mlflow or None, default=None
        Where the search is logged to; None, or one without an address, is nowhere.

    Returns
    -------
    found : Found

    Raises
    ------
    TuneError
        If the search refuses its settings, or found nothing.
    """
    note(f"Searching on {len(side.X):,} rows; Ctrl-C ends it with the best so far.")
    with Interrupts() as interrupts, _logged(mlflow) as log:
        try:
            tuner.fit(side.X, side.y, **({} if log is None else {"callback": log}))
        except (ValueError, RuntimeError) as error:
            raise TuneError(str(error)) from error
        if log is not None:
            _finish(log, tuner)
    if not tuner.candidates_:
        message = (
            "The search kept no candidate. Lower tune.min_score, or give it more "
            "evaluations or time."
        )
        raise TuneError(message)
    return Found(list(tuner.candidates_), len(tuner.history_), interrupts.seen)


def _logged(mlflow: Mlflow | None) -> AbstractContextManager[Any]:
    """Give what the search is told to, if somebody wants to see it."""
    if mlflow is None or mlflow.uri is None:
        return nullcontext()
    from edml.tracking import MlflowCallback  # noqa: PLC0415 - an extra

    uri = None if mlflow.uri == LOCAL else mlflow.uri
    return MlflowCallback(mlflow.experiment, uri)


def _finish(log: Any, tuner: Tuner) -> None:
    """Send what is left, and say where the search is, or what is kept."""
    with stage("Logging the search"):
        run_id = log.finish(tuner)
    if run_id is not None:
        note(f"MLflow has it as run {run_id}.")


def register(
    registry: ModelRegistry,
    model: Any,
    test: Side,
    tags: Mapping[str, Any],
    number: int,
) -> dict[str, Any]:
    """Evaluate a model on the test students, and register it.

    Parameters
    ----------
    registry : ModelRegistry
        Takes it.
    model : RiskClassifier
        Fitted.
    test : Side
        Students that it has not seen.
    tags : mapping
        What is noted of it.
    number : int
        Its rank in the search, for the progress.

    Returns
    -------
    version : dict
        Version, algorithm, threshold and figures.
    """
    with stage(f"Evaluating candidate {number}"):
        evaluation = evaluate(model, test.X, test.y)
        record = registry.register(model, evaluation, tags)
    return {
        "version": record.version,
        "algorithm": record.algorithm,
        "threshold": record.threshold,
        **figures_of(evaluation),
    }


def figures_of(evaluation: Evaluation) -> dict[str, Any]:
    """Give the headline figures with their intervals, as JSON can hold them.

    Parameters
    ----------
    evaluation : Evaluation
        Of a model.

    Returns
    -------
    figures : dict
        "metrics" and "intervals", with None for what cannot be told.
    """
    return {
        "metrics": {name: plain(value) for name, value in evaluation.metrics.items()},
        "intervals": {
            name: [plain(end) for end in ends]
            for name, ends in evaluation.intervals.items()
        },
    }


def plain(value: Any) -> float | None:
    """Give a number as JSON can hold it.

    Parameters
    ----------
    value : float
        Of Python or NumPy.

    Returns
    -------
    number : float or None
        None for NaN.
    """
    return None if np.isnan(value) else float(value)
