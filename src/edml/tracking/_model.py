"""log_model: a version of a registry, as a model of MLflow."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edml import __version__
from edml.exceptions import RegistryError
from edml.registry import ModelRecord, ModelRegistry, _trust
from edml.tracking._evaluated import log_evaluation
from edml.tracking._events import to_params
from edml.tracking._package import (
    MODEL_FILE,
    Contents,
    Place,
    check_answers,
    write_package,
)
from edml.tracking._reconcile import Memory
from edml.tracking._session import every, mlflow, working
from edml.tracking._store import ensure_experiment
from edml.tracking._tags import (
    LIBRARIES,
    LOGGED_MODEL,
    PREFIX,
    REGISTRY,
    SHA256,
    SYNCED,
    VERSION,
    Describer,
    identity,
    is_version,
    origin,
)

EXPERIMENT = "edml-models"
_NOTE = (
    "A version of an edml registry, which is where it lives; this is a copy. Its "
    "figures are those of its latest evaluation that no contest was decided by."
)
_DESCRIPTION = (
    "The mirror of an edml registry. Its aliases and the tags that begin with edml. "
    "follow the registry; what is changed here is reported there, and left alone."
)


def log_model(
    registry: ModelRegistry,
    version: int | str = "production",
    *,
    experiment: str = EXPERIMENT,
    tracking_uri: str | None = None,
) -> str:
    """Log a version of a registry as a model of MLflow.

    MLflow gets the registry's own skops file and never a pickle, with the list of the
    types in it, a signature, an example of synthetic events, the figures, curves and
    page of the evaluation that may be shown, and is registered under the registry's
    name. Where it is loaded or served, it passes the registry's checks again, and
    answers with ``probability`` and ``flagged`` of each row. A version that is there
    already is not logged again.

    Parameters
    ----------
    registry : ModelRegistry
        Which has it.
    version : int or {"production", "staging", "latest"}, default="production"
        Which.
    experiment : str, default="edml-models"
        Name of the experiment of its run; made where there is none.
    tracking_uri : str, default=None
        Address of the MLflow server; None is ``sqlite:///mlflow.db`` in the working
        directory.

    Returns
    -------
    uri : str
        ``models:/NAME/NUMBER``; the number is MLflow's, and may be another than the
        registry's.

    Raises
    ------
    RegistryError
        If there is no such version, it is damaged, it gives no probabilities of two
        classes, or the server has another model as that version.
    TrackingError
        If the server cannot be reached, or refuses it.
    MissingExtraError
        If MLflow is not installed.

    See Also
    --------
    sync : Mirrors all versions, with their stages.
    load_model : Loads it again.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from edml.registry import ModelRegistry
    >>> from edml.tracking import log_model
    >>> with TemporaryDirectory() as folder:
    ...     log_model(ModelRegistry(folder))
    Traceback (most recent call last):
        ...
    edml.exceptions.RegistryError: Expected a version in production; found none. \
Register a model first.
    """
    record = registry.record(version)
    with working(tracking_uri, "Log the version again: nothing is there twice.") as api:
        found = versions_of(api, registry.name)
        known = find_version(registry, record, found)
        if known is None:
            describer = Describer(registry)
            known = add_version(api, registry, record, describer, experiment)
    return f"models:/{registry.name}/{known.version}"


def versions_of(client: Any, name: str) -> list[Any]:
    """Give the versions of a registered model that came from an edml registry.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the server.
    name : str
        Of the model.

    Returns
    -------
    versions : list of ModelVersion
        The oldest first.
    """
    found = every(client.search_model_versions, filter_string=f"name = '{name}'")
    ours = [one for one in found if one.tags.get(REGISTRY) == name]
    return sorted(ours, key=lambda one: int(one.version))


def find_version(
    registry: ModelRegistry, record: ModelRecord, found: Sequence[Any]
) -> Any | None:
    """Find a version among those of the server.

    Parameters
    ----------
    registry : ModelRegistry
        Which has it.
    record : ModelRecord
        Of the version.
    found : sequence of ModelVersion
        The oldest first.

    Returns
    -------
    version : ModelVersion or None
        None where it is not there.

    Raises
    ------
    RegistryError
        If the server has another file as that version.
    """
    wanted = identity(registry, record)
    same = [one for one in found if one.tags.get(VERSION) == wanted[VERSION]]
    if same and not is_version(same[0].tags, wanted):
        message = (
            f"Expected version {record.version} of {registry.name!r}; found that the "
            f"server has another model as that, its number {same[0].version}: it "
            "mirrors another registry of this name. Give one of them another name."
        )
        raise RegistryError(message)
    return same[0] if same else None


def add_version(
    client: Any,
    registry: ModelRegistry,
    record: ModelRecord,
    describer: Describer,
    experiment: str = EXPERIMENT,
) -> Any:
    """Log a version that is not there, or not whole.

    The version itself is made last, so that one that is there is whole. What an
    earlier attempt has left is found by its tags, and gone on with.

    Parameters
    ----------
    client : mlflow.MlflowClient
        Of the server.
    registry : ModelRegistry
        Which has it.
    record : ModelRecord
        Of the version.
    describer : Describer
        Of the registry.
    experiment : str, default="edml-models"
        Name of the experiment.

    Returns
    -------
    version : ModelVersion
        What is there now.
    """
    contents = _read(registry, record)
    tags = identity(registry, record)
    described = describer.describe(record)
    experiment_id = ensure_experiment(client, experiment)
    run = _ensure_run(client, experiment_id, contents, {**origin(record), **tags})
    model = _ensure_model(client, run, contents, tags)
    run_id, model_id = run.info.run_id, model.model_id
    log_evaluation(client, registry, record.version, run_id, model_id)
    client.set_terminated(run_id)
    _ensure_registered(client, registry.name)
    last = {LOGGED_MODEL: model_id, SYNCED: Memory(described).to_text()}
    return client.create_model_version(
        registry.name,
        source=_source_of(client, model),
        run_id=run_id,
        model_id=model_id,
        tags={**described, **tags, **last},
        await_creation_for=0,
    )


def _source_of(client: Any, model: Any) -> str:
    """Give what a version is made of.

    A server makes a link of the model's id. A local store would look for that in
    MLflow's global one.
    """
    remote = str(client.tracking_uri).startswith(("http:", "https:"))
    return f"models:/{model.model_id}" if remote else model.artifact_location


def _read(registry: ModelRegistry, record: ModelRecord) -> Contents:
    data = registry._store.read_file(record.version, MODEL_FILE)
    model = _trust.loads(data, trusted=registry._shelf.trusted)
    check_answers(model)
    return Contents(record, data, model)


def _ensure_run(
    client: Any, experiment_id: str, contents: Contents, tags: dict[str, str]
) -> Any:
    """Give the run of a version, with its parameters and its record."""
    record = contents.record
    found = client.search_runs(
        [experiment_id],
        filter_string=" and ".join(
            f"tags.`{name}` = '{tags[name]}'" for name in (REGISTRY, VERSION, SHA256)
        ),
        order_by=["attributes.start_time ASC"],
        max_results=1,
    )
    run = found[0] if found else None
    if run is None:
        more = {
            f"{PREFIX}version": __version__,
            "mlflow.note.content": _NOTE,
            "mlflow.source.name": "edml",
        }
        name = f"{tags[REGISTRY]} {record.version}"
        run = client.create_run(experiment_id, tags={**tags, **more}, run_name=name)
    param = mlflow("mlflow.entities").Param
    params = to_params({"algorithm": record.algorithm, **record.parameters})
    pairs = [param(*pair) for pair in params.items()]
    for first in range(0, len(pairs), 100):  # MLflow's limit of one request
        client.log_batch(run.info.run_id, params=pairs[first : first + 100])
    client.log_dict(run.info.run_id, record.to_dict(), "record.json")
    return run


def _ensure_model(
    client: Any, run: Any, contents: Contents, tags: dict[str, str]
) -> Any:
    """Give the logged model of a run, with its folder."""
    run_id, experiment_id = run.info.run_id, run.info.experiment_id
    found = client.search_logged_models(
        [experiment_id], filter_string=f"source_run_id = '{run_id}'", max_results=1
    )
    model = found[0] if found else None
    if model is None:
        model = client.create_logged_model(
            experiment_id,
            name=tags[REGISTRY].replace(".", "_"),  # stops are not allowed there
            source_run_id=run_id,
            tags=tags,
            params=to_params({"algorithm": contents.record.algorithm}),
            model_type="classifier",
        )
    if str(model.status) != "READY":
        place = Place(run_id, model.model_id, model.artifact_location)
        with tempfile.TemporaryDirectory() as folder:
            write_package(Path(folder), contents, place, _notes(contents.record, tags))
            client.log_model_artifacts(model.model_id, folder)
        model = client.finalize_logged_model(model.model_id, "READY")
    _link(client, run_id, model.model_id)
    return model


def _link(client: Any, run_id: str, model_id: str) -> None:
    """Let the run's page lead to the model's, once."""
    outputs = client.get_run(run_id).outputs
    linked = outputs.model_outputs if outputs is not None else []
    if model_id not in {one.model_id for one in linked}:
        made = mlflow("mlflow.entities").LoggedModelOutput(model_id, step=0)
        client.log_outputs(run_id, [made])


def _notes(record: ModelRecord, tags: dict[str, str]) -> dict[str, Any]:
    return {
        "registry": tags[REGISTRY],
        "version": record.version,
        "sha256": tags[SHA256],
        "threshold": record.threshold,
        "split_plan_hash": record.split_plan_hash,
        "data_fingerprint": record.data_fingerprint,
        "libraries": json.loads(tags[LIBRARIES]),
    }


def _ensure_registered(client: Any, name: str) -> None:
    failure = mlflow("mlflow.exceptions").MlflowException
    try:
        client.create_registered_model(name, description=_DESCRIPTION)
    except failure as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
