# ruff: noqa: PD011 - an Explanation's values are not a Series
"""Reasons: the strongest topics, in plain words and every language."""

import string

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edml._translation import translator
from edml.datasets import load_activity
from edml.explanation import (
    LANGUAGES,
    Explanation,
    explain,
    feature_name,
    feature_phrase,
)
from edml.explanation._phrases import PHRASES, TOPICS, find_topic
from edml.feature_extraction import (
    FEATURES,
    PROGRESS_FEATURES,
    RELATIVE_FIGURES,
)
from edml.feature_extraction._activity_history import ACTIVITY_FEATURES
from edml.pipeline import make_risk_pipeline

RELATIVE = tuple(f"relative_{name}" for name in RELATIVE_FIGURES["full"])
EVERY = (*FEATURES, *PROGRESS_FEATURES[1:], *ACTIVITY_FEATURES, *RELATIVE)
FORMS = {
    *("number", "grade", "score", "count", "share", "percent"),
    *("hours", "days", "points", "times", "gap"),
}
SIGNED = (
    *("hrs_taken", "hrs_before", "days_before", "score_trend"),
    *(name for name in RELATIVE if "actions" not in name),
)


def explanation(contributions, values=None, index=None):
    """Make an explanation from {feature: contributions}."""
    contributions = pd.DataFrame(contributions, index=index)
    values = contributions * 0 + 1 if values is None else pd.DataFrame(values)
    total = contributions.sum(axis=1).to_numpy()
    return Explanation(
        contributions, np.zeros(len(total)), values, total, scale="log-odds"
    )


def one(feature, value, language="en", contribution=1.0):
    """Return the one reason of one row."""
    made = explanation({feature: [contribution]}, {feature: [value]})
    (reasons,) = made.reasons(language=language)
    assert len(reasons) == 1
    return reasons[0]


# -- the tables ---------------------------------------------------------------


def test_exactly_the_features_have_phrases():
    assert tuple(PHRASES) == EVERY


def test_every_feature_has_one_topic():
    members = [name for group in TOPICS.values() for name in group]
    assert sorted(members) == sorted(EVERY)
    assert len(TOPICS) == 20
    assert find_topic("activity_quiz_14d") == find_topic("actions_n")
    assert find_topic("income") is None


@pytest.mark.parametrize("feature", EVERY)
def test_phrases_are_well_formed(feature):
    known, missing, *negative = PHRASES[feature]
    fields = [form for _, _, form, _ in string.Formatter().parse(known) if form]
    assert len(fields) == 1
    assert set(fields) <= FORMS
    assert missing
    assert "{" not in missing
    # a duration is written without its sign, so the words must say it
    may_be_negative = feature.startswith(SIGNED) and not feature.endswith("std")
    assert len(negative) == may_be_negative
    for text in (known, missing, *negative):
        assert text == text.strip()
        assert not text.endswith(".")
        for language in LANGUAGES[1:]:
            assert translator(language).gettext(text) != text


# -- the words ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("feature", "value", "english", "spanish"),
    [
        (
            "nota_overall_mean",
            3.5,
            "mean exam grade 3.5/10",
            "nota media en exámenes 3,5/10",
        ),
        (
            "nota_overall_mean",
            np.nan,
            "no exam grade yet",
            "sin nota de examen todavía",
        ),
        (
            "nota_overall_mean",
            0.0,
            "mean exam grade 0/10",
            "nota media en exámenes 0/10",
        ),
        ("nota_overall_mean", 14.0, "mean exam grade 14", None),  # another scale
        ("parciales_n_sum", 2.0, "midterm exams so far: 2", "parciales hasta ahora: 2"),
        ("parciales_n_sum", 0.0, "no midterm exam yet", "ningún parcial todavía"),
        (
            "relative_submitted_share",
            -0.25,
            "submitted 25 points less of the assignments due than the course's mean",
            "entregó 25 puntos porcentuales menos de las tareas vencidas que la media "
            "del curso",
        ),
        (
            "hrs_before_due_mean",
            12.0,
            "handed in 12 hours before due on average",
            "entrega en promedio 12 horas antes del vencimiento",
        ),
        (
            "hrs_before_due_mean",
            -12.0,
            "handed in 12 hours late on average",
            "entrega en promedio con 12 horas de retraso",
        ),
        (
            "hrs_before_due_min",
            -1.0,
            "latest hand-in 1 hour late",
            "entrega más tardía con 1 hora de retraso",
        ),
        (
            "hrs_to_do_assignment_mean",
            84.0,
            "mean time given for an assignment 3.5 days",
            "plazo medio de las tareas 3,5 días",
        ),
        (
            "rel_time_taken_to_do_assignment_mean",
            0.456,
            "used 45.6% of the time given on average",
            "usó en promedio el 45,6 % del plazo",
        ),
        ("score_mean", 1234.4, "mean assignment score 1,234", None),
        ("score_mean", 0.04, "mean assignment score 0.04/100", None),
        ("score_mean", -0.26, "mean assignment score -0.3", None),
        ("score_mean", 99.96, "mean assignment score 100/100", None),
        ("particion", 12.0, "course day 12", "día 12 del curso"),
        (
            "missed_streak",
            3.0,
            "latest assignments missed in a row: 3",
            "últimas tareas seguidas sin entregar: 3",
        ),
        ("days_before_due_last", 2.5, "last hand-in 2.5 days before due", None),
        ("days_before_due_last", 0.5, "last hand-in 12 hours before due", None),
        (
            "days_before_due_last",
            -1.0,
            "last hand-in 1 day late",
            "última entrega con 1 día de retraso",
        ),
        ("days_since_due", 1.0, "last due date 1 day ago", None),
        ("days_since_submission", np.nan, "nothing handed in yet", None),
        (
            "score_trend",
            -16.0,
            "last score 16 points below the mean of the earlier ones",
            None,
        ),
        (
            "actions_log_ratio",
            -np.log(2),
            "0.5 times as active online in the last 14 days as in the 14 before",
            "0,5 veces la actividad en línea de los 14 días anteriores en los "
            "últimos 14",
        ),
        (
            "activity_quiz_14d",
            8.0,
            "actions online, quiz, in the last 14 days: 8",
            "acciones en línea, quiz, en los últimos 14 días: 8",
        ),
        ("activity_n_n", 0.0, "no action online yet, n", None),
        ("income", 3.25, "income = 3.3", "income = 3,3"),
        ("income", np.nan, "income is missing", "falta income"),
        ("income", None, "income is missing", "falta income"),
        ("{income}", "high", "{income} = high", "{income} = high"),
    ],
)
def test_words(feature, value, english, spanish):
    assert one(feature, value) == f"{english} (raises the risk)"
    assert one(feature, value, contribution=-0.1) == f"{english} (lowers the risk)"
    if spanish is not None:
        assert one(feature, value, "es") == f"{spanish} (sube el riesgo)"
        assert one(feature, value, "es", -1.0) == f"{spanish} (baja el riesgo)"


@given(
    st.sampled_from(EVERY),
    st.floats(allow_infinity=False),
    st.sampled_from(LANGUAGES),
)
def test_every_value_has_a_phrase(feature, value, language):
    text = one(feature, value, language)
    assert "{" not in text
    assert "nan" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_feature_has_a_name_without_a_value(language):
    names = [feature_name(name, language) for name in EVERY]
    assert len(set(names)) == len(EVERY)
    for name in names:
        assert "{" not in name
        assert "…" not in name
        assert not name.endswith((":", " ", " by", " en"))
    assert feature_name("of_my_own", language) == "of_my_own"


def test_feature_phrase():
    assert (
        one("score_max", 60) == f"{feature_phrase('score_max', 60)} (raises the risk)"
    )
    assert feature_phrase("score_max", None, "es") == "sin puntaje de tareas todavía"
    with pytest.raises(ValueError, match=r"language='fr' is unknown: use one of"):
        feature_phrase("score_max", 60, "fr")
    with pytest.raises(ValueError, match=r"language='fr' is unknown: use one of"):
        feature_name("score_max", "fr")


# -- selection ----------------------------------------------------------------


def test_near_copies_are_one_topic_named_by_the_weightiest_in_its_direction():
    made = explanation(
        {
            "nota_overall_mean": [0.3, 0.3, -0.4],
            "nota_overall_min": [0.2, -0.4, 0.1],
            "nota_overall_max": [0.1, 0.2, 0.1],
            "assignment_n_sum": [0.5, 0.0, -0.1],
        }
    )
    assert made.reasons().tolist() == [
        [
            "mean exam grade 1/10 (raises the risk)",
            "assignments so far: 1 (raises the risk)",
        ],
        ["mean exam grade 1/10 (raises the risk)"],
        [
            "mean exam grade 1/10 (lowers the risk)",
            "assignments so far: 1 (lowers the risk)",
        ],
    ]


def test_number_of_reasons():
    made = explanation({"a": [1.0, 0.0], "b": [-3.0, 0.0], "c": [2.0, 1e-15]})
    expected = [
        "b = 1 (lowers the risk)",
        "c = 1 (raises the risk)",
        "a = 1 (raises the risk)",
    ]
    for n in (0, 1, 2, 3, 9):
        assert made.reasons(n).tolist() == [expected[:n], []]


def by_hand(row, names):
    """Rank the topics of one row with plain loops: (topic, named feature, rises)."""
    topic_of = {name: topic for topic, group in TOPICS.items() for name in group}
    groups = {}
    for name, value in zip(names, row, strict=True):
        groups.setdefault(topic_of.get(name, name), {})[name] = value
    found = []
    for members in groups.values():
        total = sum(members.values())
        sign = 1 if total > 0 else -1
        told = max(members, key=lambda name: sign * members[name])
        if total:
            found.append((abs(total), told, total > 0))
    return [part[1:] for part in sorted(found, key=lambda part: -part[0])]


@given(
    arrays(int, (3, len(FEATURES) + 1), elements=st.integers(-9, 9)),
    st.randoms(use_true_random=False),
    st.integers(1, 14),
)
def test_reasons_are_those_of_plain_loops(numbers, random, n):
    names = [*FEATURES, "other"]
    random.shuffle(names)
    # distinct values, so that no two sums are equal: halves, quarters, ...
    numbers = numbers + np.arange(len(names)) ** 2 / 2**14
    made = explanation(pd.DataFrame(numbers.astype(float), columns=names))
    for row, reasons in zip(numbers, made.reasons(n), strict=True):
        expected = [
            f"{feature_phrase(name, 1.0)} ({'raises' if up else 'lowers'} the risk)"
            for name, up in by_hand(row, names)[:n]
        ]
        assert reasons == expected


def test_index_and_names_of_any_kind():
    index = pd.MultiIndex.from_tuples([("a", 1), ("a", 1)])
    made = explanation({0: [1.0, 2.0], ("x", 1): [0.0, -3.0]}, index=index)
    made.values.index = index
    reasons = made.reasons()
    assert reasons.index.equals(index)
    assert reasons.iloc[0] == ["0 = 1 (raises the risk)"]
    assert len(reasons.iloc[1]) == 2


def test_errors():
    made = explanation({"a": [1.0]})
    for language in ("fr", "EN", None):
        with pytest.raises(ValueError, match=r"is unknown: use one of \['en', 'es'\]"):
            made.reasons(language=language)
    with pytest.raises(ValueError, match="n=-1 is not a number of reasons"):
        made.reasons(-1)


# -- the whole ----------------------------------------------------------------


def test_importance_is_the_mean_size_highest_first():
    made = explanation({"a": [1.0, -1.0], "b": [-3.0, -2.0], "c": [0.0, 0.0]})
    importance = made.importance()
    assert importance.to_dict() == {"b": 2.5, "a": 1.0, "c": 0.0}
    assert list(importance.index) == ["b", "a", "c"]


def test_explanation_has_a_descriptive_repr():
    made = explanation({"<b>": [1.0], "a": [-2.0]})
    page = made._repr_html_()
    assert "before calibration" in repr(made)
    assert "not causes" in repr(made)
    assert "before calibration" in page
    assert "not causes" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page.replace("<b>Explanation</b>", "")
    assert len(made) == 1
    for words in ("*before* calibration", "not causes"):
        assert words in Explanation.__doc__
    assert "*before* calibration" in explain.__doc__
    assert "never what causes" in explain.__doc__


def test_reasons_of_a_fitted_pipeline():
    X, y = load_activity(return_X_y=True)
    made = explain(make_risk_pipeline("lightgbm").fit(X, y), X.iloc[:3000])
    first = made.values["nota_overall_mean"].isna().to_numpy()
    said = " ".join(text for row in made.reasons(13)[first] for text in row)
    assert "no exam grade yet" in said
    assert "mean exam grade 0 " not in said
    for language in LANGUAGES:
        assert made.reasons(2, language).map(len).max() == 2
