"""The checks pass for edml's own transformers and fail on planted leaks."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline

from edml import DataCleaner, FeatureEngineer, make_student_activity
from edml.exceptions import LeakageError, TableError
from edml.feature_extraction import HistoryFeatures
from edml.testing import check_company_invariance, check_no_lookahead

KEYS = ["user_uuid", "course_uuid"]
X = make_student_activity(30, fail_rate=0.2, random_state=0)
SEATS = X[KEYS].drop_duplicates().reset_index(drop=True)
_STUDENTS = dict(zip(SEATS["user_uuid"], SEATS.index // 2, strict=True))
#: Two histories for each student, each in a course of its own.
IN_PAIRS = X.assign(
    user_uuid=X["user_uuid"].map(_STUDENTS).astype(str),
    course_uuid=X["course_uuid"] + X["user_uuid"],
)


class Planted(TransformerMixin, BaseEstimator):
    def __init__(self, rule):
        self.rule = rule

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return pd.DataFrame({"planted": self.rule(X)}, index=X.index)


def history(X, column, how):
    return X.groupby(KEYS)[column].transform(how)


LOOK_AHEAD = {
    "final grade": lambda X: X["nota_final_materia"],
    "mean of the whole history": lambda X: history(X, "nota_parcial", "mean"),
    "last partition": lambda X: history(X, "particion", "max"),
    "ungraded score": lambda X: X["score"],
}
COMPANY = {
    "rows of the table": lambda X: pd.Series(len(X), index=X.index),
    "place in the table": lambda X: pd.Series(range(len(X)), index=X.index),
    "mean of all students": lambda X: pd.Series(X["score"].mean(), index=X.index),
}


@pytest.mark.parametrize("days", [1.0, 7.0])
def test_own_transformers_do_not_look_ahead(days):
    engineer = FeatureEngineer(partition_days=days)
    for transformer in (engineer, make_pipeline(DataCleaner(), engineer)):
        check_no_lookahead(transformer, X, partition_days=days)
        check_company_invariance(transformer, X)


@pytest.mark.parametrize("features", ["classic", "progress", "full"])
def test_features_of_all_kinds_depend_on_their_own_history(features):
    counts = np.random.default_rng(0).poisson(1, len(IN_PAIRS))
    table = IN_PAIRS.assign(activity_quiz=counts, activity_forum=counts[::-1])
    transformer = HistoryFeatures(features)
    check_company_invariance(transformer, table)
    check_no_lookahead(transformer, table)


@pytest.mark.parametrize(
    ("table", "rule", "who"),
    [
        (
            *(IN_PAIRS, lambda X: X.groupby("user_uuid")["score"].transform("mean")),
            "histories",
        ),
        (X, lambda X: X.groupby("course_uuid")["particion"].rank(), "students"),
    ],
    ids=["other courses of a student", "rank in the course"],
)
def test_planted_context_is_found(table, rule, who):
    with pytest.raises(LeakageError, match=f"other {who} are removed"):
        check_company_invariance(Planted(rule), table)


@pytest.mark.parametrize("leak", LOOK_AHEAD)
def test_planted_look_ahead_is_found(leak):
    with pytest.raises(LeakageError, match=r"'planted' at partition \d+ moves when"):
        check_no_lookahead(Planted(LOOK_AHEAD[leak]), X)


@pytest.mark.parametrize("leak", COMPANY)
def test_planted_company_is_found(leak):
    with pytest.raises(LeakageError, match=r"'planted' at partition \d+ moves when"):
        check_company_invariance(Planted(COMPANY[leak]), X)


class RemembersEnd(Planted):
    def fit(self, X, y=None):
        self.last_ = X.groupby("user_uuid")["particion"].max()
        return self

    def transform(self, X):
        return pd.DataFrame({"planted": X["user_uuid"].map(self.last_)})


def test_refitting_detects_memorized_rows():
    check_no_lookahead(RemembersEnd(None), X, refit=False)
    with pytest.raises(LeakageError, match="'planted'"):
        check_no_lookahead(RemembersEnd(None), X)


def test_a_transformer_that_drops_rows_raises():
    class Drops(Planted):
        def transform(self, X):
            return X.iloc[1:]

    with pytest.raises(TableError, match="one row per row"):
        check_no_lookahead(Drops(None), X)


class Output(Planted):
    """Returns the planted feature in another container."""

    def __init__(self, rule, container):
        self.rule = rule
        self.container = container

    def transform(self, X):
        values = super().transform(X).fillna(0).to_numpy()
        return sparse.csr_array(values) if self.container == "sparse" else values


@pytest.mark.parametrize("container", ["array", "sparse"])
def test_arrays_and_sparse_arrays_are_compared(container):
    honest = Output(lambda X: X["particion"].fillna(0) + 1.0, container)
    check_no_lookahead(honest, X)
    check_company_invariance(honest, X)
    leak = Output(LOOK_AHEAD["last partition"], container)
    with pytest.raises(LeakageError, match=r"Output: feature 0 at partition \d+ moves"):
        check_no_lookahead(leak, X)


def test_a_score_is_not_known_in_partitions_longer_than_believed():
    check_no_lookahead(FeatureEngineer(partition_days=1.0), X, cutoffs=[20])
    with pytest.raises(LeakageError, match=r"feature '.*' at partition "):
        check_no_lookahead(
            FeatureEngineer(partition_days=30.0), X, cutoffs=range(10, 40, 5)
        )


def test_mapped_columns_are_checked():
    columns = {"user_uuid": "student", "score": "points", "nota_final_materia": "end"}
    renamed = X.rename(columns=columns)
    engineer = FeatureEngineer(columns=columns)
    check_no_lookahead(engineer, renamed, columns=columns)
    check_company_invariance(engineer, renamed, columns=columns)
    for leak in ("points", "end"):
        with pytest.raises(LeakageError, match="'planted' at partition"):
            check_no_lookahead(
                Planted(lambda X, leak=leak: X[leak]), renamed, columns=columns
            )


def test_message_reports_the_action_and_no_value():
    secret = X.assign(legajo="SECRET42")
    for check, leak, change in (
        (check_no_lookahead, lambda X: X["nota_final_materia"], "final grades"),
        (check_no_lookahead, LOOK_AHEAD["last partition"], "removed"),
        (check_company_invariance, COMPANY["place in the table"], "shuffled"),
        (check_company_invariance, COMPANY["rows of the table"], "removed"),
    ):
        with pytest.raises(LeakageError, match=change) as caught:
            check(Planted(leak), secret)
        message = str(caught.value)
        assert "SECRET42" not in message
        assert not any(student in message for student in X["user_uuid"].unique())


def test_text_features_are_compared():
    check_no_lookahead(Planted(lambda X: X["course_name"]), X)
    last_exam = Planted(lambda X: history(X, "nombre_examen", "last"))
    with pytest.raises(LeakageError, match="'planted'"):
        check_no_lookahead(last_exam, X)


class LearnsTheMean(Planted):
    def fit(self, X, y=None):
        self.mean_ = X["score"].mean()
        return self

    def transform(self, X):
        return pd.DataFrame({"planted": self.mean_}, index=X.index)


def test_refitting_detects_learning_from_other_students():
    check_company_invariance(LearnsTheMean(None), X, refit=False)
    with pytest.raises(LeakageError, match="'planted'"):
        check_company_invariance(LearnsTheMean(None), X)


def test_table_and_transformer_are_unchanged():
    before, transformer = X.copy(), FeatureEngineer()
    check_no_lookahead(transformer, X)
    check_company_invariance(transformer, X)
    pd.testing.assert_frame_equal(X, before)
    assert not hasattr(transformer, "n_features_in_")


def test_tables_that_cannot_be_checked():
    with pytest.raises(TableError, match=r"lacks \['particion'\]"):
        check_no_lookahead(FeatureEngineer(), X.drop(columns="particion"))
    with pytest.raises(TableError, match="found ndarray"):
        check_company_invariance(FeatureEngineer(), X.to_numpy())


def test_a_leak_that_only_altering_shows_is_found():
    # No score of X is negative, so without the ungraded ones nothing changes.
    with pytest.raises(LeakageError, match=r"'planted' .* events after .* are altered"):
        check_no_lookahead(Planted(lambda X: X["score"].lt(0)), X)
    # nor is any count above 7
    counted = X.assign(activity_quiz=np.arange(len(X)) % 8.0)
    ever = Planted(lambda X: history(X, "activity_quiz", "max").gt(7))
    with pytest.raises(LeakageError, match=r"'planted' .* events after .* are altered"):
        check_no_lookahead(ever, counted)
