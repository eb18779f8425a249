"""The checks pass for edml's own transformers and fail on planted leaks."""

import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline

from edml import DataCleaner, FeatureEngineer, make_student_activity
from edml.exceptions import LeakageError, TableError
from edml.testing import check_company_invariance, check_no_lookahead

KEYS = ["user_uuid", "course_uuid"]
X = make_student_activity(30, fail_rate=0.2, random_state=0)


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
def test_own_transformers_know_no_future(days):
    engineer = FeatureEngineer(partition_days=days)
    for transformer in (engineer, make_pipeline(DataCleaner(), engineer)):
        check_no_lookahead(transformer, X, partition_days=days)
        check_company_invariance(transformer, X)


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


def test_what_fit_remembers_is_found_by_fitting_anew():
    check_no_lookahead(RemembersEnd(None), X, refit=False)
    with pytest.raises(LeakageError, match="'planted'"):
        check_no_lookahead(RemembersEnd(None), X)


def test_a_transformer_that_drops_rows_is_refused():
    class Drops(Planted):
        def transform(self, X):
            return X.iloc[1:]

    with pytest.raises(TableError, match="one row per row"):
        check_no_lookahead(Drops(None), X)
