"""The pictures show their input numbers, and a text says the same."""

import numpy as np
import pandas as pd
import pytest

from edml.app._palette import SERIES
from edml.app._scores_figures import (
    draw_donut,
    draw_trajectory,
    say_counts,
    say_trajectory,
    tabulate_events,
)
from edml.app._scores_view import Counts
from edml.app._student_view import Event
from edml.app._words import Words

WORDS = [Words("en"), Words("es")]
TRAJECTORY = pd.DataFrame(
    {
        "partition": [0, 3, 4],
        "probability": [0.1, 0.4, 0.3],
        "flagged": [False, True, False],
    }
)
EVENTS = [
    Event(1, "submission", "Quiz <1>", np.nan),
    Event(3, "exam", "PRIMER PARCIAL(20)", 2.5),
    Event(4, "missed", "Essay", np.nan),
]
in_both = pytest.mark.parametrize("words", WORDS, ids=["en", "es"])


@in_both
def test_the_donut_shows_the_counts(words):
    counts = Counts(students=1200, rows=1500, flagged=300)
    figure = draw_donut(counts, words)
    assert list(figure.data[0].values) == [300, 1200]
    assert words.number(1200) in figure.layout.annotations[0].text
    text = say_counts(counts, words)
    for number in ("300", words.number(1200), words.number(1500), "20"):
        assert number in text


@in_both
def test_students_of_one_course_are_counted_once(words):
    text = say_counts(Counts(students=20, rows=20, flagged=0), words)
    assert text.count("20") == 2  # of this many, this many are not flagged


@in_both
def test_the_curve_shows_risk_flags_and_threshold(words):
    figure = draw_trajectory(TRAJECTORY, EVENTS, 0.35, words)
    risk, flagged, threshold = figure.data[:3]
    assert list(risk.x) == [0, 3, 4]
    assert list(risk.y) == [0.1, 0.4, 0.3]
    np.testing.assert_array_equal(flagged.y, [np.nan, 0.4, np.nan])
    assert set(threshold.y) == {0.35}


@in_both
def test_the_marks_differ_in_shape_and_colour(words):
    figure = draw_trajectory(TRAJECTORY, EVENTS, 0.35, words)
    marks = {trace.name: trace for trace in figure.data[3:]}
    kinds = [words(kind) for kind in ("exams", "submissions", "missed")]
    assert set(marks) == set(kinds)
    assert [list(marks[kind].x) for kind in kinds] == [[3], [1], [4]]
    assert len({trace.marker.symbol for trace in marks.values()}) == 3
    assert len({trace.marker.color for trace in marks.values()}) == 3


@in_both
def test_a_name_is_no_markup_in_a_picture(words):
    figure = draw_trajectory(TRAJECTORY, EVENTS, 0.35, words)
    (text,) = [t for trace in figure.data[3:] for t in trace.text if "Quiz" in t]
    assert "<1>" not in text


@in_both
def test_text_describes_first_last_and_highest(words):
    text = say_trajectory(TRAJECTORY, words)
    for share in (0.1, 0.3, 0.4):
        assert words.percent(share, 1) in text


@in_both
def test_table_contains_every_mark(words):
    table = tabulate_events(EVENTS, words)
    assert table[words("Day")].tolist() == [1, 3, 4]
    assert table[words("Which")].tolist() == [event.name for event in EVENTS]
    assert table[words("What")].nunique() == 3


@in_both
def test_one_day_makes_a_curve(words):
    figure = draw_trajectory(TRAJECTORY[:1], [], 0.35, words)
    assert list(figure.data[0].x) == [0]
    assert figure.data[0].mode == "lines+markers"


def test_pictures_have_a_transparent_background():
    figure = draw_trajectory(TRAJECTORY, EVENTS, 0.35, WORDS[0])
    assert figure.layout.paper_bgcolor.endswith(", 0)")
    assert figure.layout.plot_bgcolor.endswith(", 0)")


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", SERIES)
def test_a_colour_is_seen_on_white_and_on_black(colour):
    light = luminance(colour) + 0.05
    assert 1.05 / light >= 2
    assert light / (luminance("#0e1117") + 0.05) >= 3
