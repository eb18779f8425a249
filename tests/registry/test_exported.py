"""ExportedModel: the bytes of a stored model, and the way back through all checks."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from edml.exceptions import RegistryError
from edml.registry import ModelRegistry, read_model_file

X, y = make_classification(200, random_state=0)


class Own(LogisticRegression):
    """A class that is not on the registry's list."""


@pytest.fixture
def registry(tmp_path):
    registry = ModelRegistry(tmp_path / "models", trusted=[f"{__name__}.Own"])
    registry.register(LogisticRegression().fit(X, y))
    registry.register(Own().fit(X, y))
    return registry


@pytest.fixture
def path(registry, tmp_path):
    path = tmp_path / "model.skops"
    path.write_bytes(registry.export_model(1).data)
    return path


def test_an_exported_model_is_the_stored_file(registry):
    exported = registry.export_model("latest")
    assert exported.record == registry.record(2)
    assert exported.sha256 == exported.record.files["model.skops"]["sha256"]
    assert exported.sha256 == hashlib.sha256(exported.data).hexdigest()
    assert exported.types == exported.user_types == [f"{__name__}.Own"]
    assert isinstance(exported.load(), Own)
    assert "data" not in repr(exported)


def test_listed_types_are_not_custom_types(registry):
    exported = registry.export_model(1)
    assert exported.types == ["sklearn.linear_model._logistic.LogisticRegression"]
    assert exported.user_types == []


def test_the_bytes_are_read_back(registry, path):
    exported = registry.export_model(1)
    libraries = exported.record.libraries
    model = read_model_file(path, sha256=exported.sha256, libraries=libraries)
    expected = registry.load(1).predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_the_answers_of_a_record_are_compared(registry, path):
    record = registry.record(1)
    assert read_model_file(path, record=record).predict(X).shape == (len(X),)
    other = replace(record, threshold=0.25)
    with pytest.raises(RegistryError, match=r"threshold 0\.5"):
        read_model_file(path, record=other)
    path.write_bytes(registry.export_model(2).data)
    with pytest.raises(RegistryError, match="SHA-256"):
        read_model_file(path, record=record)


def test_another_file_is_rejected(path):
    with pytest.raises(RegistryError, match="Expected the file whose SHA-256 is 00"):
        read_model_file(path, sha256="0" * 64)


def test_a_damaged_file_is_rejected(path):
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(RegistryError, match="it is damaged"):
        read_model_file(path)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(RegistryError, match="Expected to read"):
        read_model_file(tmp_path / "none")


def test_a_type_that_nobody_trusts_is_rejected(registry, path):
    path.write_bytes(registry.export_model(2).data)
    with pytest.raises(RegistryError, match=r"test_exported\.Own"):
        read_model_file(path)
    assert isinstance(read_model_file(path, trusted=[f"{__name__}.Own"]), Own)


def test_other_libraries_are_reported(path):
    with pytest.warns(UserWarning, match=r"saved under numpy 1\.0"):
        read_model_file(path, libraries={"numpy": "1.0.0"})
    with pytest.raises(RegistryError, match="saved by edml 99"):
        read_model_file(path, libraries={"edml": "99.0.0"})
