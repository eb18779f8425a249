"""Every figure on the screen has its interval, on whom, and what to compare it with."""

import pytest

from edml._words import MISSING
from edml.cli._figures import (
    describe_students,
    explain_figures,
    format_figure,
    format_figures,
    models_table,
)
from edml.cli._terminal import LANGUAGE


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (0.4561, (0.301, 0.612), "0.456\n0.30-0.61"),
        (0.4561, None, "0.456"),  # an earlier edml stored none
        (0.4561, (None, None), "0.456"),
        (0.4561, (float("nan"), float("nan")), "0.456"),  # without resamples
        (None, (None, None), MISSING),
        (float("nan"), None, MISSING),
    ],
)
def test_a_figure_stands_above_its_interval(value, interval, text):
    assert format_figure(value, interval) == text


def test_a_model_without_intervals():
    assert format_figures({"roc_auc": 0.5, "f1": 1.0}, None, ["f1"]) == ["1.000"]


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ((160, 7), "160 students, of whom 7 fail (4.4%)"),
        ((1, 1), "1 student, of whom 1 fails (100.0%)"),
        ((0, 0), "0 students, of whom 0 fail"),
        ((12345, 1234), "12,345 students, of whom 1,234 fail (10.0%)"),
    ],
)
def test_students_are_counted(counts, text):
    assert describe_students(*counts) == text


def test_the_figures_of_a_model_that_knows_nothing_are_named():
    counts = {
        "n_students": 160,
        "n_failing_students": 7,
        "n_snapshots": 1000,
        "n_failing_snapshots": 36,
    }
    text = explain_figures(counts)
    assert text.startswith("On 160 students, of whom 7 fail (4.4%)")
    assert "an AUC of 0.5 and an average precision of 0.036" in text


def test_figures_speak_the_chosen_language():
    before = LANGUAGE.set("es")
    try:
        said = describe_students(160, 7)
        table = models_table("", [])
    finally:
        LANGUAGE.reset(before)
    assert said == "160 estudiantes, de los cuales 7 desaprueban (4,4 %)"
    assert [column.header for column in table.columns][1:3] == ["algoritmo", "AUC"]
