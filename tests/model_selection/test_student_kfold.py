"""StudentKFold: whole students, both outcomes in every fold, any row order."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from edml.exceptions import SplitError
from edml.model_selection import StudentKFold, student_train_test_split


@st.composite
def classes_of_students(draw, n_splits=3):
    """Return shuffled rows with enough students of each outcome, and y."""
    ids = draw(
        st.one_of(
            st.lists(st.integers(-50, 50), min_size=6, max_size=14, unique=True),
            st.lists(st.text(min_size=1), min_size=6, max_size=14, unique=True),
        )
    )
    n_failing = draw(st.integers(n_splits, len(ids) - n_splits))
    rows = []
    for position, student in enumerate(ids):
        size = draw(st.integers(1, 4))
        # A failing student may pass in other rows: another course.
        labels = draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))
        if position < n_failing:
            labels[0] = 1
        else:
            labels = [0] * size
        rows += [(student, label) for label in labels]
    rows = draw(st.permutations(rows))
    X = pd.DataFrame({"user_uuid": [student for student, _ in rows]})
    return X, np.array([label for _, label in rows])


def table(outcomes, n_rows=3):
    """Return one student per outcome, each with ``n_rows`` rows, and y."""
    students = [f"s{number:02d}" for number in range(len(outcomes))]
    X = pd.DataFrame({"user_uuid": np.repeat(students, n_rows)})
    X["particion"] = np.tile(np.arange(n_rows), len(outcomes))
    return X, np.repeat(outcomes, n_rows)


def model():
    numbers = make_column_transformer(
        ("passthrough", make_column_selector(dtype_include="number"))
    )
    return make_pipeline(numbers, DecisionTreeClassifier(random_state=0))


# -- invariants ---------------------------------------------------------------


@given(classes_of_students(), st.integers(0, 3), st.booleans())
def test_students_are_whole_tested_once_and_outcomes_mixed(made, seed, shuffle):
    X, y = made
    cv = StudentKFold(3, shuffle=shuffle, random_state=seed if shuffle else None)
    tested = []
    for train, test in cv.split(X, y):
        assert np.array_equal(np.sort(np.r_[train, test]), np.arange(len(X)))
        assert not {*X["user_uuid"].iloc[train]} & {*X["user_uuid"].iloc[test]}
        assert set(y[train]) == {0, 1}
        assert set(y[test]) == {0, 1}
        tested.append(test)
    assert np.array_equal(np.sort(np.concatenate(tested)), np.arange(len(X)))


@given(classes_of_students(), st.randoms(use_true_random=False))
def test_row_order_and_index_do_not_matter(made, random):
    X, y = made
    order = list(range(len(X)))
    random.shuffle(order)
    cv = StudentKFold(3, random_state=7)
    other = X.iloc[order].set_axis(np.arange(len(X)) + 1000)
    folds = [{*X["user_uuid"].iloc[test]} for _, test in cv.split(X, y)]
    again = [{*other["user_uuid"].iloc[test]} for _, test in cv.split(other, y[order])]
    assert folds == again


@given(classes_of_students())
def test_failing_students_are_spread_evenly(made):
    X, y = made
    failing = set(X["user_uuid"][y == 1])
    passing = set(X["user_uuid"]) - failing
    folds = [
        set(X["user_uuid"].iloc[test])
        for _, test in StudentKFold(3, random_state=0).split(X, y)
    ]
    for students in (failing, passing):
        counts = [len(fold & students) for fold in folds]
        assert max(counts) - min(counts) <= 1


@given(classes_of_students())
def test_without_y_folds_have_equal_numbers_of_students(made):
    X, _ = made
    sizes = [
        X["user_uuid"].iloc[test].nunique()
        for _, test in StudentKFold(3, random_state=0).split(X)
    ]
    assert sum(sizes) == X["user_uuid"].nunique()
    assert max(sizes) - min(sizes) <= 1


# -- how students are read ----------------------------------------------------


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_dtype_of_the_students_does_not_matter(dtype):
    X, y = table([0, 1] * 6)
    X = X.iloc[::-1].reset_index(drop=True)
    y = y[::-1]
    cv = StudentKFold(3, random_state=0)
    expected = [test.tolist() for _, test in cv.split(X, y)]
    typed = X.astype({"user_uuid": dtype})
    assert [test.tolist() for _, test in cv.split(typed, y)] == expected


def test_category_order_does_not_matter():
    X, y = table([0, 1] * 6)
    backwards = pd.Categorical(
        X["user_uuid"], categories=sorted(set(X["user_uuid"]), reverse=True)
    )
    cv = StudentKFold(3, random_state=0)
    expected = [test.tolist() for _, test in cv.split(X, y)]
    assert [
        test.tolist() for _, test in cv.split(X.assign(user_uuid=backwards), y)
    ] == expected


def test_numbers_and_text_may_mix_among_students():
    X, y = table([0, 1] * 4)
    X["user_uuid"] = X["user_uuid"].astype(object).where(X["user_uuid"] > "s03", 7)
    for train, test in StudentKFold(2, random_state=0).split(X, y):
        assert not {*X["user_uuid"].iloc[train]} & {*X["user_uuid"].iloc[test]}


def test_mapped_column_and_groups_yield_the_same_folds():
    X, y = table([0, 1] * 6)
    cv = StudentKFold(3, random_state=0)
    expected = [test.tolist() for _, test in cv.split(X, y)]
    mapped = StudentKFold(3, student="sid", random_state=0)
    renamed = X.rename(columns={"user_uuid": "sid"})
    assert [test.tolist() for _, test in mapped.split(renamed, y)] == expected
    values = X[["particion"]].to_numpy()
    for groups in (X["user_uuid"], X["user_uuid"].to_numpy(), list(X["user_uuid"])):
        found = [test.tolist() for _, test in cv.split(values, y, groups)]
        assert found == expected


def test_groups_take_precedence_over_the_column():
    X, y = table([0, 1] * 6)
    pairs = X["user_uuid"].str.removeprefix("s").astype(int) // 2 % 3 + 10 * y
    for train, test in StudentKFold(3, random_state=0).split(X, y, groups=pairs):
        assert not {*pairs[train]} & {*pairs[test]}


@pytest.mark.parametrize(
    "recode",
    [
        lambda y: y.astype(bool),
        lambda y: pd.Series(y, index=np.arange(len(y)) + 5),
        lambda y: pd.Series(y).astype("Int64"),
        lambda y: y.tolist(),
    ],
    ids=["bool", "series", "nullable", "list"],
)
def test_folds_do_not_depend_on_the_dtype_of_y(recode):
    X, y = table([0, 1, 0] * 5)
    cv = StudentKFold(3, random_state=0)
    expected = [test.tolist() for _, test in cv.split(X, y)]
    assert [test.tolist() for _, test in cv.split(X, recode(y))] == expected


@pytest.mark.parametrize("dtype", [object, str, "category"])
@pytest.mark.parametrize("words", [("pass", "fail"), ("aprobado", "desaprobado")])
def test_text_needs_the_label_that_fails(dtype, words):
    X, y = table([0, 1, 0] * 5)
    labels = pd.Series(y).map(dict(enumerate(words))).astype(dtype)
    expected = [
        test.tolist() for _, test in StudentKFold(3, random_state=0).split(X, y)
    ]
    cv = StudentKFold(3, random_state=0, fail_label=words[1])
    assert [test.tolist() for _, test in cv.split(X, labels)] == expected
    parts = student_train_test_split(X, labels, random_state=0, fail_label=words[1])
    same = student_train_test_split(X, y, random_state=0)
    assert parts[1].equals(same[1])
    for split in (
        lambda: StudentKFold(3).split(X, labels),
        lambda: student_train_test_split(X, labels),
        lambda: StudentKFold(3, fail_label="suspenso").split(X, labels),
    ):
        with pytest.raises(SplitError, match="fail_label"):
            split()


def test_columns_can_be_mapped():
    X, y = table([0, 1] * 6)
    names = {"user_uuid": "sid", "particion": "day"}
    expected = [
        test.tolist() for _, test in StudentKFold(3, random_state=0).split(X, y)
    ]
    cv = StudentKFold(3, random_state=0, columns=names)
    renamed = X.rename(columns=names)
    assert [test.tolist() for _, test in cv.split(renamed, y)] == expected
    parts = student_train_test_split(renamed, y, random_state=0, columns=names)
    same = student_train_test_split(X, y, random_state=0)
    np.testing.assert_array_equal(parts[3], same[3])
    with pytest.raises(ValueError, match="maps 'user_uuid' to 'sid', and 'id'"):
        StudentKFold(3, student="id", columns=names)


# -- randomness ---------------------------------------------------------------


def test_seed_decides_the_folds():
    X, y = table([0, 1] * 20)

    def folds(seed):
        return [
            test.tolist() for _, test in StudentKFold(4, random_state=seed).split(X, y)
        ]

    assert folds(0) == folds(0)
    assert folds(0) != folds(1)


def test_random_state_instance_moves_on():
    X, y = table([0, 1] * 20)
    cv = StudentKFold(4, random_state=np.random.RandomState(0))
    first = [test.tolist() for _, test in cv.split(X, y)]
    assert [test.tolist() for _, test in cv.split(X, y)] != first


def test_without_shuffle_sorted_students_stay_together():
    X, y = table([0] * 4 + [1] * 4, n_rows=1)
    tests = [test.tolist() for _, test in StudentKFold(2, shuffle=False).split(X, y)]
    assert tests == [[0, 1, 4, 5], [2, 3, 6, 7]]


# -- in scikit-learn ----------------------------------------------------------


def test_cross_validation_needs_no_groups():
    X, y = table([0, 1] * 6)
    scores = cross_val_score(model(), X, y, cv=StudentKFold(3, random_state=0))
    assert scores.shape == (3,)


def test_works_in_grid_search():
    X, y = table([0, 1] * 6)
    grid = {"decisiontreeclassifier__max_depth": [1, 2]}
    search = GridSearchCV(model(), grid, cv=StudentKFold(3, random_state=0))
    assert search.fit(X, y).n_splits_ == 3
    assert clone(search).cv.random_state == 0


def test_metadata_routing_is_optional_for_it():
    X, y = table([0, 1] * 6)
    with sklearn.config_context(enable_metadata_routing=True):
        cv = StudentKFold(3, random_state=0)
        alone = cross_validate(model(), X, y, cv=cv, return_indices=True)
        routed = cross_validate(
            model(),
            X.rename(columns={"user_uuid": "other"}),
            y,
            cv=cv,
            params={"groups": X["user_uuid"]},
            return_indices=True,
        )
    for one, other in zip(
        alone["indices"]["test"], routed["indices"]["test"], strict=True
    ):
        assert np.array_equal(one, other)


def test_repr_and_number_of_splits():
    cv = StudentKFold(4, student="sid", random_state=1)
    assert repr(cv) == (
        "StudentKFold(n_splits=4, random_state=1, shuffle=True, student='sid')"
    )
    assert cv.get_n_splits() == 4


# -- errors -------------------------------------------------------------------


def test_absent_column_error_says_what_to_pass():
    X, y = table([0, 1] * 6)
    wrong = X.rename(columns={"user_uuid": "user_uid"})
    with pytest.raises(SplitError, match=r"'user_uuid'.*\['user_uid'\].*groups="):
        StudentKFold(3).split(wrong, y)
    with pytest.raises(SplitError, match=r"of type ndarray.*student=.*groups="):
        StudentKFold(3).split(X.to_numpy(), y)


def test_repeated_column_raises():
    X, y = table([0, 1] * 6)
    twice = pd.concat([X, X[["user_uuid"]]], axis=1)
    with pytest.raises(ValueError, match=r"\['user_uuid'\] more than once"):
        StudentKFold(3).split(twice, y)


@pytest.mark.parametrize("as_groups", [False, True])
def test_null_student_raises(as_groups):
    X, y = table([0, 1] * 6)
    X.loc[4, "user_uuid"] = None
    given = {"groups": X["user_uuid"]} if as_groups else {}
    with pytest.raises(SplitError, match=r"1 of 36 rows have no value.*row label 4"):
        StudentKFold(3).split(X, y, **given)


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        ([0, 1], "at least 3 students; the rows hold 2"),
        ([0] * 9 + [1] * 2, "at least 3 failing students; the rows hold 2"),
        ([1] * 9 + [0] * 2, "at least 3 passing students; the rows hold 2"),
        ([0] * 9, "the 27 rows hold one"),
        ([0, 1, 2] * 3, "the 27 rows hold 3"),
        ([0, 1, np.nan] * 3, "y has no value in 9 of 27 rows"),
    ],
    ids=["students", "failing", "passing", "one class", "three classes", "null"],
)
def test_too_few_students_to_stratify_raise(outcomes, message):
    X, y = table(outcomes)
    with pytest.raises(SplitError, match=message):
        StudentKFold(3).split(X, y)


def test_empty_table_raises():
    X, _ = table([0, 1])
    with pytest.raises(SplitError, match="at least 3 students; the rows hold 0"):
        StudentKFold(3).split(X.iloc[:0])


def test_rows_and_labels_must_match():
    X, y = table([0, 1] * 6)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        StudentKFold(3).split(X, y[:-1])


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"n_splits": 1}, ValueError, "n_splits=2 or more"),
        ({"n_splits": 2.5}, ValueError, "must be of Integral type"),
        ({"shuffle": "no"}, TypeError, "shuffle must be True or False"),
        ({"shuffle": False, "random_state": 0}, ValueError, "has no effect"),
    ],
)
def test_parameters_are_checked_as_kfold_checks_them(params, error, message):
    with pytest.raises(error, match=message):
        StudentKFold(**params)
