"""Load models from MLflow through the registry's checks.

MLflow reads the list of allowed types from the model's own folder, so anyone with write
access can change it. This module uses the registry's list.
"""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from edml.exceptions import RegistryError
from edml.registry import ModelRecord, read_model_file
from edml.schema import fail_column
from edml.tracking._client import connected, mlflow, resolve_uri
from edml.tracking._package import FLAGGED, PROBABILITY, check_binary
from edml.tracking._tags import LIBRARIES, MODEL_FILE, RECORD_FILE, SHA256

_ADDRESS = re.compile(
    r"models:/(?:(?P<id>m-\w+)"
    r"|(?P<name>[^/@]+)(?:/(?P<version>[1-9]\d*)|@(?P<alias>[^/@]+)))",
    re.ASCII,
)


def load_model(
    uri: str, tracking_uri: str | None = None, trusted: Sequence[str] = ()
) -> Any:
    """Load a model that `log_model` or `sync` has logged.

    Its file must have the SHA-256 that the server knows, and is then checked as
    `edml.registry.ModelRegistry.load` checks it, against a closed list of types and
    the answers in its record. Nothing is unpickled, and the list of types next to the
    file is not read. Anyone who can change both the server's tags and its files can
    still replace the model.

    Parameters
    ----------
    uri : str
        ``models:/NAME/NUMBER``, with MLflow's number, ``models:/NAME@ALIAS``, such as
        ``models:/risk@champion``, or ``models:/MODEL_ID``.
    tracking_uri : str, default=None
        Address of the MLflow server; None is ``sqlite:///mlflow.db`` in the working
        directory.
    trusted : sequence of str, default=()
        Full names of your own classes that the model may contain.

    Returns
    -------
    model : classifier
        Its predictions are bit-identical to those of the registry's model.

    Raises
    ------
    RegistryError
        If the address is malformed, the model was not logged by edml, or its file is
        damaged or contains a type that is not allowed.
    TrackingError
        If the server cannot be reached, or the model does not exist.
    MissingExtraError
        If MLflow is not installed.

    Warns
    -----
    UserWarning
        If it was stored with other library versions and the difference may matter.

    See Also
    --------
    log_model : Log a model.
    edml.registry.ModelRegistry.load : Load a model from the registry.

    Examples
    --------
    >>> from edml.tracking import load_model
    >>> load_model("risk")
    Traceback (most recent call last):
        ...
    edml.exceptions.RegistryError: Expected an address such as \
'models:/risk@champion' or 'models:/risk/1'; found 'risk'. Look at the server's models.
    """
    parts = _ADDRESS.fullmatch(str(uri))
    if parts is None:
        message = (
            "Expected an address such as 'models:/risk@champion' or 'models:/risk/1'; "
            f"found {str(uri)!r:.100}. Look at the server's models."
        )
        raise RegistryError(message)
    with (
        connected(tracking_uri, "Look at the server's models.") as client,
        tempfile.TemporaryDirectory() as folder,
    ):
        tags, location = _find(client, parts)
        if SHA256 not in tags:
            message = (
                f"Expected a model that edml logged; found that {uri} has no tag "
                f"{SHA256!r}. Load it with MLflow, if you trust its source."
            )
            raise RegistryError(message)
        artifacts = mlflow("mlflow.artifacts")
        server = resolve_uri(tracking_uri)
        found = artifacts.list_artifacts(artifact_uri=location, tracking_uri=server)
        paths = [
            artifacts.download_artifacts(
                artifact_uri=f"{location.rstrip('/')}/{name}",
                dst_path=folder,
                tracking_uri=server,
            )
            for name in (MODEL_FILE, RECORD_FILE)
            if name == MODEL_FILE or name in {Path(one.path).name for one in found}
        ]
        return read_model_file(
            paths[0],
            record=_read_record(Path(paths[0])),
            sha256=tags[SHA256],
            libraries=_read_libraries(tags),
            trusted=trusted,
        )


def _find(client: Any, parts: re.Match[str]) -> tuple[Mapping[str, str], str]:
    """Return the tags of a model, and the address of its folder."""
    if parts["id"] is not None:
        model = client.get_logged_model(parts["id"])
        return model.tags, model.artifact_location
    if parts["alias"] is not None:
        found = client.get_model_version_by_alias(parts["name"], parts["alias"])
    else:
        found = client.get_model_version(parts["name"], parts["version"])
    location = client.get_model_version_download_uri(found.name, found.version)
    return found.tags, location


def _read_record(path: Path) -> ModelRecord | None:
    """Read the record beside a model file; earlier versions of edml logged none."""
    path = path.with_name(RECORD_FILE)
    if not path.exists():
        return None
    try:
        return ModelRecord.from_dict(json.loads(path.read_bytes()))
    except (ValueError, TypeError, RecursionError) as error:
        if isinstance(error, RegistryError):
            raise
        message = (
            f"Expected the record that edml logged in {RECORD_FILE}; found another "
            "file. Log the model again."
        )
        raise RegistryError(message) from error


def _read_libraries(tags: Mapping[str, str]) -> dict[str, str]:
    try:
        return dict(json.loads(tags.get(LIBRARIES, "{}")))
    except (TypeError, ValueError):
        return {}  # edited on the server; the checks of the file itself remain


class ServedModel:
    """A binary classifier with the method that MLflow's servers call."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def predict(
        self, data: Any, params: Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return the probability of failing of each row, and whether it is flagged."""
        probability = self.model.predict_proba(data)[:, fail_column(self.model)]
        flagged = probability >= getattr(self.model, "threshold_", 0.5)
        return pd.DataFrame(
            {PROBABILITY: probability, FLAGGED: flagged},
            index=getattr(data, "index", None),
        )


def _load_pyfunc(path: str) -> ServedModel:
    """Load a downloaded model file; MLflow calls this function by its name."""
    model = read_model_file(path, record=_read_record(Path(path)))
    check_binary(model)
    return ServedModel(model)
