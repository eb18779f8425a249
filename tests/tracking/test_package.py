"""The logged package of a version, without a server."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import mirrored
from edml.datasets import make_student_activity
from edml.exceptions import RegistryError
from edml.inspection import Evaluation
from edml.registry import ModelRegistry
from edml.tracking import load_model, log_model
from edml.tracking._evaluation import list_figures, write_evaluation
from edml.tracking._loading import ServedModel, _load_pyfunc
from edml.tracking._package import check_binary, make_example
from edml.tracking._tags import Describer, identity_tags, is_version

ARRAY = np.array([[0.0], [1.0], [2.0], [3.0]])
LABELS = [0, 0, 1, 1]


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Return a registry that tests must not change."""
    return mirrored.make_registry(tmp_path_factory.mktemp("registry"), "risk", 2)


def test_the_example_is_synthetic_and_sufficient(registry):
    example = make_example(registry.load())
    invented = make_student_activity(1, n_courses=1, partitions=20, random_state=0)
    assert set(example["user_uuid"]) == set(invented["user_uuid"])
    assert "nota_final_materia" not in example  # the target
    assert np.isfinite(registry.load().predict_proba(example)).all()
    assert example["ass_due_at"].notna().any()


def test_the_example_has_the_models_column_names():
    model = mirrored.fitted()
    names = {"user_uuid": "student"}
    X, y = mirrored.students()
    renamed = mirrored.make_model(columns=names).fit(X.rename(columns=names), y)
    example = make_example(renamed)
    assert "student" in example
    assert "user_uuid" not in example
    assert len(renamed.predict_proba(example)) == len(make_example(model))


def test_model_of_plain_numbers_has_no_example():
    assert make_example(LogisticRegression().fit(ARRAY, LABELS)) is None


@pytest.mark.parametrize(
    "uri",
    ["", "risk", "models:/risk", "models:/risk/0", "runs:/1/model", "models:/a/b"],
)
def test_another_form_of_address_raises(uri):
    with pytest.raises(RegistryError, match="Expected an address such as"):
        load_model(uri, "http://127.0.0.1:1")


def test_a_model_of_three_classes_raises():
    with pytest.raises(RegistryError, match="a LogisticRegression of 3 classes with"):
        check_binary(LogisticRegression().fit(ARRAY, [0, 1, 2, 2]))


def test_the_served_answer_equals_the_models(registry, tmp_path):
    X, _ = mirrored.students()
    model = registry.load(1)
    path = tmp_path / "model.skops"
    path.write_bytes(registry.export_model(1).data)
    served = _load_pyfunc(str(path)).predict(X.iloc[::-1])
    np.testing.assert_array_equal(
        served["probability"], model.predict_proba(X.iloc[::-1])[:, 1]
    )
    np.testing.assert_array_equal(
        served["flagged"], model.predict(X.iloc[::-1]).astype(bool)
    )
    assert served.index.equals(X.iloc[::-1].index)
    assert served["flagged"].nunique() == 2


def test_the_threshold_of_a_plain_classifier_is_one_half():
    model = LogisticRegression().fit(ARRAY, LABELS)
    served = ServedModel(model).predict(ARRAY)
    assert served["flagged"].tolist() == model.predict(ARRAY).astype(bool).tolist()


def test_a_damaged_model_file_raises(tmp_path):
    path = tmp_path / "model.skops"
    path.write_bytes(b"PK")
    with pytest.raises(RegistryError, match="damaged"):
        _load_pyfunc(str(path))


def test_unknown_figures_are_left_out():
    evaluation = mirrored.evaluated()
    figures = list_figures(evaluation)
    for name, value in evaluation.metrics.items():
        assert figures[name] == value
    assert figures["n_students"] == evaluation.counts["n_students"]
    assert (figures["f1_low"], figures["f1_high"]) == evaluation.intervals["f1"]
    blind = Evaluation.from_dict(
        evaluation.to_dict()
        | {"metrics": dict.fromkeys(evaluation.to_dict()["metrics"])}
    )
    assert "roc_auc" not in list_figures(blind)
    assert all(np.isfinite(value) for value in list_figures(blind).values())


def test_an_evaluation_is_written_without_loss(tmp_path):
    evaluation = mirrored.evaluated()
    write_evaluation(evaluation, tmp_path)
    written = json.loads((tmp_path / "evaluation.json").read_text())
    assert Evaluation.from_dict(written) == evaluation
    assert "<h1>Evaluation</h1>" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "roc.csv").read_text().startswith("fpr,tpr,threshold")
    picture = (tmp_path / "roc-curve.svg").read_text()
    assert 'xmlns="http://www.w3.org/2000/svg"' in picture  # it is self-contained


def test_tags_agree_with_the_registry(registry):
    tags = Describer(registry).describe(registry.record(1))
    assert tags["edml.stage"] == "production"
    assert tags["edml.changed_by"] == "ada"
    assert tags["edml.why"] == "the first one"
    assert tags["edml.change"] == "promote"
    assert tags["edml.tag.term"] == "1-2024"
    figure = mirrored.evaluated(1).metrics["brier"]
    assert tags["edml.brier"] == f"{figure:.6g}"
    assert "edml.parent" not in tags  # it has none
    assert Describer(registry).describe(registry.record(2))["edml.change"] == "register"


def test_tags_are_within_mlflows_limits(tmp_path):
    registry = ModelRegistry(tmp_path)
    model = LogisticRegression().fit(ARRAY, LABELS)
    given = {"año/*": "x" * 10_000, "nothing": None, "empty": "", "yes": True}
    registry.register(model, tags=given)
    tags = Describer(registry).describe(registry.record(1))
    assert tags["edml.tag.año__"].startswith("xxx")
    assert len(tags["edml.tag.año__"]) == 500
    assert tags["edml.tag.yes"] == "True"
    assert not {"edml.tag.nothing", "edml.tag.empty", "edml.roc_auc"} & tags.keys()
    assert all(isinstance(text, str) and text for text in tags.values())


def test_a_version_is_identified_by_its_file(registry, tmp_path):
    wanted = identity_tags(registry, registry.record(1))
    assert is_version({**wanted, "other": "tag"}, wanted)
    other = ModelRegistry(tmp_path, "risk")
    other.register(mirrored.fitted(2))
    assert not is_version(identity_tags(other, other.record(1)), wanted)


def test_without_a_champion_no_server_is_contacted(tmp_path):
    with pytest.raises(RegistryError, match="Expected a version in production"):
        log_model(ModelRegistry(tmp_path), tracking_uri="http://127.0.0.1:1")
