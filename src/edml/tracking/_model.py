"""log_model: a version of a registry, as a model of MLflow."""

import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from edml import __version__
from edml.exceptions import RegistryError
from edml.registry import ModelRecord, ModelRegistry
from edml.tracking import _tags
from edml.tracking._client import (
    connected,
    ensure_experiment,
    log_batches,
    mlflow,
    search_all,
)
from edml.tracking._evaluation import log_evaluation, log_reference
from edml.tracking._package import check_binary, write_package
from edml.tracking._reconcile import write_memory
from edml.tracking._records import to_params
from edml.tracking._tags import Describer, identity_tags, is_version, origin_tags

EXPERIMENT = "edml-models"
_NOTE = (
    "A copy of a version of an edml registry. Its figures are those of its latest "
    "evaluation that decided no contest."
)
_DESCRIPTION = (
    "The mirror of an edml registry. Its aliases and the tags that begin with edml. "
    "follow the registry; a change made here is reported there, and kept."
)


def log_model(
    registry: ModelRegistry,
    version: int | str = "production",
    *,
    experiment: str = EXPERIMENT,
    tracking_uri: str | None = None,
) -> str:
    """Log a version of a registry as a model of MLflow.

    MLflow receives the registry's skops file, never a pickle, with the list of its
    types, an output signature, an example of synthetic events, and the figures, curves
    and page of its latest evaluation that did not decide a contest. The model is
    registered under the registry's name. Loading or serving it repeats the registry's
    checks; it returns ``probability`` and ``flagged`` for each row. A version that is
    already there is not logged again.

    Parameters
    ----------
    registry : ModelRegistry
        The registry that holds the version.
    version : int or {"production", "staging", "latest"}, default="production"
        Which version to log.
    experiment : str, default="edml-models"
        Name of the experiment of its run, which is created if it does not exist.
    tracking_uri : str, default=None
        Address of the MLflow server; None is ``sqlite:///mlflow.db`` in the working
        directory.

    Returns
    -------
    uri : str
        ``models:/NAME/NUMBER``; the number is MLflow's, and may differ from the
        registry's.

    Raises
    ------
    RegistryError
        If the version does not exist or is damaged, it does not predict the
        probabilities of two classes, or the server has another model as that version.
    TrackingError
        If the server cannot be reached, or rejects the model.
    MissingExtraError
        If MLflow is not installed.

    See Also
    --------
    sync : Mirror all versions, with their stages.
    load_model : Load a logged model.

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
    advice = "Log the version again: nothing is there twice."
    with connected(tracking_uri, advice) as client:
        found = list_versions(client, registry.name)
        known = find_version(registry, record, found)
        if known is None:
            describer = Describer(registry)
            known = add_version(client, registry, record, describer, experiment)
    return f"models:/{registry.name}/{known.version}"


def list_versions(client: Any, name: str) -> list[Any]:
    """Return a model's versions that came from an edml registry, oldest first."""
    found = search_all(client.search_model_versions, filter_string=f"name = '{name}'")
    ours = [one for one in found if one.tags.get(_tags.REGISTRY) == name]
    return sorted(ours, key=lambda one: int(one.version))


def find_version(
    registry: ModelRegistry, record: ModelRecord, found: Sequence[Any]
) -> Any | None:
    """Find a version among those of `list_versions`.

    Raise `RegistryError` if the server has another file as that version.
    """
    wanted = identity_tags(registry, record)
    same = [
        one for one in found if one.tags.get(_tags.VERSION) == wanted[_tags.VERSION]
    ]
    if same and not is_version(same[0].tags, wanted):
        message = (
            f"Expected version {record.version} of {registry.name!r}; found that the "
            f"server's number {same[0].version} is another model of that version: it "
            "mirrors another registry of this name. Rename one of the registries."
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
    """Log a version that is missing or incomplete, and return MLflow's version.

    MLflow's version is created last, so that an existing one is complete. The remains
    of an earlier attempt are found by their tags, and completed.
    """
    exported = registry.export_model(record.version)
    model = exported.load()
    check_binary(model)
    tags = identity_tags(registry, record)
    described = describer.describe(record)
    experiment_id = ensure_experiment(client, experiment)
    run_id = _ensure_run(client, experiment_id, record, tags)
    logged = _ensure_logged(client, experiment_id, run_id, record.algorithm, tags)
    model_id = logged.model_id
    if str(logged.status) != "READY":
        with tempfile.TemporaryDirectory() as folder:
            write_package(Path(folder), exported, model, logged)
            client.log_model_artifacts(model_id, folder)
        client.finalize_logged_model(model_id, "READY")
    _link(client, run_id, model_id)
    log_evaluation(client, registry, record.version, run_id, model_id)
    log_reference(client, registry, record, run_id, model_id)
    with redirect_stdout(StringIO()):  # MLflow prints the run's address
        client.set_terminated(run_id)
    _ensure_registered(client, registry.name)
    last = {_tags.LOGGED_MODEL: model_id, _tags.SYNCED: write_memory(described, {})}
    return client.create_model_version(
        registry.name,
        source=_source_of(client, logged),
        run_id=run_id,
        model_id=model_id,
        tags={**described, **tags, **last},
        await_creation_for=0,
    )


def _source_of(client: Any, logged: Any) -> str:
    """Return the source of a version: a server requires the model's id.

    A local store would look up the id in MLflow's global store.
    """
    remote = str(client.tracking_uri).startswith(("http:", "https:"))
    return f"models:/{logged.model_id}" if remote else str(logged.artifact_location)


def _ensure_run(
    client: Any, experiment_id: str, record: ModelRecord, tags: dict[str, str]
) -> str:
    """Return the id of a version's run, with its parameters and its record."""
    found = client.search_runs(
        [experiment_id],
        filter_string=" and ".join(
            f"tags.`{name}` = '{tags[name]}'"
            for name in (_tags.REGISTRY, _tags.VERSION, _tags.SHA256)
        ),
        order_by=["attributes.start_time ASC"],
        max_results=1,
    )
    run = found[0] if found else None
    if run is None:
        more = {
            f"{_tags.PREFIX}version": __version__,
            "mlflow.note.content": _NOTE,
            "mlflow.source.name": "edml",
        }
        run = client.create_run(
            experiment_id,
            tags={**origin_tags(record), **tags, **more},
            run_name=f"{tags[_tags.REGISTRY]} {record.version}",
        )
    run_id = str(run.info.run_id)
    params = to_params({"algorithm": record.algorithm, **record.parameters})
    log_batches(client, run_id, params=params)
    client.log_dict(run_id, record.to_dict(), "record.json")
    return run_id


def _ensure_logged(
    client: Any, experiment_id: str, run_id: str, algorithm: str, tags: dict[str, str]
) -> Any:
    """Return the logged model of a run; its folder may be missing yet."""
    found = client.search_logged_models(
        [experiment_id], filter_string=f"source_run_id = '{run_id}'", max_results=1
    )
    if found:
        return found[0]
    return client.create_logged_model(
        experiment_id,
        name=tags[_tags.REGISTRY].replace(".", "_"),  # MLflow allows no stops there
        source_run_id=run_id,
        tags=tags,
        params=to_params({"algorithm": algorithm}),
        model_type="classifier",
    )


def _link(client: Any, run_id: str, model_id: str) -> None:
    """Link the model on the run's page, once."""
    outputs = client.get_run(run_id).outputs
    linked = outputs.model_outputs if outputs is not None else []
    if model_id not in {one.model_id for one in linked}:
        made = mlflow("mlflow.entities").LoggedModelOutput(model_id, step=0)
        client.log_outputs(run_id, [made])


def _ensure_registered(client: Any, name: str) -> None:
    failure = mlflow("mlflow.exceptions").MlflowException
    try:
        client.create_registered_model(name, description=_DESCRIPTION)
    except failure as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
