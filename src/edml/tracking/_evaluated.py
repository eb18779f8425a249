"""How good a version is, as metrics, curves, pictures and a page of its run."""

import json
import math
import re
import tempfile
from pathlib import Path
from typing import Any

from edml.inspection import Evaluation
from edml.inspection._evaluation_figures import draw_pictures
from edml.registry import ModelRegistry
from edml.tracking._session import mlflow

FOLDER = "evaluation"


def log_evaluation(
    client: Any, registry: ModelRegistry, version: int, run_id: str, model_id: str
) -> None:
    """Log the evaluation that may be shown as a version's performance.

    That is the latest on rows by which no contest of it was decided. Logging it again
    changes nothing: the step of its metrics is its number, their time is its own.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the server.
    registry : ModelRegistry
        Which has it.
    version : int
        Its number.
    run_id, model_id : str
        Where to.
    """
    table = registry.evaluations(version)
    fair = table[table["fair"]]
    if not len(fair):
        return
    row = fair.iloc[-1]
    evaluation: Evaluation = row["evaluation"]
    metric = mlflow("mlflow.entities").Metric
    metrics = [
        metric(
            name,
            value,
            timestamp=int(row["evaluated_at"].timestamp() * 1000),
            step=int(row["number"]),
            model_id=model_id,
            run_id=run_id,
        )
        for name, value in figures_of(evaluation).items()
    ]
    client.log_batch(run_id, metrics=metrics)
    with tempfile.TemporaryDirectory() as folder:
        write_evaluation(evaluation, Path(folder))
        client.log_artifacts(run_id, folder, FOLDER)


def figures_of(evaluation: Evaluation) -> dict[str, float]:
    """Give the figures of an evaluation, with the ends of their intervals.

    Parameters
    ----------
    evaluation : Evaluation
        Of the version.

    Returns
    -------
    figures : dict of str to float
        Those that can be told.
    """
    figures = {**evaluation.metrics, **evaluation.counts}
    for name, (low, high) in evaluation.intervals.items():
        figures |= {f"{name}_low": low, f"{name}_high": high}
    return {
        name: float(value) for name, value in figures.items() if not math.isnan(value)
    }


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write an evaluation for people: the page, its pictures, and the curves.

    Parameters
    ----------
    evaluation : Evaluation
        It holds no student's id.
    folder : Path
        Where to.
    """
    evaluation.to_html(folder / "report.html")
    for picture in draw_pictures(evaluation):
        name = re.sub(r"\W+", "-", picture.title.lower()).strip("-")
        (folder / f"{name}.svg").write_text(picture.svg, "utf-8")
    for name, curve in evaluation.curves.items():
        curve.to_csv(folder / f"{name}.csv", index=False)
    text = json.dumps(evaluation.to_dict(), allow_nan=False)
    (folder / "evaluation.json").write_text(text, "utf-8")
