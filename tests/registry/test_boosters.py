"""Boosters that would abort or hang the process raise an error first."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightgbm import LGBMClassifier

from edml.exceptions import RegistryError
from edml.registry import _lightgbm, _xgboost
from edml.registry._budget import Budget
from edml.registry._model_file import dumps, loads
from model_files import (
    X,
    attributes,
    file_of,
    find,
    fitted,
    lightgbm,
    schema_of,
    text_node,
    with_booster,
    with_schema,
    xgboost,
    y,
    y3,
)

END = _lightgbm.END.decode()


def check_lightgbm(text):
    content = text.encode()
    return _lightgbm.read(content, Budget(len(content)))


def check_xgboost(content):
    return _xgboost.read(content, Budget(len(content)))


def text_of(model):
    text = model.booster_.model_to_string(num_iteration=-1)
    return text[: text.index(END) + len(END)]


def sized(text):
    """Return the text with corrected tree sizes."""
    sizes = [len(one.encode()) for one in re.findall(r"Tree=.*?\n\n\n", text, re.S)]
    stated = " ".join(map(str, sizes))
    return re.sub(r"(?m)^tree_sizes=.*$", f"tree_sizes={stated}", text, count=1)


def line(name, change, count=1):
    """Return a function that changes a line's value, and the dependent sizes."""

    def action(text):
        pattern = re.compile(rf"(?m)^{name}=(.*)$")
        return sized(
            pattern.sub(lambda one: f"{name}={change(one[1])}", text, count=count)
        )

    return action


def first(value):
    return lambda text: " ".join([value, *text.split(" ")[1:]])


def last(value):
    return lambda text: " ".join([*text.split(" ")[:-1], value])


def more(text):
    return text + " 1"


def fewer(text):
    return " ".join(text.split(" ")[:-1])


LINES = {
    "left_child": ["0", "-1", "1000", "-1000", "99999999999", "x", "1.5", "nan", ""],
    "right_child": ["0", "-9", "2147483648", "--1"],
    "split_feature": ["4", "-1", "99999", "2147483647"],
    "threshold": ["nan", "-inf", "1e999", "x", "0x10", "1_0"],
    "leaf_value": ["nan", "inf", "x", "-inf"],
    "decision_type": ["1", "3", "12", "-1", "999", "x"],
    "internal_count": ["x", "1e5"],
    "num_leaves": ["0", "-1", "4", "6", "99999999", "x", "1"],
    "num_cat": ["1", "-1", "x"],
    "is_linear": ["1", "x"],
    "num_class": ["0", "2", "99999999", "x", "-1"],
    "num_tree_per_iteration": ["0", "2", "x"],
    "max_feature_idx": ["0", "2", "4", "99999999", "-1", "x"],
    "objective": [
        "regression",
        "lambdarank",
        "binary sigmoid:0",
        "binary sigmoid:-1",
        "binary",
        "multiclass num_class:3",
        "custom",
        "",
    ],
    "version": ["4", "v", "v٤", ""],
    "feature_names": ["a", "a b c d e"],
}
WHOLE = ["num_", "is_", "max_", "objective", "version", "feature_"]


def whole(value):
    return lambda text: value


@pytest.mark.parametrize("name", LINES)
def test_a_changed_line_of_lightgbm_is_rejected(name):
    original = text_of(fitted("lightgbm"))
    for value in LINES[name]:
        for change in [whole] if any(map(name.startswith, WHOLE)) else [first, last]:
            changed = line(name, change(value))(original)
            if changed != original:
                with pytest.raises(RegistryError, match=r"The model (file|holds)"):
                    check_lightgbm(changed)


def spaced(text):
    return text.replace(" ", "  ")


@pytest.mark.parametrize("change", [more, fewer, spaced])
@pytest.mark.parametrize(
    "name",
    [
        "left_child",
        "right_child",
        "split_feature",
        "threshold",
        "leaf_value",
        "decision_type",
        "split_gain",
        "internal_count",
    ],
)
def test_lines_of_lightgbm_that_are_longer_or_shorter(name, change):
    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        check_lightgbm(line(name, change)(text_of(fitted("lightgbm"))))


def drop_tree(text):
    return text[: text.index("Tree=1")] + text[text.index("Tree=2") :]


TEXTS = {
    "nothing": lambda text: "",
    "no end": lambda text: text[: -len(END)],
    "half": lambda text: text[: len(text) // 2],
    "a tree less": drop_tree,
    "a tree less, with sizes": lambda text: sized(drop_tree(text)),
    "wrong sizes": lambda text: re.sub(r"(?m)^(tree_sizes)=\d+", r"\1=5", text),
    "huge size": lambda text: re.sub(r"(?m)^(tree_sizes)=\d+", r"\1=999999999", text),
    "size below": lambda text: re.sub(r"(?m)^(tree_sizes)=\d+", r"\1=-500", text),
    "no sizes": lambda text: re.sub(r"(?m)^tree_sizes=.*\n", "", text),
    "line twice": lambda text: text.replace("num_class=1\n", "num_class=1\n" * 2),
    "tree line twice": lambda text: sized(
        text.replace("num_cat=0\n", "num_cat=0\n" * 2)
    ),
    "tree line lost": lambda text: sized(text.replace("num_cat=0\n", "")),
    "unknown line": lambda text: text.replace("version=", "x=1\nversion=", 1),
    "zero byte": lambda text: text.replace("version", "ver\0sion", 1),
    "return": lambda text: text.replace("\n", "\r\n"),
    "not trees": lambda text: text.replace("tree\n", "linear\n", 1),
    "more behind": lambda text: text + "parameters:\n[x]\n",
    "wrong number": lambda text: text.replace("Tree=1\n", "Tree=7\n"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_damaged_text_of_lightgbm_is_rejected(name):
    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        loads(with_booster("lightgbm", TEXTS[name]))


def test_a_newer_lightgbm_may_add_what_is_switched_off():
    text = text_of(fitted("lightgbm"))
    newer = text.replace("version=v4\n", "version=v5\nnew=none\n")
    newer = sized(newer.replace("num_cat=0\n", "num_cat=0\nnew=0 0\n"))
    assert newer.count("new=") == 6
    written = _lightgbm.write(check_lightgbm(newer))
    assert written == _lightgbm.write(check_lightgbm(text))
    newer = sized(text.replace("num_cat=0\n", "num_cat=0\nnew=0 1\n"))
    with pytest.raises(RegistryError, match="'new', which edml cannot read"):
        check_lightgbm(newer)


def test_a_cycle_in_lightgbm_is_rejected():
    def change(text):
        return line("left_child", first("0"))(text)

    with pytest.raises(RegistryError, match="below"):
        loads(with_booster("lightgbm", change))


WRITTEN = {
    "plain": {},
    "large": {"num_leaves": 60, "min_child_samples": 2, "n_estimators": 30},
    "stump": {"min_child_samples": 1000},
    "forest": {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1},
    "monotone": {"monotone_constraints": [1, 0, 0, -1]},
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("target", [y, y3], ids=["two classes", "three"])
def test_every_text_that_lightgbm_writes_is_read(name, target):
    if name == "monotone" and target is y3:
        return  # not for several classes
    model = lightgbm(**WRITTEN[name]).fit(X, target)
    shape = check_lightgbm(text_of(model))
    assert shape.n_features == X.shape[1]
    assert shape.n_classes == len(np.unique(target))
    booster = model.booster_
    per_iteration = booster.num_model_per_iteration()
    assert shape.n_iterations == booster.num_trees() // per_iteration


def categorical():
    table = np.column_stack([np.arange(len(X)) % 40, X])
    few = {"min_data_per_group": 1, "cat_smooth": 0.1, "max_cat_to_onehot": 1}
    model = lightgbm(min_child_samples=2, n_estimators=3, **few)
    target = (table[:, 0] % 3 == 0).astype(int)
    return table, model.fit(table, target, categorical_feature=[0])


def test_categories_of_numbers_are_kept():
    table, model = categorical()
    assert "cat_threshold" in text_of(model)
    loaded = loads(dumps(model))
    np.testing.assert_array_equal(
        loaded.predict_proba(table), model.predict_proba(table)
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cat_boundaries", "0 99999"),
        ("cat_boundaries", "0 0"),
        ("cat_boundaries", "5 1"),
        ("cat_boundaries", "0"),
        ("cat_boundaries", ""),
        ("cat_threshold", ""),
        ("cat_threshold", "-1"),
        ("cat_threshold", "99999999999"),
        ("num_cat", "0"),
        ("num_cat", "7"),
    ],
)
def test_categories_out_of_bounds_are_rejected(name, value):
    text = text_of(categorical()[1])
    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        check_lightgbm(line(name, lambda old: value)(text))


def test_a_split_by_a_category_that_is_not_there():
    text = text_of(categorical()[1])
    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        check_lightgbm(line("threshold", lambda old: old.replace("0", "9", 1))(text))


@given(st.data())
def test_any_changed_character_of_lightgbm_is_rejected_or_harmless(data):
    text = text_of(fitted("lightgbm"))
    at = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.sampled_from("0123456789-. =\nex\x00[:"))
    changed = text[:at] + new + text[at + 1 :]
    try:
        shape = check_lightgbm(changed)
    except RegistryError:
        return
    assert shape.n_features == X.shape[1]
    # the library can read everything that is rewritten
    from lightgbm import Booster  # noqa: PLC0415

    written = _lightgbm.write(shape).decode()
    assert np.isfinite(Booster(model_str=written).predict(X)).all()


# XGBoost


def json_of(model):
    return json.loads(bytes(model.get_booster().save_raw("json")))


def tree_of(model):
    return model["learner"]["gradient_booster"]["model"]["trees"][0]


def put(*path):
    *keys, last_key, value = path

    def change(model):
        for key in keys:
            model = model[key]
        model[last_key] = value

    return change


BOOSTER = ("learner", "gradient_booster", "model")
TREE = (*BOOSTER, "trees", 0)
PARAM = ("learner", "learner_model_param")
XGBOOST = {
    "cycle": put(*TREE, "left_children", 1, 0),
    "self loop": put(*TREE, "left_children", 0, 0),
    "beyond": put(*TREE, "right_children", 0, 10**6),
    "far beyond": put(*TREE, "right_children", 0, 10**30),
    "before": put(*TREE, "right_children", 0, -7),
    "half": put(*TREE, "right_children", 0, -1),
    "not whole": put(*TREE, "right_children", 0, 2.0),
    "true": put(*TREE, "right_children", 0, True),
    "text": put(*TREE, "right_children", 0, "2"),
    "none": put(*TREE, "left_children", None),
    "feature": put(*TREE, "split_indices", 0, 4),
    "feature before": put(*TREE, "split_indices", 0, -1),
    "deleted root": put(*TREE, "split_indices", 0, 2**31 - 1),
    "short": put(*TREE, "split_conditions", [1.0]),
    "condition": put(*TREE, "split_conditions", 0, "x"),
    "infinite": put(*TREE, "split_conditions", 0, float("inf")),
    "too large": put(*TREE, "split_conditions", 0, 1e300),
    "gain": put(*TREE, "loss_changes", 0, float("nan")),
    "default": put(*TREE, "default_left", 0, 2),
    "split type": put(*TREE, "split_type", 0, 1),
    "categories": put(*TREE, "categories", [1]),
    "category nodes": put(*TREE, "categories_nodes", [1]),
    "id": put(*TREE, "id", 3),
    "id beyond": put(*TREE, "id", 10**9),
    "nodes": put(*TREE, "tree_param", "num_nodes", "3000"),
    "no nodes": put(*TREE, "tree_param", "num_nodes", "0"),
    "nodes text": put(*TREE, "tree_param", "num_nodes", "x"),
    "tree features": put(*TREE, "tree_param", "num_feature", "5"),
    "deleted": put(*TREE, "split_indices", 1, 2**31 - 1),
    "leaf vector": put(*TREE, "tree_param", "size_leaf_vector", "3"),
    "extra": put(*TREE, "extra", 1),
    "trees": put(*BOOSTER, "gbtree_model_param", "num_trees", "6"),
    "many trees": put(*BOOSTER, "gbtree_model_param", "num_trees", "99999999"),
    "parallel": put(*BOOSTER, "gbtree_model_param", "num_parallel_tree", "2"),
    "info": put(*BOOSTER, "tree_info", 0, 1),
    "info before": put(*BOOSTER, "tree_info", 0, -1),
    "starts": put(*BOOSTER, "iteration_indptr", 1, 99),
    "starts back": put(*BOOSTER, "iteration_indptr", 1, 0),
    "dart": put("learner", "gradient_booster", "name", "dart"),
    "linear": put("learner", "gradient_booster", "name", "gblinear"),
    "objective": put("learner", "objective", "name", "reg:squarederror"),
    "objective none": put("learner", "objective", "name", None),
    "weight text": put(
        "learner", "objective", "reg_loss_param", "scale_pos_weight", "x"
    ),
    "base": put(*PARAM, "base_score", "x"),
    "base number": put(*PARAM, "base_score", 0.5),
    "base nan": put(*PARAM, "base_score", "[nan]"),
    "base many": put(*PARAM, "base_score", "[0.5,0.5]"),
    "classes": put(*PARAM, "num_class", "3"),
    "many classes": put(*PARAM, "num_class", "99999999"),
    "features": put(*PARAM, "num_feature", "5"),
    "no features": put(*PARAM, "num_feature", "0"),
    "targets": put(*PARAM, "num_target", "2"),
    "names": put("learner", "feature_names", ["a"]),
    "types": put("learner", "feature_types", ["c"] * 4),
    "attribute": put("learner", "attributes", {"x": "1"}),
    "best": put("learner", "attributes", {"best_iteration": "99"}),
    "best below": put("learner", "attributes", {"best_iteration": "-1"}),
    "version": put("version", [3]),
    "learner": put("learner", None),
}


@pytest.mark.parametrize("name", XGBOOST)
def test_a_changed_part_of_xgboost_is_rejected(name):
    def change(text):
        model = json.loads(text)
        XGBOOST[name](model)
        return json.dumps(model)

    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        loads(with_booster("xgboost", change))


def test_a_damaged_text_of_xgboost_is_rejected():
    twice = '"base_weights":[],"base_weights"'
    for change in (
        lambda text: "",
        lambda text: "[]",
        lambda text: text[: len(text) // 2],
        lambda text: text + " {}",
        lambda text: "[" * 100_000,
        lambda text: text.replace('{"learner"', '{"version":[3,0,0],"learner"', 1),
        lambda text: text.replace('"base_weights"', twice, 1),
        lambda text: "binf" + text,
    ):
        with pytest.raises(RegistryError, match=r"The model (file|holds)"):
            loads(with_booster("xgboost", change))


GROWN = {
    "plain": {},
    "deep": {"max_depth": 9, "gamma": 1, "n_estimators": 20},
    "exact": {"tree_method": "exact", "gamma": 1},
    "approximate": {"tree_method": "approx"},
    "by loss": {"grow_policy": "lossguide", "max_leaves": 9, "max_depth": 0},
    "forest": {"num_parallel_tree": 3, "subsample": 0.5},
    "weighted": {"scale_pos_weight": 3, "base_score": 0.3},
}


@pytest.mark.parametrize("name", GROWN)
@pytest.mark.parametrize("target", [y, y3], ids=["two classes", "three"])
def test_every_text_that_xgboost_writes_is_read(name, target):
    n_classes = len(np.unique(target))
    if n_classes > 2 and name == "weighted":
        return  # it has no meaning here
    model = xgboost(**GROWN[name]).fit(X, target)
    shape = check_xgboost(bytes(model.get_booster().save_raw("json")))
    sizes = shape.n_features, shape.n_classes, shape.n_iterations
    assert sizes == (X.shape[1], n_classes, model.n_estimators)


@pytest.mark.parametrize(
    ("name", "owner", "attribute", "value"),
    [
        ("lightgbm", "LGBMClassifier", "_n_features", 5),
        ("lightgbm", "LGBMClassifier", "_n_classes", 3),
        ("lightgbm", "LGBMClassifier", "importance_type", "x num_threads=99999"),
        ("lightgbm", "LGBMClassifier", "importance_type", "a=b"),
        ("lightgbm", "LGBMClassifier", "max_depth", [1, 2]),
        ("lightgbm", "StoredLightGBM", "best_iteration", 99),
        ("lightgbm", "StoredLightGBM", "best_iteration", "1"),
        ("lightgbm", "StoredLightGBM", "more", 1),
        ("xgboost", "XGBClassifier", "n_classes_", 3),
        ("xgboost", "StoredXGBoost", "model", "text"),
    ],
)
def test_a_classifier_agrees_with_its_booster(name, owner, attribute, value):
    data = file_of(name)
    schema = schema_of(data)
    (node,) = find(schema, owner)
    attributes(node)[attribute] = text_node(value)
    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        loads(with_schema(data, schema))


@pytest.mark.parametrize("setting", ["predict_disable_shape_check", "num_threads", "x"])
def test_settings_that_stored_models_lack(setting):
    data = file_of("lightgbm")
    schema = schema_of(data)
    (node,) = find(schema, "LGBMClassifier")
    others = attributes(node)["_other_params"]
    others["content"][setting] = text_node(True)
    others["key_types"]["content"].append(others["key_types"]["content"][0])
    with pytest.raises(RegistryError, match="settings"):
        loads(with_schema(data, schema))


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_native_library_state_is_never_read(name):
    data = file_of(name)
    schema = schema_of(data)
    (node,) = [*find(schema, "StoredLightGBM"), *find(schema, "StoredXGBoost")]
    module = {"lightgbm": "lightgbm.basic", "xgboost": "xgboost.core"}[name]
    node.update({"__class__": "Booster", "__module__": module})
    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        loads(with_schema(data, schema))


def test_a_split_that_separates_missing_values_has_an_infinite_threshold():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 3, (400, 2)).astype(float)
    values[rng.random(400) < 0.5, 0] = np.nan
    labels = np.isnan(values[:, 0]).astype(int)
    model = LGBMClassifier(n_estimators=3, num_leaves=3, verbose=-1)
    model.fit(values, labels)
    text = text_of(model)
    assert re.search(r"(?m)^threshold=(.* )?inf( |$)", text)
    loaded = loads(dumps(model))
    found = loaded.booster_.predict(values)
    np.testing.assert_array_equal(found, model.booster_.predict(values))
    for wrong in ("1inf", "nan", "-inf", "infinity"):
        with pytest.raises(RegistryError, match="list of numbers"):
            check_lightgbm(line("threshold", first(wrong))(text))
    with pytest.raises(RegistryError, match="list of numbers"):
        check_lightgbm(line("leaf_value", first("inf"))(text))
