"""No byte of a file reaches a library: all is rewritten, and values are checked."""

import json
import re
from functools import cache

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import Booster as XGBoostBooster
from xgboost import XGBClassifier

from edml import RiskClassifier, make_risk_pipeline, make_student_activity, make_target
from edml.exceptions import RegistryError
from edml.registry import _lightgbm, _xgboost
from edml.registry._budget import Budget, read_count, read_numbers
from edml.registry._model_file import dumps, loads
from model_files import (
    MAKERS,
    X,
    attributes,
    file_of,
    find,
    fitted,
    lightgbm,
    members_of,
    npy,
    schema_of,
    text_node,
    with_booster,
    with_schema,
    y,
    y3,
    zip_of,
)

ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def refuse(data, match="The model (file|holds)"):
    with pytest.raises(RegistryError, match=match):
        loads(data)


def stored(name):
    """Return the booster's text in a file, and its module."""
    module = {"lightgbm": _lightgbm, "xgboost": _xgboost}[name]
    members = members_of(file_of(name))
    (content,) = [one for key, one in members.items() if key.endswith(".bin")]
    return content, module


def rewritten(name, content):
    module = stored(name)[1]
    return module.write(module.read(content, Budget(len(content))))


# Numbers


@pytest.mark.parametrize(
    "text",
    [
        *("٣ 1", "1  2", "1 2 3", "1", "1,2", "1 nan", "1 inf", "0x1 2", "1_0 2"),
        *("1-2 3", "1 2 ", " 1 2", "1 --2", "1 .", "1 1e999", "1\n2", "1\t2", ""),
    ],
)
def test_what_is_no_list_of_two_numbers_is_rejected(text):
    for kind in (float, int):
        with pytest.raises(RegistryError, match="list of numbers"):
            read_numbers(text.encode(), 2, kind)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_keep_their_bits(numbers):
    text = " ".join(map(repr, numbers)).encode()
    found = read_numbers(text, len(numbers), float)
    assert found.tobytes() == np.array(numbers, dtype=float).tobytes()


@pytest.mark.parametrize("text", ["", "-1", "٣", "1.0", "9" * 10, "²", " 1", "1_0"])
def test_what_is_no_count_is_rejected(text):
    with pytest.raises(RegistryError, match="count"):
        read_count(text)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_other_digits_than_ascii_are_rejected(name):
    text = stored(name)[0].decode()
    places = [found.start() for found in re.finditer(r"\d", text)]
    for place in places[:: max(1, len(places) // 60)]:

        def change(old, place=place):
            return old[:place] + old[place].translate(ARABIC) + old[place + 1 :]

        changed = change(text)
        key = re.split(r"[\n{,]", changed[:place])[-1]
        if "Column_" not in key and "feature_infos" not in key:
            refuse(with_booster(name, change))


# Boosters


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_equal_trees_give_equal_bytes(name):
    content, module = stored(name)
    again = rewritten(name, content)
    if name == "lightgbm":
        text = content.decode()
        longer = text.replace("shrinkage=0.1", "shrinkage=1e-1")
        longer = longer.replace("label_index=0", "label_index=7")
        sizes = [len(one) for one in re.findall(r"(?s)Tree=.*?\n\n\n", longer)]
        stated = " ".join(map(str, sizes))
        longer = re.sub(r"tree_sizes=.*", f"tree_sizes={stated}", longer)
        assert again == content
    else:
        model = json.loads(content)
        longer = json.dumps({"version": [9, 9, 9], **model}, indent=1)
        assert bytes(XGBoostBooster(model_file=bytearray(again)).save_raw("json")) == (
            content
        )
    assert longer.encode() != content
    assert module.write(module.read(longer.encode(), Budget(10**6))) == again


@pytest.mark.parametrize("value", ["0", "none", "", "0 0 0"])
def test_a_neutral_line_that_a_newer_lightgbm_adds_is_dropped(value):
    content = stored("lightgbm")[0]
    newer = content.replace(b"\nobjective=", f"\nnew={value}\nobjective=".encode(), 1)
    assert rewritten("lightgbm", newer) == content


@pytest.mark.parametrize("value", ["1", "sqrt", "0 1", "\u0660"])
def test_another_line_that_a_newer_lightgbm_adds_is_rejected_by_name(value):
    content = stored("lightgbm")[0]
    newer = content.replace(b"\nobjective=", f"\nnew={value}\nobjective=".encode(), 1)
    with pytest.raises(RegistryError, match="'new', which edml cannot read"):
        rewritten("lightgbm", newer)


@pytest.mark.parametrize(
    "path", [[], ["learner"], ["learner", "objective"], ["learner", "gradient_booster"]]
)
def test_parts_that_a_newer_xgboost_adds(path):
    content = stored("xgboost")[0]
    for value, dropped in (({"on": []}, True), ("0", True), ([0, 1], False)):
        model = json.loads(content)
        part = model
        for key in path:
            part = part[key]
        part["new"] = value
        newer = json.dumps(model).encode()
        if dropped:
            assert rewritten("xgboost", newer) == rewritten("xgboost", content)
        else:
            with pytest.raises(RegistryError, match="'new', which edml cannot read"):
                rewritten("xgboost", newer)


@pytest.mark.parametrize(
    "base", ["5E30", "1", "0", "-1E-3", "[2E0]", "\u0660.\u0665", "nan"]
)
def test_a_base_score_that_is_no_probability(base):
    def change(text):
        return re.sub(r'"base_score":"[^"]*"', f'"base_score":"{base}"', text)

    refuse(with_booster("xgboost", change))


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_skops_itself_rebuilds_boosters_too(name):
    import skops.io  # noqa: PLC0415

    def change(text):
        return text.replace('"left_children":[1', '"left_children":[0').replace(
            "left_child=1", "left_child=0"
        )

    data = with_booster(name, change)
    with pytest.raises(RegistryError, match="below"):
        skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))


BOMBS = {
    "objects": (b"[" + b"{}," * 10**6 + b"{}]", "xgboost"),
    "lists": (b"[" + b"[]," * 10**6 + b"[]]", "xgboost"),
    "numbers": (b"[" + b"1.5," * 10**7 + b"1]", "xgboost"),
    "escaped": (b'["' + b"\\u005b" * 10**6 + b'"]', "xgboost"),
    "nested": (b"[" * 10**6, "xgboost"),
    "lines": (b"tree\n" + b"a\n" * 10**6 + b"\n\n", "lightgbm"),
    "trees": (b"tree\n\n" + b"\n\n\n" * 10**6, "lightgbm"),
    "words": (b"tree\nfeature_names=" + b"a " * 10**7 + b"\n\n", "lightgbm"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_file_cannot_fill_the_memory(kind):
    content, name = BOMBS[kind]
    module = stored(name)[1]
    with pytest.raises(RegistryError, match="The model file"):
        module.read(content, Budget(1000))


@pytest.mark.skipif(
    Version(xgboost.__version__) < Version("3.1"), reason="it writes one base score"
)
def test_an_older_xgboost_rejects_a_base_score_for_each_class(monkeypatch):
    data = dumps(MAKERS["xgboost"]().fit(X, y3))
    monkeypatch.setattr("xgboost.__version__", "3.0.5")
    refuse(data, "needs xgboost>=3.1")


# What only drawings of trees show
SHOWN = {
    "lightgbm": r"(?m)^((?:leaf_weight|internal_value|internal_weight|shrinkage)=).*$",
    "xgboost": r'("base_weights":|"parents":)\[[^]]*\]',
}


GROWN = {
    "lightgbm": {"n_estimators": 20, "num_leaves": 9, "min_child_samples": 5},
    "xgboost": {"n_estimators": 20, "gamma": 0.3, "tree_method": "exact"},
}


@pytest.mark.parametrize("name", SHOWN)
def test_numbers_that_no_answer_depends_on_are_not_read(name):
    model = MAKERS[name](**GROWN[name]).fit(X, y3)
    if name == "lightgbm":
        text = model.booster_.model_to_string()
        text = text[: text.index(_lightgbm.END.decode())] + _lightgbm.END.decode()
        changed = re.sub(SHOWN[name], r"\1x", text)
        blocks = re.findall(r"(?s)Tree=.*?\n\n\n", changed)
        sizes = " ".join(str(len(block)) for block in blocks)
        changed = re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", changed)
    else:
        text = bytes(model.get_booster().save_raw("json")).decode()
        changed = re.sub(SHOWN[name], r'\1["x"]', text)
    assert changed != text
    assert rewritten(name, changed.encode()) == rewritten(name, text.encode())
    loaded = loads(dumps(model))
    answers = [
        lambda one: one.predict_proba(X),
        lambda one: contributions(name, one),
        lambda one: importances(name, one, "gain"),
        lambda one: importances(name, one, {"lightgbm": "split"}.get(name, "cover")),
        lambda one: leaves(name, one),
    ]
    for answer in answers:
        np.testing.assert_array_equal(answer(loaded), answer(model))


def contributions(name, model):
    if name == "lightgbm":
        return model.predict_proba(X, pred_contrib=True)
    return model.get_booster().predict(xgboost.DMatrix(X), pred_contribs=True)


def importances(name, model, kind):
    return model.set_params(importance_type=kind).feature_importances_


def leaves(name, model):
    return model.predict(X, pred_leaf=True) if name == "lightgbm" else model.apply(X)


# Values of parameters and fitted attributes


def changed(name, owner, attribute, node):
    data = file_of(name)
    schema = schema_of(data)
    own = attributes(next(find(schema, owner)))
    if attribute not in own:
        pytest.fail("the file has no such attribute")
    own[attribute] = node
    return with_schema(data, schema)


@pytest.mark.parametrize(
    ("name", "owner", "attribute", "value"),
    [
        ("logistic", "LogisticRegression", "C", -1),
        ("logistic", "LogisticRegression", "C", "1"),
        ("logistic", "LogisticRegression", "solver", "os.system"),
        ("logistic", "LogisticRegression", "fit_intercept", 2),
        ("forest", "RandomForestClassifier", "criterion", "x"),
        ("forest", "RandomForestClassifier", "n_estimators", 0),
        ("tree", "DecisionTreeClassifier", "max_depth", -3),
        ("blend", "Blend", "scale", "x"),
    ],
)
def test_parameters_that_fit_would_not_accept(name, owner, attribute, value):
    refuse(changed(name, owner, attribute, text_node(value)), "cannot have")


@pytest.mark.parametrize(
    ("attribute", "values"),
    [
        ("classes_", np.array([1, 0])),
        ("classes_", np.array([1, 1])),
        ("coef_", np.array([[np.nan] * 4])),
        ("coef_", np.array([[np.inf] * 4])),
        ("coef_", np.zeros((1, 5))),
        ("intercept_", np.array([np.inf])),
        ("intercept_", np.array([np.inf], np.float32)),
    ],
    ids=range(7),
)
def test_fitted_arrays_that_cannot_be(attribute, values):
    data = file_of("logistic")
    schema, members = schema_of(data), members_of(data)
    node = attributes(schema)[attribute]
    members[node["file"]] = npy(values)
    refuse(zip_of(members))


@pytest.mark.parametrize("name", ["predict", "predict_proba", "get_params", "fit"])
def test_an_attribute_cannot_replace_a_method(name):
    data = file_of("logistic")
    schema = schema_of(data)
    keys = schema["content"]["key_types"]["content"]
    keys.append(keys[0])
    attributes(schema)[name] = text_node("x")
    refuse(with_schema(data, schema), "method")


@cache
def deployed():
    events = make_student_activity(40, fail_rate=0.3, random_state=1)
    pipe = make_risk_pipeline(every=10).set_params(classify__n_estimators=5)
    model = RiskClassifier(pipe, cv=2, calibration="sigmoid")
    return dumps(model.fit(events, make_target(events)).deployable())


@pytest.mark.parametrize("value", [1e9, -5, True, float("nan"), None, "0.5", 1.0001])
def test_a_threshold_is_a_probability(value):
    data = deployed()
    schema = schema_of(data)
    attributes(schema)["threshold"] = text_node(value)
    refuse(with_schema(data, schema))


@pytest.mark.parametrize(
    ("owner", "attribute", "value"),
    [
        ("FeatureEngineer", "exam_kinds", "unknown"),
        ("FeatureEngineer", "exam_kinds", {"unknown": ["x"]}),
        ("FeatureEngineer", "exam_kinds", [1]),
        ("FeatureEngineer", "columns", {"unknown": "x"}),
        ("FeatureEngineer", "columns", {"partition": 5}),
        ("FeatureEngineer", "partition_days", 0),
        ("FeatureEngineer", "partition_days", True),
        ("FeatureEngineer", "pending", "x"),
        ("DataCleaner", "columns", {"unknown": "x"}),
        ("SigmoidCalibrator", "slope_", -1.0),
        ("SigmoidCalibrator", "intercept_", float("inf")),
        ("SigmoidCalibrator", "intercept_", [1]),
        ("SigmoidCalibrator", "intercept_", 2**31),
        ("SigmoidCalibrator", "slope_", True),
        ("FeatureEngineer", "partition_days", 1e30),
        ("FeatureEngineer", "fill_value", 10**70),
    ],
)
def test_values_that_no_pipeline_has(owner, attribute, value):
    data = deployed()
    schema = schema_of(data)
    attributes(next(find(schema, owner)))[attribute] = text_node(value)
    refuse(with_schema(data, schema))


@cache
def joined():
    events = make_student_activity(40, fail_rate=0.3, random_state=1)
    pipe = make_risk_pipeline(every=10, features="progress")
    model = RiskClassifier(pipe.set_params(classify__n_estimators=5), cv=2)
    return dumps(model.fit(events, make_target(events)).deployable())


@pytest.mark.parametrize(
    ("owner", "attribute", "value"),
    [
        ("ProgressFeatures", "partition_days", 7.0),
        ("ProgressFeatures", "fill_value", 3.0),
        ("FeatureEngineer", "exam_kinds", "english"),
        ("FeatureEngineer", "pending", "zero"),
        ("HistoryFeatures", "fill_value", 3.0),
        ("ProgressFeatures", "columns", {"partition": "day"}),
    ],
)
def test_the_parts_of_features_have_their_settings(owner, attribute, value):
    data = joined()
    schema = schema_of(data)
    own = attributes(next(find(schema, owner)))
    assert own[attribute] != text_node(value)
    own[attribute] = text_node(value)
    refuse(with_schema(data, schema))


@pytest.mark.parametrize("name", ["", None, 1, "day"])
def test_the_parts_of_features_were_fitted_on_its_columns(name):
    data = joined()
    schema = schema_of(data)
    own = attributes(next(find(schema, "ProgressFeatures")))
    own["feature_names_in_"]["content"][0] = text_node(name)
    refuse(with_schema(data, schema))


def json_list(*values):
    """Return a list that is stored item by item, as skops stores lists."""
    items = [text_node(value) for value in values]
    kind = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode"}
    return {**kind, "content": items}


@pytest.mark.parametrize(
    ("name", "owner", "attribute", "value"),
    [
        ("lightgbm", "LGBMClassifier", "importance_type", "x config=/tmp/x"),
        ("lightgbm", "LGBMClassifier", "importance_type", ["x", "y num_threads=99"]),
        ("lightgbm", "LGBMClassifier", "n_estimators", 10**9),
        ("xgboost", "XGBClassifier", "device", "cuda:0\nx"),
        ("xgboost", "XGBClassifier", "objective", "reg:squarederror"),
        ("xgboost", "XGBClassifier", "booster", "gblinear"),
        ("xgboost", "XGBClassifier", "missing", "x"),
        ("forest", "RandomForestClassifier", "n_estimators", 10**9),
        ("logistic", "LogisticRegression", "coef_", {"x": 1}),
        ("logistic", "LogisticRegression", "intercept_", {"x": 1}),
        ("logistic", "LogisticRegression", "n_features_in_", 5),
    ],
)
def test_settings_and_attributes_of_another_kind(name, owner, attribute, value):
    node = json_list(*value) if isinstance(value, list) else text_node(value)
    refuse(changed(name, owner, attribute, node))


@pytest.mark.parametrize(
    ("owner", "attribute"),
    [
        ("KeyDropper", "_kept"),
        ("KeyDropper", "feature_names_in_"),
        ("DataCleaner", "_columns_out"),
        ("DataCleaner", "feature_names_in_"),
        ("FeatureEngineer", "feature_names_in_"),
        ("DeployedClassifier", "feature_names"),
    ],
)
def test_columns_in_another_order(owner, attribute):
    schema = schema_of(deployed())
    node = attributes(next(find(schema, owner)))[attribute]
    if node["__loader__"] == "JsonNode":
        node["content"] = json.dumps(json.loads(node["content"])[::-1])
    else:
        node["content"].reverse()
    refuse(with_schema(deployed(), schema), "other (features|columns) than")


@pytest.mark.parametrize("value", ["<script>", "", 5, ["a"]])
def test_a_fingerprint_is_one(value):
    schema = schema_of(deployed())
    attributes(schema)["data_fingerprint"] = text_node(value)
    refuse(with_schema(deployed(), schema))


def test_verbosity_and_jobs_among_other_settings_are_not_from_the_file():
    model = lightgbm(verbosity=3, min_data_in_bin=2).fit(X, y)
    assert loads(dumps(model)).get_params()["verbosity"] == -1
    assert loads(dumps(model)).get_params()["min_data_in_bin"] == 2
    model = XGBClassifier(n_estimators=2, nthread=1, verbosity=0, seed=3).fit(X, y)
    assert model.kwargs == {"nthread": 1, "seed": 3}
    assert loads(dumps(model)).kwargs == {"seed": 3}


def test_settings_that_were_set_later():
    model = lightgbm().set_params(
        importance_type="gain", learning_rate=0.2, n_jobs=7, verbose=2
    )
    model = loads(dumps(model.fit(X, y)))
    found = model.get_params()
    assert (found["importance_type"], found["learning_rate"]) == ("gain", 0.2)
    assert (found["n_jobs"], found["verbose"]) == (1, -1)  # not from the file
    with pytest.raises(RegistryError, match="settings that do not belong"):
        dumps(lightgbm(num_threads=1).fit(X, y))


@pytest.mark.parametrize("dtype", [object, "f2", ">f8", "U9", "c16", "i8", "?"])
def test_coefficients_of_another_type(dtype):
    data = file_of("logistic")
    schema, members = schema_of(data), members_of(data)
    node = attributes(schema)["coef_"]
    values = fitted("logistic").coef_
    if dtype is object:
        inner = [text_node(value) for value in values[0]]
        shape = {**json_list(len(inner)), "__class__": "tuple"}
        shape["__loader__"] = "TupleNode"
        del node["file"]
        node.update({"type": "json", "content": inner, "shape": shape})
        members["schema.json"] = json.dumps(schema).encode()
        members = {name: members[name] for name in members if name != "1.npy"}
    else:
        members[node["file"]] = npy(values.astype(dtype))
    if dtype == ">f8":
        model = loads(zip_of(members))
        expected = fitted("logistic").predict_proba(X)
        np.testing.assert_array_equal(model.predict_proba(X), expected)
    elif dtype == "f2":  # a valid array of other numbers
        assert np.isfinite(loads(zip_of(members)).predict_proba(X)).all()
    else:
        refuse(zip_of(members))


def test_a_forest_of_trees_of_other_classes():
    data = file_of("forest")
    schema, members = schema_of(data), members_of(data)
    trees = find(schema, "DecisionTreeClassifier")
    tree = next(one for one in trees if "classes_" in attributes(one))
    members[attributes(tree)["classes_"]["file"]] = npy(np.array([1.0, 0.0]))
    refuse(zip_of(members), "of other classes")


def test_features_in_another_order():
    data = deployed()
    members = members_of(data)
    (name,) = [one for one in members if one.endswith(".bin")]
    text = members[name].decode()
    head, line, rest = re.split(r"(?m)^(feature_names=.*)$", text, maxsplit=1)
    first, *others = line.partition("=")[2].split(" ")
    members[name] = f"{head}feature_names={' '.join([*others, first])}{rest}".encode()
    refuse(zip_of(members), "other features than it was fitted on")


def test_scaled_features_have_one_scale_each():
    data = dumps(make_pipeline(StandardScaler(), MAKERS["logistic"]()).fit(X, y))
    schema, members = schema_of(data), members_of(data)
    scale = attributes(next(find(schema, "StandardScaler")))["scale_"]
    members[scale["file"]] = npy(np.ones(3))
    refuse(zip_of(members), "is not for 4 features")


@pytest.mark.parametrize("place", [0, -1])
def test_a_name_that_the_native_parser_would_lose(place):
    text = stored("lightgbm")[0].decode()
    line = re.search(r"(?m)^feature_names=(.*)$", text)
    names = line[1].split(" ")
    names[place] = "="
    changed_text = text.replace(line[0], f"feature_names={' '.join(names)}")
    with pytest.raises(RegistryError, match="feature_names of another number"):
        rewritten("lightgbm", changed_text.encode())
