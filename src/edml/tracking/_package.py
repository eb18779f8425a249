"""The folder of an MLflow model: the registry's file, and the files MLflow needs.

It is written without MLflow's `save_model`, which would dump the model again, search
the working directory for a project to pack, and start a process to infer the
requirements that the record already states.
"""

import json
import platform
from pathlib import Path
from typing import Any

import pandas as pd

from edml.datasets import make_student_activity
from edml.exceptions import RegistryError
from edml.registry import ExportedModel, ModelRecord
from edml.schema import REQUIRED_COLUMNS, columns_of, is_event_table
from edml.tracking._client import mlflow
from edml.tracking._tags import MODEL_FILE, RECORD_FILE, origin_tags

#: The name of this module is written into the models.
LOADER = "edml.tracking._loading"
PROBABILITY, FLAGGED = "probability", "flagged"
_EXAMPLE, _SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"


def write_package(
    folder: Path, exported: ExportedModel, model: Any, logged: Any
) -> None:
    """Write an MLflow model into an empty folder, which ``logged`` will own."""
    record = exported.record
    described = mlflow("mlflow.models").Model(
        artifact_path=logged.artifact_location,
        run_id=logged.source_run_id,
        model_id=logged.model_id,
        model_uuid=logged.model_id,
        metadata={"edml": {**origin_tags(record), **logged.tags}},
        signature=_make_signature(),
    )
    described.add_flavor(
        "sklearn",
        pickled_model=MODEL_FILE,
        sklearn_version=record.libraries.get("scikit-learn", "unknown"),
        serialization_format="skops",
        skops_trusted_types=exported.types,
        code=None,
    )
    if (
        not exported.user_types
    ):  # MLflow's server has no means to trust a user's own types
        described.add_flavor(
            "python_function",
            loader_module=LOADER,
            data=MODEL_FILE,
            env={"virtualenv": "python_env.yaml"},
            python_version=platform.python_version(),
        )
    example = make_example(model)
    if example is not None:
        described.saved_input_example_info = _write_example(folder, example)
    (folder / MODEL_FILE).write_bytes(exported.data)
    (folder / RECORD_FILE).write_text(json.dumps(record.to_dict()), "utf-8")
    _write_environment(folder, record)
    described.model_size_bytes = sum(one.stat().st_size for one in folder.iterdir())
    described.save(str(folder / "MLmodel"))


def check_binary(model: Any) -> None:
    """Raise unless the model predicts the probabilities of two classes."""
    n_classes = len(getattr(model, "classes_", ()))
    has_probabilities = hasattr(model, "predict_proba")
    if not has_probabilities or n_classes != 2:
        message = (
            "Expected a classifier of two classes with predict_proba; found a "
            f"{type(model).__name__} of {n_classes} classes "
            f"{'with' if has_probabilities else 'without'} it. Register a "
            "RiskClassifier."
        )
        raise RegistryError(message)


def make_example(model: Any) -> pd.DataFrame | None:
    """Return synthetic events with a model's columns; None if it takes no events."""
    names = columns_of(model)
    seen = getattr(model, "feature_names_in_", None)
    if seen is None or not is_event_table(pd.DataFrame(columns=list(seen)), names):
        return None
    events = make_student_activity(1, n_courses=1, partitions=20, random_state=0)
    return events[list(REQUIRED_COLUMNS)].rename(columns=names)


def _make_signature() -> Any:
    """Describe the output only."""
    # With an input schema MLflow would reject integers, datetimes and empty columns
    # that the model accepts, and print the values. edml's own checks name columns.
    schema = mlflow("mlflow.types.schema")
    answer = [
        schema.ColSpec(schema.DataType.double, PROBABILITY),
        schema.ColSpec(schema.DataType.boolean, FLAGGED),
    ]
    return mlflow("mlflow.models").ModelSignature(outputs=schema.Schema(answer))


def _write_example(folder: Path, example: pd.DataFrame) -> dict[str, str]:
    cells = example.astype(object).where(example.notna(), None)
    split = {"columns": list(cells.columns), "data": cells.to_numpy().tolist()}
    # json, because pandas' JSON writer rounds
    (folder / _EXAMPLE).write_text(json.dumps(split), "utf-8")
    served = json.dumps({"dataframe_split": split})
    (folder / _SERVING_EXAMPLE).write_text(served, "utf-8")
    return {
        "artifact_path": _EXAMPLE,
        "type": "dataframe",
        "pandas_orient": "split",
        "serving_input_path": _SERVING_EXAMPLE,
    }


def _write_environment(folder: Path, record: ModelRecord) -> None:
    pinned = [
        f"{name}=={found}"
        for name, found in sorted(record.libraries.items())
        if name != "python" and found != "unknown"
    ]
    pinned.append(f"mlflow=={mlflow().__version__}")
    (folder / "requirements.txt").write_text("\n".join(pinned) + "\n", "utf-8")
    python = record.libraries.get("python", platform.python_version())
    (folder / "python_env.yaml").write_text(
        f"python: {python}\nbuild_dependencies: [pip]\n"
        "dependencies: [-r requirements.txt]\n",
        "utf-8",
    )
