"""The closed list of types that a model file may hold.

Add a name only after its content checks exist: a scikit-learn type is not harmless if
it runs native code, calls something in its state, or keeps training rows.
"""

from typing import Any

#: Classes whose state is plain numbers and text, used only by Python and numpy.
PLAIN_OBJECTS = frozenset(
    {
        "edml.classifier.DeployedClassifier",
        "edml.classifier.IsotonicCalibrator",
        "edml.classifier.SigmoidCalibrator",
        "edml.feature_extraction.ActivityFeatures",
        "edml.feature_extraction.FeatureEngineer",
        "edml.feature_extraction.HistoryFeatures",
        "edml.feature_extraction.ProgressFeatures",
        "edml.feature_extraction.StaticColumns",
        "edml.pipeline.Blend",
        "edml.preprocessing.DataCleaner",
        "edml.preprocessing.KeyDropper",
        "imblearn.pipeline.Pipeline",
        "sklearn.dummy.DummyClassifier",
        "sklearn.feature_selection._variance_threshold.VarianceThreshold",
        "sklearn.frozen._frozen.FrozenEstimator",
        "sklearn.impute._base.SimpleImputer",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.linear_model._logistic.LogisticRegressionCV",
        "sklearn.naive_bayes.BernoulliNB",
        "sklearn.naive_bayes.GaussianNB",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.MaxAbsScaler",
        "sklearn.preprocessing._data.MinMaxScaler",
        "sklearn.preprocessing._data.RobustScaler",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._label.LabelEncoder",
    }
)

TREE = "sklearn.tree._tree.Tree"
#: One tree, whose nodes are checked in `_trees`.
TREE_CLASSIFIERS = frozenset(
    {
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._classes.ExtraTreeClassifier",
    }
)
#: Ensembles of trees, which must agree with their forest.
FORESTS = frozenset(
    {
        "edml.pipeline.SerialForest",
        "sklearn.ensemble._forest.ExtraTreesClassifier",
        "sklearn.ensemble._forest.RandomForestClassifier",
    }
)

LIGHTGBM = "lightgbm.sklearn.LGBMClassifier"
XGBOOST = "xgboost.sklearn.XGBClassifier"
#: Stand-ins for the boosters' own classes, whose state is parsed by native code.
STORED_LIGHTGBM = "edml.registry._boosters.StoredLightGBM"
STORED_XGBOOST = "edml.registry._boosters.StoredXGBoost"

OBJECTS = PLAIN_OBJECTS | TREE_CLASSIFIERS | FORESTS | {LIGHTGBM, XGBOOST}

#: Parameters that a file never sets: a folder for pickles, threads, and output.
FIXED: dict[str, Any] = {
    "memory": None,
    "n_jobs": None,
    "nthread": None,
    "verbose": 0,
    "verbosity": None,
    "callbacks": None,
}


def fixed_value(name: str, parameter: str) -> Any:
    """Return the value of a fixed parameter in objects of a class."""
    if parameter == "verbosity" and name == LIGHTGBM:
        return -1
    if parameter == "n_jobs" and name in FORESTS | {LIGHTGBM, XGBOOST}:
        return 1  # boosters take None for all threads
    if parameter == "verbose" and name.endswith(".Pipeline"):
        return False
    return FIXED[parameter]


#: Types of dictionary keys, which are created by calling them with text.
KEY_TYPES = frozenset(
    {
        "builtins.bool",
        "builtins.float",
        "builtins.int",
        "builtins.str",
        "numpy.bool",
        "numpy.float64",
        "numpy.int32",
        "numpy.int64",
        "numpy.str_",
    }
)
FACTORIES = frozenset({"collections.OrderedDict"})
DICTS = frozenset({"builtins.dict", "collections.OrderedDict"})

ARRAY = "numpy.ndarray"
SCALARS = frozenset(
    {
        "numpy.bool",
        "numpy.float32",
        "numpy.float64",
        "numpy.int32",
        "numpy.int64",
        "numpy.str_",
        "numpy.uint8",
    }
)
#: Kinds of array without objects: bool, int, unsigned, float and text.
ARRAY_KINDS = "biufU"

ALLOWED_TYPES = OBJECTS | {TREE, STORED_LIGHTGBM, STORED_XGBOOST}
"""Every type that may be stored, besides Python's containers and numpy's arrays."""

#: Never allowed in `trusted`: native parsers, and code that can run anything.
NEVER = frozenset({"lightgbm.basic.Booster", "xgboost.core.Booster"})
NEVER_MODULES = frozenset(
    {
        "builtins",
        "code",
        "ctypes",
        "importlib",
        "marshal",
        "nt",
        "os",
        "pickle",
        "posix",
        "pty",
        "runpy",
        "shutil",
        "subprocess",
        "sys",
    }
)
