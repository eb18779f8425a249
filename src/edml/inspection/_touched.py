"""evaluate_with_contacts: which labels were touched by contact."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike

from edml.inspection._evaluate import evaluate
from edml.inspection._evaluation import Evaluation
from edml.metrics import METRIC_TITLES
from edml.schema import COURSE, STUDENT, columns_of, history_codes
from edml.sources import contacted_rows


@dataclass(frozen=True, eq=False, kw_only=True)
class ContactEvaluation:
    """An evaluation with and without the students who were contacted.

    `evaluate_with_contacts` returns it.

    Parameters
    ----------
    everybody : Evaluation
        With all students.
    untouched : Evaluation
        Without the students of a course who were contacted in it.
    n_touched : dict of str to int
        n_histories (students in a course), n_students, n_snapshots and
        n_failing_snapshots whose label contact may have changed.

    Examples
    --------
    >>> from edml.inspection import ContactEvaluation, evaluate
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]] * 9, [0, 1, 0, 1] * 9
    >>> model = LogisticRegression().fit(X, y)
    >>> found = ContactEvaluation(
    ...     everybody=evaluate(model, X, y, n_resamples=20),
    ...     untouched=evaluate(model, X[4:], y[4:], n_resamples=20),
    ...     n_touched={"n_snapshots": 4},
    ... )
    >>> found.table.loc["roc_auc", ["everybody", "untouched"]].round(2).tolist()
    [0.75, 0.75]
    """

    __module__ = "edml.inspection"

    everybody: Evaluation
    untouched: Evaluation
    n_touched: dict[str, int]

    @property
    def table(self) -> pd.DataFrame:
        """Each metric for everybody and for the untouched, with its interval."""
        columns = {}
        for name in ("everybody", "untouched"):
            found: Evaluation = getattr(self, name)
            low, high = zip(*map(found.intervals.get, METRIC_TITLES), strict=True)
            columns[name] = [found.metrics[metric] for metric in METRIC_TITLES]
            columns[f"{name}_low"], columns[f"{name}_high"] = list(low), list(high)
        return pd.DataFrame(columns, index=pd.Index(list(METRIC_TITLES), name="metric"))


def evaluate_with_contacts(
    model: Any, X: pd.DataFrame, y: ArrayLike, contacts: pd.DataFrame, **options: Any
) -> ContactEvaluation:
    """Evaluate a model whose lists were used, with and without those contacted.

    Contact that helps turns a hit into what looks like a false alarm: the student was
    flagged, was helped, and passed. It also flatters a miss, if a student who was not
    flagged was contacted all the same, and passed. Such labels are touched.

    Parameters
    ----------
    model : estimator
        A fitted classifier, as for `evaluate`.
    X : DataFrame of shape (n_rows, n_columns)
        An event table of students that the model was not trained on.
    y : array-like of shape (n_rows,)
        The labels.
    contacts : DataFrame
        Who was contacted, as `edml.sources.read_contacts` returns it.
    **options : dict
        The other parameters of `evaluate`.

    Returns
    -------
    evaluation : ContactEvaluation
        Both evaluations, and how many labels were touched.

    Raises
    ------
    TableError
        If ``X`` is not an event table, or no contact is of its students.
    ValueError
        As in `evaluate`.

    See Also
    --------
    edml.contacts.contact_effect : Estimate what contact changed.

    Notes
    -----
    Neither is the quality of the model in a course without contact. Leaving the
    touched out removes those most at risk, whom it ranks best, so the second is mostly
    too low, too. Where some were held back by lot, their labels are untouched, and
    they stand for the others near the line.

    Examples
    --------
    >>> from edml import RiskClassifier, load_activity, student_train_test_split
    >>> from edml.inspection import evaluate_with_contacts
    >>> from edml.sources import read_contacts
    >>> X, y = load_activity(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = student_train_test_split(
    ...     X, y, test_size=0.4, random_state=0)
    >>> model = RiskClassifier().fit(X_train, y_train)
    >>> keys = X_test[["user_uuid", "course_uuid"]].drop_duplicates()[:20]
    >>> contacts = keys.set_axis(["student", "course"], axis=1)
    >>> contacts = read_contacts(contacts.assign(date="2026-03-02"))
    >>> found = evaluate_with_contacts(model, X_test, y_test, contacts, n_resamples=20)
    >>> found.n_touched["n_histories"]
    20
    """
    everybody = evaluate(model, X, y, **options)
    names = columns_of(model)
    touched = contacted_rows(X, contacts, columns=names)
    labels = pd.Series(y).to_numpy()
    kept = dict(options)
    if kept.get("groups") is not None:
        kept["groups"] = pd.Series(kept["groups"]).to_numpy()[~touched]
    untouched = evaluate(model, X[~touched], labels[~touched], **kept)
    histories = history_codes(X[names[STUDENT]], X[names[COURSE]])[touched]
    before, after = everybody.counts, untouched.counts
    return ContactEvaluation(
        everybody=everybody,
        untouched=untouched,
        n_touched={
            "n_histories": len(pd.unique(histories)),
            "n_students": int(X.loc[touched, names[STUDENT]].nunique()),
            **{
                name: before[name] - after[name]
                for name in ("n_snapshots", "n_failing_snapshots")
            },
        },
    )
