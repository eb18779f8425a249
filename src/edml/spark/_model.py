"""The model on its way to the workers: the bytes of its file, checked on arrival."""

import hashlib
import json
from functools import lru_cache
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from edml.classifier import DeployedClassifier, RiskClassifier
from edml.exceptions import RegistryError
from edml.registry import ExportedModel, ModelRecord, ModelRegistry


class Packed(NamedTuple):
    """The bytes of a model's file, its record in JSON, and the classes to trust."""

    data: bytes
    record: str
    trusted: tuple[str, ...]


def export(model: Any, version: int | str) -> ExportedModel:
    """Return the stored form of what a user passes as a model."""
    if isinstance(model, ExportedModel):
        return model
    if isinstance(model, ModelRegistry):
        return model.export_model(version)
    if not isinstance(model, RiskClassifier | DeployedClassifier):
        message = (
            "Expected a ModelRegistry, an ExportedModel, a RiskClassifier or a "
            f"DeployedClassifier; found {type(model).__name__}."
        )
        raise TypeError(message)
    with TemporaryDirectory() as folder:
        registry = ModelRegistry(folder)
        return registry.export_model(registry.register(model).version)


def pack(model: Any, version: int | str) -> Packed:
    """Return what Spark sends with its tasks: no object of a model."""
    exported = export(model, version)
    record = json.dumps(exported.record.to_dict())
    return Packed(exported.data, record, exported.trusted)


@lru_cache(maxsize=2)
def unpack(sent: Packed) -> Any:
    """Load the model after all checks, once in each process."""
    record = ModelRecord.from_dict(json.loads(sent.record))
    found = hashlib.sha256(sent.data).hexdigest()
    if found != record.model_hash:
        message = (
            f"Expected the model file whose SHA-256 is {record.model_hash}; found "
            f"{found}. Get the model from its registry again."
        )
        raise RegistryError(message)
    return ExportedModel(record=record, data=sent.data, trusted=sent.trusted).load()
