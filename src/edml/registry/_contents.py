"""Checks of an object's attributes by its class, before the object is made."""

from lightgbm import LGBMClassifier

from edml.registry import _lightgbm, _types, _xgboost
from edml.registry._boosters import make_lightgbm, make_xgboost
from edml.registry._forests import check_forest, read_tree
from edml.registry._nodes import (
    State,
    attributes,
    check_keys,
    check_name,
    read_json,
    refuse,
    type_name,
)
from edml.registry._walk import Maker, Walk

# Of training: no prediction reads them. `set_params` adds the classifier's own to them.
_OTHER_SETTINGS = frozenset(
    (
        *LGBMClassifier._get_param_names(),
        *("bagging_fraction", "bagging_freq", "bagging_seed", "cat_l2"),
        *("cat_smooth", "data_random_seed", "deterministic", "extra_seed"),
        *("extra_trees", "feature_fraction", "feature_fraction_bynode"),
        *("feature_fraction_seed", "first_metric_only", "force_col_wise"),
        *("force_row_wise", "is_unbalance", "lambda_l1", "lambda_l2", "max_bin"),
        *("max_cat_threshold", "max_cat_to_onehot", "max_delta_step", "metric"),
        *("min_data_in_bin", "min_data_in_leaf", "min_data_per_group"),
        *("min_gain_to_split", "min_sum_hessian_in_leaf", "neg_bagging_fraction"),
        *("path_smooth", "pos_bagging_fraction", "scale_pos_weight", "seed"),
        *("verbose", "verbosity"),
    )
)
#: What a file does not decide.
_FIXED = {"n_jobs": 1, "verbose": -1, "verbosity": -1}


def read_contents(walk: Walk, name: str, own: dict[str, State]) -> dict[str, Maker]:
    """Check an object's attributes; return the makers of the special ones."""
    if name in _types.TREE_CLASSIFIERS and "tree_" in own:
        return {"tree_": read_tree(walk, own)}
    if name in _types.FORESTS:
        check_forest(walk, own)
    if name == _types.LIGHTGBM:
        return _read_lightgbm(walk, own)
    if name == _types.XGBOOST:
        return _read_xgboost(walk, own)
    return {}


def _read_lightgbm(walk: Walk, own: dict[str, State]) -> dict[str, Maker]:
    state = _read_booster(own, _types.STORED_LIGHTGBM, {"best_iteration"}, {"params"})
    others = own["_other_params"]
    if others["__loader__"] != "DictNode" or others["content"].keys() - _OTHER_SETTINGS:
        refuse("has LightGBM settings that do not belong in a stored model")
    found = _lightgbm.read(walk.member(state["model"]), walk.budget)
    best = read_json(state["best_iteration"])
    if type(best) is not int or not -1 <= best <= found.n_iterations:
        refuse("has a booster with a best iteration that does not exist")
    if walk.number(own["_n_features"]) != found.n_features:
        refuse("has a booster of other features than its classifier")
    _check_classes(walk, own["_n_classes"], found.n_classes)
    if walk.array(own["_classes"]).shape != (found.n_classes,):
        refuse("has a booster of other classes than its classifier")
    settings = walk.visit(others)
    fixed = {name: _FIXED[name] for name in _FIXED.keys() & others["content"].keys()}
    return {
        "_Booster": lambda: make_lightgbm(found, best),
        "_other_params": lambda: {**settings(), **fixed},
    }


def _read_xgboost(walk: Walk, own: dict[str, State]) -> dict[str, Maker]:
    state = _read_booster(own, _types.STORED_XGBOOST, set(), {"n_jobs"})
    found = _xgboost.read(walk.member(state["model"]), walk.budget)
    _check_classes(walk, own["n_classes_"], found.n_classes)
    if read_json(own["objective"]) not in (None, found.objective):
        refuse("has a booster of another objective than its classifier")
    if read_json(own["booster"]) not in (None, "gbtree"):
        refuse("has a booster of another kind than its classifier")
    makers: dict[str, Maker] = {"_Booster": lambda: make_xgboost(found)}
    if "kwargs" in own:
        given = walk.visit(own["kwargs"])
        makers["kwargs"] = lambda: {
            name: value for name, value in given().items() if name not in _types.FIXED
        }
    return makers


def _read_booster(
    own: dict[str, State], name: str, needed: set[str], ignored: set[str]
) -> dict[str, State]:
    """Return a booster's attributes, of which ``model`` is its text."""
    node = own.get("_Booster", {})
    if node.get("__loader__") != "ObjectNode":
        refuse("has a boosted classifier that is not fitted")
    check_keys(node, "content")
    state = attributes(node)
    extra = state.keys() - needed - {"model"}
    model = state.get("model", {})
    is_known = needed <= state.keys() and extra <= ignored
    is_bytes = model.get("__loader__") == "BytesNode"
    if type_name(node) != name or not is_known or not is_bytes:
        refuse("has a booster in another form than edml stores")
    check_keys(model, "file")
    check_name(model, "builtins.bytes")
    for part in extra:  # written by earlier versions
        read_json(state[part])
    return state


def _check_classes(walk: Walk, stated: State, n_classes: int) -> None:
    if walk.number(stated) != n_classes:
        refuse("has a booster of other classes than its classifier")
