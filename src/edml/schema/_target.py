"""Read a target: the two labels of its classes, and which of them means failing."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from edml.schema._types import BoolArray, FloatArray


class Target(NamedTuple):
    """The two labels, sorted, the one that means failing, and the rows that fail."""

    classes: NDArray[Any]
    fail_label: Any
    fails: BoolArray


def read_target(y: ArrayLike, fail_label: Any = None) -> Target:
    """Read a target of two classes.

    Of numbers and booleans the higher means failing, unless ``fail_label`` names the
    other. Text needs ``fail_label``. Of ordered categories, the last one that occurs
    means failing, which is shown as a warning.
    """
    labels, fail_label = read_labels(y, fail_label)
    check_classification_targets(labels)
    classes = np.unique(labels)
    if len(classes) != 2:
        held = "one class" if len(classes) == 1 else f"{len(classes)} classes"
        message = (
            "Only binary classification is supported: y needs two classes, passes "
            f"and fails; the {len(labels)} rows hold {held}. Check the passing "
            "grade, or stratify the split by student."
        )
        raise ValueError(message)
    known = classes.tolist()
    failing = known[-1] if fail_label is None else fail_label
    if failing not in known:
        message = (
            f"fail_label={fail_label!r} is not a label of y. Pass the label of the "
            "students who fail, with its type and spelling."
        )
        raise ValueError(message)
    place = known.index(failing)
    return Target(classes, known[place], labels == classes[place])


def read_labels(y: ArrayLike, fail_label: Any = None) -> tuple[NDArray[Any], Any]:
    """Return the label of each row, of any number of classes, and the failing label.

    The label is None where the higher number means failing.
    """
    if isinstance(y, pd.DataFrame) and y.shape[1] == 1:
        y = y.iloc[:, 0]
    dtype: Any = getattr(y, "dtype", None)
    values = pd.Series(column_or_1d(y)).infer_objects()
    null = int(values.isna().sum())
    if null:
        message = (
            f"y has no value in {null} of {len(values)} rows. Drop the rows of "
            "courses that still run."
        )
        raise ValueError(message)
    if values.dtype.kind == "f":
        assert_all_finite(values, input_name="y")
    if pd.api.types.infer_dtype(values).startswith("mixed"):
        message = "y needs labels of one kind, such as 0 and 1; found several kinds."
        raise ValueError(message)
    labels = values.to_numpy()
    numbers = labels.dtype.kind in "biuf"
    if numbers and isinstance(dtype, pd.api.extensions.ExtensionDtype):
        labels = labels.astype(_numpy_dtype(dtype, labels.dtype))
    if fail_label is None and isinstance(dtype, pd.CategoricalDtype) and dtype.ordered:
        last = pd.Series(y).cat.remove_unused_categories().cat.categories.tolist()[-1]
        if not numbers or last != labels.max():
            fail_label = last
            warnings.warn(
                f"The last of y's ordered categories, {last!r}, is taken for the label "
                "of the students who fail. Pass fail_label= to say which one is.",
                UserWarning,
                stacklevel=3,
            )
    if numbers:
        return labels, fail_label
    if pd.api.types.infer_dtype(values) == "string":
        labels = labels.astype(str)
    if fail_label is None:
        message = (
            "y holds labels that are not numbers, and nothing says which one means "
            "failing. Pass it as fail_label=, or map y to 1 (fails) and 0."
        )
        raise ValueError(message)
    return labels, fail_label


def _numpy_dtype(dtype: Any, default: Any) -> Any:
    """Return the dtype of pandas' own labels: scikit-learn makes floats of them."""
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    found = np.dtype(getattr(dtype, "numpy_dtype", dtype))
    return found if found.kind in "biuf" else default


def fail_label_of(model: Any, fail_label: Any = None) -> Any:
    """Return the label of a fitted classifier that means failing, one of two.

    It is the one that is passed, that of the model (``fail_label_``), or the higher of
    two numbers.
    """
    classes = np.asarray(model.classes_)
    own = getattr(model, "fail_label_", None)
    known = classes.tolist()
    label = own if fail_label is None else fail_label
    if label is None and classes.dtype.kind in "biuf":
        label = known[-1]
    if label is None:
        message = (
            f"The classes of {type(model).__name__} are not numbers, and nothing says "
            "which one means failing. Fit a RiskClassifier with fail_label=, or fit it "
            "on 1 (fails) and 0."
        )
        raise ValueError(message)
    if label not in known:
        message = (
            f"fail_label={label!r} is not one of the classes of "
            f"{type(model).__name__}, {known}."
        )
        raise ValueError(message)
    return known[known.index(label)]


def fail_column(model: Any, fail_label: Any = None) -> int:
    """Return the column of ``predict_proba`` that is the probability of failing."""
    if not hasattr(model, "classes_"):  # a wrapper that does not say
        return 1
    label = fail_label_of(model, fail_label)
    return int(np.asarray(model.classes_).tolist().index(label))


def read_outcomes(
    model: Any, y: ArrayLike, fail_label: Any = None, *, nulls: bool = False
) -> FloatArray:
    """Return 1 for rows of a fitted model's failing class, 0 for the other.

    With ``nulls``, rows without a label are NaN; else they raise an error.
    """
    labels = pd.Series(column_or_1d(y)).astype(object)
    known = labels.notna().to_numpy()
    # as objects, False equals 0, 1.0 equals 1, and a string never equals a number
    present = labels.where(known, None).to_numpy(dtype=object)
    fails = np.full(len(labels), np.nan)
    failing = fail_label_of(model, fail_label)
    classes = np.asarray(model.classes_).tolist()
    for label in classes:
        fails[np.equal(present, label).astype(np.bool_)] = float(label == failing)
    strange = int((np.isnan(fails) & (known | (not nulls))).sum())
    if strange:
        unknown = ", or nulls where the outcome is unknown" if nulls else ""
        drop = "" if nulls else ", and drop the rows without a label"
        message = (
            f"y needs the classes that the model was trained on, {classes}{unknown}; "
            f"{strange} of {len(labels)} rows hold something else. Make y as for "
            f"training{drop}."
        )
        raise ValueError(message)
    return fails
