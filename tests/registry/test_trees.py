"""Malformed trees raise an error before scikit-learn walks them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeClassifier

from edml.exceptions import RegistryError
from edml.registry._forests import TreeParts, check_forests
from edml.registry._model_file import dumps, loads
from model_files import (
    X,
    attributes,
    file_of,
    find,
    fitted,
    npy,
    schema_of,
    with_schema,
    with_tree,
    y,
)


def set_field(name, at, value):
    def change(parts, state):
        parts["nodes"][name][at] = value

    return change


def self_loop(parts, state):
    parts["nodes"]["left_child"][0] = 0


def cycle(parts, state):
    # the first inner child points back to the root: an endless loop
    inner = np.flatnonzero(parts["nodes"]["left_child"] > 0)[1]
    parts["nodes"]["right_child"][inner] = 0


def shared_child(parts, state):
    parts["nodes"]["right_child"][0] = parts["nodes"]["left_child"][0]


def orphan(parts, state):
    parts["nodes"]["left_child"][0] = parts["nodes"]["right_child"][0] = -1


def half_leaf(parts, state):
    leaf = np.flatnonzero(parts["nodes"]["left_child"] < 0)[0]
    parts["nodes"]["right_child"][leaf] = 1


def half_inner(parts, state):
    parts["nodes"]["right_child"][0] = -1


def other_length(parts, state):
    parts["values"] = parts["values"][:-1]


def other_classes(parts, state):
    parts["values"] = np.repeat(parts["values"], 2, axis=2) / 2


def other_type(parts, state):
    parts["values"] = parts["values"].astype(np.float32)


def wrong_sum(parts, state):
    parts["values"] *= 2


def not_a_number(parts, state):
    parts["values"][0] = np.nan


def negative(parts, state):
    parts["values"][0] = [[-1, 2]]


def plain_records(parts, state):
    parts["nodes"] = np.zeros((len(parts["nodes"]), 8))


def other_order(parts, state):
    parts["nodes"] = parts["nodes"].reshape(1, -1)


def state_of(name, value):
    def change(parts, state):
        state[name]["content"] = json.dumps(value)

    return change


def lacks(name):
    def change(parts, state):
        state.pop(name)

    return change


CHANGES = {
    "self loop": self_loop,
    "cycle": cycle,
    "shared child": shared_child,
    "orphan": orphan,
    "half leaf": half_leaf,
    "half inner": half_inner,
    "child beyond": set_field("left_child", 0, 10_000),
    "child far beyond": set_field("left_child", 0, 2**62),
    "child before": set_field("right_child", 0, -(2**62)),
    "child -2": set_field("right_child", 0, -2),
    "feature beyond": set_field("feature", 0, X.shape[1]),
    "feature before": set_field("feature", 0, -2),
    "feature far": set_field("feature", 0, 2**40),
    "threshold": set_field("threshold", 0, np.nan),
    "missing": set_field("missing_go_to_left", 0, 7),
    "samples": set_field("n_node_samples", 0, -5),
    "weight": set_field("weighted_n_node_samples", 0, np.nan),
    "other length": other_length,
    "other classes": other_classes,
    "other type": other_type,
    "wrong sum": wrong_sum,
    "not a number": not_a_number,
    "negative": negative,
    "plain records": plain_records,
    "other order": other_order,
    "too deep": state_of("max_depth", 3000),
    "not so deep": state_of("max_depth", 1),
    "depth true": state_of("max_depth", True),
    "depth below": state_of("max_depth", -1),
    "node count": state_of("node_count", 3),
    "many nodes": state_of("node_count", 10**15),
    "no depth": lacks("max_depth"),
}


@pytest.mark.parametrize("tree", [0, 4])
@pytest.mark.parametrize("name", CHANGES)
def test_a_tree_that_leads_astray_is_rejected(name, tree):
    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        loads(with_tree(CHANGES[name], tree))


def test_an_unchanged_file_is_loaded():
    loaded = loads(with_tree(lambda parts, state: None))
    np.testing.assert_array_equal(
        loaded.predict_proba(X), fitted("forest").predict_proba(X)
    )


@pytest.mark.parametrize("name", ["n_features_in_", "n_outputs_", "n_classes_"])
@pytest.mark.parametrize("owner", ["RandomForestClassifier", "DecisionTreeClassifier"])
@pytest.mark.parametrize("value", [0, 1, 7, -1, 10**12, None, "4", 4.5, True])
def test_a_forest_agrees_with_its_trees(name, owner, value):
    data = file_of("forest")
    schema = schema_of(data)
    nodes = [one for one in find(schema, owner) if "n_features_in_" in attributes(one)]
    own = attributes(nodes[-1])
    if name == "n_outputs_" and value is True:
        value = 2
    if name == "n_outputs_" and value == 1:
        return
    own[name] = {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": json.dumps(value),
    }
    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        loads(with_schema(data, schema))


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("value", [5, 2**40, -1, None])
def test_tree_arrays_must_agree(place, value):
    data = file_of("tree")
    schema = schema_of(data)
    (tree,) = find(schema, "Tree")
    tree["__reduce__"]["args"]["content"][place]["content"] = json.dumps(value)
    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        loads(with_schema(data, schema))


@pytest.mark.parametrize("classes", [[3], [2**40], [2, 2], []])
def test_the_classes_that_a_tree_is_made_of(classes):
    def change(parts, state):
        return {"777.npy": npy(np.array(classes, dtype=np.intp))}

    data = with_tree(change, name="tree")
    schema = schema_of(data)
    (tree,) = find(schema, "Tree")
    tree["__reduce__"]["args"]["content"][1]["file"] = "777.npy"
    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        loads(with_schema(data, schema))


def test_tree_raises_in_other_attributes():
    data = file_of("tree")
    schema = schema_of(data)
    (classifier,) = find(schema, "DecisionTreeClassifier")
    own = attributes(classifier)
    own["criterion"] = own["tree_"]
    with pytest.raises(RegistryError, match="TreeNode"):
        loads(with_schema(data, schema))


def test_a_forest_without_trees():
    data = file_of("forest")
    schema = schema_of(data)
    (forest,) = find(schema, "RandomForestClassifier")
    attributes(forest)["estimators_"]["content"] = []
    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        loads(with_schema(data, schema))


def is_tree(left, right):
    """Walk from the root, following the definition."""
    seen, waiting = set(), [0]
    while waiting:
        node = waiting.pop()
        if not 0 <= node < len(left) or node in seen:
            return False
        seen.add(node)
        if left[node] != -1:
            waiting += [left[node], right[node]]
        elif right[node] != -1:
            return False
    above = all(
        child > node
        for node in range(len(left))
        if left[node] != -1
        for child in (left[node], right[node])
    )
    return above and len(seen) == len(left)


def depth_of(left, right, node=0):
    if left[node] == -1:
        return 0
    return 1 + max(depth_of(left, right, child) for child in (left[node], right[node]))


@st.composite
def children(draw):
    n_nodes = draw(st.sampled_from([1, 3, 5, 7]))
    one = st.integers(-2, n_nodes)
    size = {"min_size": n_nodes, "max_size": n_nodes}
    return draw(st.lists(one, **size)), draw(st.lists(one, **size))


@st.composite
def grown(draw):
    left, right = [-1], [-1]
    for _ in range(draw(st.integers(0, 8))):
        leaves = [node for node, child in enumerate(left) if child == -1]
        node = draw(st.sampled_from(leaves))
        left[node], right[node] = len(left), len(left) + 1
        left += [-1, -1]
        right += [-1, -1]
    return left, right


PARTS = DecisionTreeClassifier(max_depth=1).fit(X, y).tree_.__getstate__()


def parts_of(left, right, max_depth):
    nodes = np.zeros(len(left), dtype=PARTS["nodes"].dtype)
    nodes["left_child"], nodes["right_child"] = left, right
    values = np.full((len(left), 1, 2), 0.5)
    return TreeParts(nodes, values, 1, max_depth)


@given(st.one_of(children(), grown()))
def test_a_tree_is_a_tree_as_defined(drawn):
    left, right = drawn
    good = is_tree(left, right)
    first = parts_of([1, -1, -1], [2, -1, -1], 1)
    parts = parts_of(left, right, depth_of(left, right) if good else 0)
    if good:
        check_forests([first, parts, first])
        with pytest.raises(RegistryError, match=r"The model (file|holds)"):
            check_forests([parts._replace(max_depth=parts.max_depth + 1)])
        return
    with pytest.raises(RegistryError, match=r"The model (file|holds)"):
        check_forests([first, parts, first])


@pytest.mark.parametrize(
    "options", [{"max_leaf_nodes": 20}, {}, {"splitter": "random"}]
)
def test_missing_values_and_their_splits_are_kept(options):
    table = X.copy()
    table[::3, 0] = np.nan
    table[y == 1, 1] = np.nan
    model = DecisionTreeClassifier(random_state=0, **options).fit(table, y)
    loaded = loads(dumps(model))
    np.testing.assert_array_equal(
        loaded.predict_proba(table), model.predict_proba(table)
    )
