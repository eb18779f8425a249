"""Log the evaluation of a version: metrics, curves, pictures and a page."""

import json
import math
import re
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from edml.exceptions import RegistryError
from edml.inspection import Evaluation
from edml.registry import ModelRecord, ModelRegistry
from edml.tracking._client import mlflow

_FOLDER = "evaluation"


def log_evaluation(
    client: Any, registry: ModelRegistry, version: int, run_id: str, model_id: str
) -> None:
    """Log the version's latest evaluation on rows that did not decide its contests.

    Logging it again changes nothing: the step of its metrics is its number, and their
    time is the evaluation's.
    """
    table = registry.evaluations(version)
    fair = table[table["fair"]]
    if fair.empty:
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
        for name, value in list_figures(evaluation).items()
    ]
    client.log_batch(run_id, metrics=metrics, synchronous=True)
    with tempfile.TemporaryDirectory() as folder:
        write_evaluation(evaluation, Path(folder))
        client.log_artifacts(run_id, folder, _FOLDER)


def log_reference(
    client: Any,
    registry: ModelRegistry,
    record: ModelRecord,
    run_id: str,
    model_id: str,
) -> None:
    """Log the out-of-fold figures of training by week, if the version has them."""
    try:
        reference = registry.reference(record.version)
    except RegistryError:
        return
    stored = int(datetime.fromisoformat(record.created_at).timestamp() * 1000)
    metric = mlflow("mlflow.entities").Metric
    metrics = [
        metric(
            f"training_{name}",
            week.figures[name],
            timestamp=stored,
            step=0 if week.day is None else (week.day + 1) // reference.step,
            model_id=model_id,
            run_id=run_id,
        )
        for week in reference.weeks
        for name in ("roc_auc", "average_precision")
        if name in week.figures
    ]
    if metrics:
        client.log_batch(run_id, metrics=metrics, synchronous=True)


def list_figures(evaluation: Evaluation) -> dict[str, float]:
    """Return the known metrics and counts, with the ends of their intervals."""
    figures = {**evaluation.metrics, **evaluation.counts}
    for name, (low, high) in evaluation.intervals.items():
        figures |= {f"{name}_low": low, f"{name}_high": high}
    return {
        name: float(value) for name, value in figures.items() if not math.isnan(value)
    }


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write the page, its pictures and the curves, none of which names a student."""
    evaluation.to_html(folder / "report.html")
    for picture in evaluation.draw_pictures():
        name = re.sub(r"\W+", "-", picture.title.lower()).strip("-")
        (folder / f"{name}.svg").write_text(picture.svg, "utf-8")
    for name, curve in evaluation.curves.items():
        curve.to_csv(folder / f"{name}.csv", index=False)
    text = json.dumps(evaluation.to_dict(), allow_nan=False)
    (folder / "evaluation.json").write_text(text, "utf-8")
