"""The folder of an MLflow model: the registry's own file, and what MLflow asks for.

It is written without MLflow's `save_model`, which would dump the model anew, look into
the working directory for a project to pack in, and run a process to guess at
requirements that the record knows.
"""

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from edml.datasets import make_student_activity
from edml.exceptions import RegistryError
from edml.registry import ModelRecord
from edml.registry._archive import SCHEMA, read_members, read_schema
from edml.registry._packing import untrusted_types
from edml.registry._states import nodes, type_name
from edml.schema import (
    NAME_COLUMNS,
    REQUIRED_COLUMNS,
    columns_of,
    is_event_table,
)
from edml.tracking._session import mlflow

MODEL_FILE = "model.skops"
#: The name of this module is written into the models.
LOADER = "edml.tracking._loading"
PROBABILITY, FLAGGED = "probability", "flagged"
_EXAMPLE, _SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"
_TEXTS = ("user_uuid", "course_uuid", *NAME_COLUMNS)
_OF_PYTHON = ("builtins", "numpy")


class Contents(NamedTuple):
    """What a folder is made of.

    Attributes
    ----------
    record : ModelRecord
        Of the version.
    data : bytes
        Its file, as the registry has it.
    model : classifier
        What the file holds.
    """

    record: ModelRecord
    data: bytes
    model: Any


class Place(NamedTuple):
    """Where MLflow keeps the folder.

    Attributes
    ----------
    run_id, model_id : str
        Of the run, and of the model that it logs.
    location : str
        Of the artifacts.
    """

    run_id: str
    model_id: str
    location: str


def write_package(
    folder: Path, contents: Contents, place: Place, notes: Mapping[str, Any]
) -> None:
    """Write the folder of an MLflow model.

    Parameters
    ----------
    folder : Path
        Empty.
    contents : Contents
        The model.
    place : Place
        Where it will be.
    notes : mapping of str to object
        What its metadata shall say.
    """
    described = mlflow("mlflow.models").Model(
        artifact_path=place.location,
        run_id=place.run_id,
        model_id=place.model_id,
        model_uuid=place.model_id,
        metadata={"edml": dict(notes)},
    )
    types, own = types_of(contents.data)
    described.add_flavor(
        "sklearn",
        pickled_model=MODEL_FILE,
        sklearn_version=contents.record.libraries.get("scikit-learn", "unknown"),
        serialization_format="skops",
        skops_trusted_types=types,
        code=None,
    )
    if not own:  # nobody could tell MLflow's server to trust them
        described.add_flavor(
            "python_function",
            loader_module=LOADER,
            data=MODEL_FILE,
            env={"virtualenv": "python_env.yaml"},
            python_version=platform.python_version(),
        )
    example = make_example(contents.model)
    if example is not None:
        described.signature = _make_signature(contents.model)
        described.saved_input_example_info = _write_example(folder, example)
    (folder / MODEL_FILE).write_bytes(contents.data)
    _write_environment(folder, contents.record)
    described.model_size_bytes = sum(one.stat().st_size for one in folder.iterdir())
    described.save(str(folder / "MLmodel"))


def types_of(data: bytes) -> tuple[list[str], list[str]]:
    """Name the types that a model file holds.

    Parameters
    ----------
    data : bytes
        A skops file of the registry.

    Returns
    -------
    types : list of str
        All but those of Python and numpy, for skops' list of trusted ones.
    own : list of str
        Those of them that are not on the registry's closed list: the user's own.
    """
    schema = read_schema(read_members(data)[SCHEMA])
    names = {type_name(node) for node in nodes(schema)}
    types = sorted(n for n in names if n.partition(".")[0] not in _OF_PYTHON)
    return types, untrusted_types(schema, frozenset())


def check_answers(model: Any) -> None:
    """Check that a model gives the probability of failing.

    Parameters
    ----------
    model : classifier
        Fitted.

    Raises
    ------
    RegistryError
        If it gives no probabilities, or has not two classes.
    """
    n_classes = len(getattr(model, "classes_", ()))
    gives = hasattr(model, "predict_proba")
    if not gives or n_classes != 2:
        message = (
            "Expected a classifier of two classes that gives probabilities; found a "
            f"{type(model).__name__} of {n_classes} classes that gives "
            f"{'them' if gives else 'none'}. Register a RiskClassifier."
        )
        raise RegistryError(message)


def make_example(model: Any) -> pd.DataFrame | None:
    """Make events of a student who does not exist, as the model is asked about them.

    Parameters
    ----------
    model : classifier
        Fitted.

    Returns
    -------
    example : DataFrame or None
        The columns that the model needs; None where it was not fitted on events, for
        then nobody knows what its columns mean.
    """
    names = columns_of(model)
    seen = getattr(model, "feature_names_in_", None)
    if seen is None or not is_event_table(pd.DataFrame(columns=list(seen)), names):
        return None
    events = make_student_activity(1, n_courses=1, partitions=20, random_state=0)
    return events[list(REQUIRED_COLUMNS)].rename(columns=names)


def _make_signature(model: Any) -> Any:
    schema = mlflow("mlflow.types.schema")
    # assignments are compared by their numbers; a column that may be of any type
    # would allow texts as well, and MLflow's server could read no CSV
    kinds = dict.fromkeys(REQUIRED_COLUMNS, schema.DataType.double)
    kinds |= dict.fromkeys(_TEXTS, schema.DataType.string)
    names = columns_of(model)
    given = [schema.ColSpec(kinds[one], names[one]) for one in REQUIRED_COLUMNS]
    answered = [
        schema.ColSpec(schema.DataType.double, PROBABILITY),
        schema.ColSpec(schema.DataType.boolean, FLAGGED),
    ]
    return mlflow("mlflow.models").ModelSignature(
        inputs=schema.Schema(given), outputs=schema.Schema(answered)
    )


def _write_example(folder: Path, example: pd.DataFrame) -> dict[str, str]:
    cells = example.astype(object).where(example.notna(), None)
    split = {"columns": list(cells.columns), "data": cells.to_numpy().tolist()}
    # json, for pandas' own writer rounds
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
