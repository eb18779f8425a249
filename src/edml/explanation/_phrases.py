# ruff: noqa: E501 - a table of phrases is read by the line
"""The phrases of reasons.

A feature has a phrase for a known value, one for an unknown value (for counts: for 0),
and some have one for negative values. ``{:count}`` and ``{:number}`` stand for the
value, ``{:grade}`` and ``{:score}`` for one with its scale, ``{:points}``, ``{:hours}`` and ``{:days}`` for a number or a duration without
its sign, ``{:gap}`` for a difference of fractions in points, ``{:times}`` for a ratio that the value is the logarithm of, ``{:share}`` for
a fraction and ``{:percent}`` for a number of percent, both written with the percent
sign, which an extractor would take for a placeholder.
"""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from edml._translation import N_, list_languages
from edml._words import MAX_GRADE, MAX_SCORE, Words, words_in

#: The languages of reasons and facts: English, and those with a catalogue.
LANGUAGES = list_languages()

_STATISTICS = ("min", "max", "mean", "std")
_WINDOWS = ("", "_7d", "_14d", "_28d")
#: The features of one kind of activity.
_KIND = re.compile(r"activity_(?P<kind>.+)_(?P<of>n|14d)")
#: Features of one topic are nearly redundant: one of them represents all.
TOPICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "course_day": ("particion",),
        **{
            kind: (f"{kind}_n_sum", *(f"nota_{kind}_{s}" for s in _STATISTICS))
            for kind in ("parciales", "integradores", "recuperatorios")
        },
        "exams": (
            "overall_parciales_n_sum",
            *(f"nota_overall_{s}" for s in _STATISTICS),
        ),
        "assignments": ("assignment_n_sum",),
        "scores": (
            *(f"score_{s}" for s in _STATISTICS),
            *("due_score_mean", "due_score_weighted_mean"),
            *("score_last", "score_last_3_mean"),
            *("relative_due_score_mean", "relative_score_last"),
        ),
        "trend": ("score_trend",),
        "marks": ("marks_in_hand", "weight_due", "relative_marks_in_hand"),
        "missed": (
            *("assignment_zero_sum", "missed_n", "missed_streak"),
            *("submitted_share", "submitted_weight_share", "on_time_share"),
            *("relative_missed_n", "relative_submitted_share"),
        ),
        "ahead": ("ahead_n",),
        "since_submission": ("days_since_submission",),
        "since_due": ("days_since_due",),
        **{
            timing: tuple(f"{timing}_{s}" for s in _STATISTICS)
            for timing in (
                "hrs_to_do_assignment",
                "hrs_taken_to_do_assignment",
                "rel_time_taken_to_do_assignment",
            )
        },
        "before_due": (
            *(f"hrs_before_due_{s}" for s in _STATISTICS),
            "days_before_due_last",
        ),
        "ratio": ("parcial_sobre_ass",),
        "activity": (
            *(f"{what}_n{of}" for what in ("actions", "active") for of in _WINDOWS),
            "days_since_active",
            *(f"relative_actions_n{of}" for of in ("", "_14d", "_28d")),
            *(f"relative_active_n{of}" for of in ("", "_14d", "_28d")),
        ),
        "activity_trend": ("actions_log_ratio",),
    }
)

_TOPIC_OF = {name: topic for topic, group in TOPICS.items() for name in group}

# fmt: off
PHRASES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "particion": (N_("course day {:number}"), N_("course day unknown")),
    "parciales_n_sum": (N_("midterm exams so far: {:count}"), N_("no midterm exam yet")),
    "nota_parciales_min": (N_("lowest midterm grade {:grade}"), N_("no midterm grade yet")),
    "nota_parciales_max": (N_("best midterm grade {:grade}"), N_("no midterm grade yet")),
    "nota_parciales_mean": (N_("mean midterm grade {:grade}"), N_("no midterm grade yet")),
    "nota_parciales_std": (N_("midterm grades vary by {:number}"), N_("fewer than two midterm grades yet")),
    "integradores_n_sum": (N_("integrative exams so far: {:count}"), N_("no integrative exam yet")),
    "nota_integradores_min": (N_("lowest integrative exam grade {:grade}"), N_("no integrative exam grade yet")),
    "nota_integradores_max": (N_("best integrative exam grade {:grade}"), N_("no integrative exam grade yet")),
    "nota_integradores_mean": (N_("mean integrative exam grade {:grade}"), N_("no integrative exam grade yet")),
    "nota_integradores_std": (N_("integrative exam grades vary by {:number}"), N_("fewer than two integrative exam grades yet")),
    "recuperatorios_n_sum": (N_("make-up exams so far: {:count}"), N_("no make-up exam yet")),
    "nota_recuperatorios_min": (N_("lowest make-up exam grade {:grade}"), N_("no make-up exam grade yet")),
    "nota_recuperatorios_max": (N_("best make-up exam grade {:grade}"), N_("no make-up exam grade yet")),
    "nota_recuperatorios_mean": (N_("mean make-up exam grade {:grade}"), N_("no make-up exam grade yet")),
    "nota_recuperatorios_std": (N_("make-up exam grades vary by {:number}"), N_("fewer than two make-up exam grades yet")),
    "overall_parciales_n_sum": (N_("exams so far: {:count}"), N_("no exam yet")),
    "nota_overall_min": (N_("lowest exam grade {:grade}"), N_("no exam grade yet")),
    "nota_overall_max": (N_("best exam grade {:grade}"), N_("no exam grade yet")),
    "nota_overall_mean": (N_("mean exam grade {:grade}"), N_("no exam grade yet")),
    "nota_overall_std": (N_("exam grades vary by {:number}"), N_("fewer than two exam grades yet")),
    "assignment_n_sum": (N_("assignments so far: {:count}"), N_("no assignment yet")),
    "score_min": (N_("lowest assignment score {:score}"), N_("no assignment score yet")),
    "score_max": (N_("best assignment score {:score}"), N_("no assignment score yet")),
    "score_mean": (N_("mean assignment score {:score}"), N_("no assignment score yet")),
    "score_std": (N_("assignment scores vary by {:number}"), N_("fewer than two assignment scores yet")),
    "assignment_zero_sum": (N_("assignments missing or scored 0: {:count}"), N_("no assignment missing or scored 0")),
    "hrs_to_do_assignment_min": (N_("shortest time given for an assignment {:hours}"), N_("no assignment with dates yet")),
    "hrs_to_do_assignment_max": (N_("longest time given for an assignment {:hours}"), N_("no assignment with dates yet")),
    "hrs_to_do_assignment_mean": (N_("mean time given for an assignment {:hours}"), N_("no assignment with dates yet")),
    "hrs_to_do_assignment_std": (N_("times given for assignments vary by {:hours}"), N_("fewer than two assignments with dates yet")),
    "hrs_taken_to_do_assignment_min": (N_("quickest hand-in {:hours} after opening"), N_("no dated hand-in yet"), N_("quickest hand-in {:hours} before opening")),
    "hrs_taken_to_do_assignment_max": (N_("slowest hand-in {:hours} after opening"), N_("no dated hand-in yet"), N_("slowest hand-in {:hours} before opening")),
    "hrs_taken_to_do_assignment_mean": (N_("handed in {:hours} after opening on average"), N_("no dated hand-in yet"), N_("handed in {:hours} before opening on average")),
    "hrs_taken_to_do_assignment_std": (N_("times taken for assignments vary by {:hours}"), N_("fewer than two dated hand-ins yet")),
    "rel_time_taken_to_do_assignment_min": (N_("used at least {:share} of the time given"), N_("no dated hand-in yet")),
    "rel_time_taken_to_do_assignment_max": (N_("used up to {:share} of the time given"), N_("no dated hand-in yet")),
    "rel_time_taken_to_do_assignment_mean": (N_("used {:share} of the time given on average"), N_("no dated hand-in yet")),
    "rel_time_taken_to_do_assignment_std": (N_("share of the time used varies by {:share}"), N_("fewer than two dated hand-ins yet")),
    "hrs_before_due_min": (N_("latest hand-in {:hours} before due"), N_("no hand-in with a due date yet"), N_("latest hand-in {:hours} late")),
    "hrs_before_due_max": (N_("earliest hand-in {:hours} before due"), N_("no hand-in with a due date yet"), N_("earliest hand-in {:hours} late")),
    "hrs_before_due_mean": (N_("handed in {:hours} before due on average"), N_("no hand-in with a due date yet"), N_("handed in {:hours} late on average")),
    "hrs_before_due_std": (N_("hand-ins vary by {:hours} around the due dates"), N_("fewer than two hand-ins with a due date yet")),
    "parcial_sobre_ass": (N_("mean exam grade is {:percent} of the mean assignment score"), N_("no exam grade or assignment score to compare yet")),
    "missed_n": (N_("assignments missed: {:count}"), N_("no assignment missed")),
    "missed_streak": (N_("latest assignments missed in a row: {:count}"), N_("the latest assignment was not missed")),
    "ahead_n": (N_("assignments submitted that are not due yet: {:count}"), N_("no assignment submitted ahead of its due date")),
    "submitted_share": (N_("submitted {:share} of the assignments due so far"), N_("no assignment due yet")),
    "submitted_weight_share": (N_("submitted {:share} of the assignments due so far, by weight"), N_("no assignment due yet")),
    "on_time_share": (N_("submitted {:share} of the assignments due so far on time"), N_("no assignment due yet")),
    "due_score_mean": (N_("mean score {:score}, counting missed assignments as 0"), N_("no score and no missed assignment yet")),
    "due_score_weighted_mean": (N_("mean score by weight {:score}, counting missed assignments as 0"), N_("no score and no missed assignment yet")),
    "weight_due": (N_("{:percent} of the course's mark was due so far"), N_("no assignment due yet")),
    "marks_in_hand": (N_("marks of the course earned so far {:number}"), N_("no marks of the course earned yet")),
    "score_last": (N_("last assignment score {:score}"), N_("no assignment score yet")),
    "score_last_3_mean": (N_("mean of the last three assignment scores {:score}"), N_("no assignment score yet")),
    "score_trend": (N_("last score {:points} points above the mean of the earlier ones"), N_("fewer than two assignment scores yet"), N_("last score {:points} points below the mean of the earlier ones")),
    "days_before_due_last": (N_("last hand-in {:days} before due"), N_("no hand-in with a due date yet"), N_("last hand-in {:days} late")),
    "days_since_submission": (N_("last hand-in {:days} ago"), N_("nothing handed in yet")),
    "days_since_due": (N_("last due date {:days} ago"), N_("no assignment due yet")),
    "actions_n": (N_("actions online so far: {:count}"), N_("no action online yet")),
    "actions_n_7d": (N_("actions online in the last 7 days: {:count}"), N_("no action online in the last 7 days")),
    "actions_n_14d": (N_("actions online in the last 14 days: {:count}"), N_("no action online in the last 14 days")),
    "actions_n_28d": (N_("actions online in the last 28 days: {:count}"), N_("no action online in the last 28 days")),
    "active_n": (N_("active days online so far: {:count}"), N_("no active day online yet")),
    "active_n_7d": (N_("active days online in the last 7 days: {:count}"), N_("no active day online in the last 7 days")),
    "active_n_14d": (N_("active days online in the last 14 days: {:count}"), N_("no active day online in the last 14 days")),
    "active_n_28d": (N_("active days online in the last 28 days: {:count}"), N_("no active day online in the last 28 days")),
    "days_since_active": (N_("last active online {:days} ago"), N_("never active online yet")),
    "actions_log_ratio": (N_("{:times} as active online in the last 14 days as in the 14 before"), N_("no action online yet")),
    "relative_missed_n": (N_("{:points} more assignments missed than the course's mean"), N_("missed assignments not comparable with the course yet"), N_("{:points} fewer assignments missed than the course's mean")),
    "relative_submitted_share": (N_("submitted {:gap} points more of the assignments due than the course's mean"), N_("submitted assignments not comparable with the course yet"), N_("submitted {:gap} points less of the assignments due than the course's mean")),
    "relative_due_score_mean": (N_("mean score {:points} points above the course's, counting missed assignments as 0"), N_("mean score not comparable with the course yet"), N_("mean score {:points} points below the course's, counting missed assignments as 0")),
    "relative_marks_in_hand": (N_("{:points} more marks earned than the course's mean"), N_("marks not comparable with the course yet"), N_("{:points} fewer marks earned than the course's mean")),
    "relative_score_last": (N_("last assignment score {:points} points above the course's mean"), N_("last score not comparable with the course yet"), N_("last assignment score {:points} points below the course's mean")),
    "relative_actions_n": (N_("{:times} as active online so far as usual in the course"), N_("activity online not comparable with the course yet")),
    "relative_actions_n_14d": (N_("{:times} as active online in the last 14 days as usual in the course"), N_("activity online not comparable with the course yet")),
    "relative_actions_n_28d": (N_("{:times} as active online in the last 28 days as usual in the course"), N_("activity online not comparable with the course yet")),
    "relative_active_n": (N_("{:points} more active days online so far than the course's mean"), N_("active days not comparable with the course yet"), N_("{:points} fewer active days online so far than the course's mean")),
    "relative_active_n_14d": (N_("{:points} more active days online in the last 14 days than the course's mean"), N_("active days not comparable with the course yet"), N_("{:points} fewer active days online in the last 14 days than the course's mean")),
    "relative_active_n_28d": (N_("{:points} more active days online in the last 28 days than the course's mean"), N_("active days not comparable with the course yet"), N_("{:points} fewer active days online in the last 28 days than the course's mean")),
})
_OF_KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "n": (N_("actions online, {kind}, so far: {:count}"), N_("no action online yet, {kind}")),
    "14d": (N_("actions online, {kind}, in the last 14 days: {:count}"), N_("no action online, {kind}, in the last 14 days")),
})
#: Names of the features whose phrases make no name without their value.
_NAMES: Mapping[str, str] = MappingProxyType({
    "particion": N_("course day"),
    "nota_parciales_std": N_("spread of the midterm grades"),
    "nota_integradores_std": N_("spread of the integrative exam grades"),
    "nota_recuperatorios_std": N_("spread of the make-up exam grades"),
    "nota_overall_std": N_("spread of the exam grades"),
    "score_std": N_("spread of the assignment scores"),
    "hrs_to_do_assignment_std": N_("spread of the times given for assignments"),
    "hrs_taken_to_do_assignment_std": N_("spread of the times taken for assignments"),
    "rel_time_taken_to_do_assignment_std": N_("spread of the share of the time given that was used"),
    "hrs_taken_to_do_assignment_min": N_("quickest hand-in after opening"),
    "hrs_taken_to_do_assignment_max": N_("slowest hand-in after opening"),
    "hrs_taken_to_do_assignment_mean": N_("mean time from opening to hand-in"),
    "rel_time_taken_to_do_assignment_min": N_("smallest share of the time given that was used"),
    "rel_time_taken_to_do_assignment_max": N_("largest share of the time given that was used"),
    "rel_time_taken_to_do_assignment_mean": N_("mean share of the time given that was used"),
    "hrs_before_due_min": N_("latest hand-in before due"),
    "hrs_before_due_max": N_("earliest hand-in before due"),
    "hrs_before_due_mean": N_("mean time from hand-in to due date"),
    "hrs_before_due_std": N_("spread of the hand-ins around the due dates"),
    "parcial_sobre_ass": N_("mean exam grade relative to the mean assignment score"),
    "submitted_share": N_("submitted share of the assignments due so far"),
    "submitted_weight_share": N_("submitted share of the assignments due so far, by weight"),
    "on_time_share": N_("share of the assignments due so far submitted on time"),
    "due_score_mean": N_("mean score, counting missed assignments as 0"),
    "due_score_weighted_mean": N_("mean score by weight, counting missed assignments as 0"),
    "weight_due": N_("share of the course's mark that was due so far"),
    "score_trend": N_("last score compared with the mean of the earlier ones"),
    "days_before_due_last": N_("last hand-in before due"),
    "days_since_submission": N_("days since the last hand-in"),
    "days_since_due": N_("days since the last due date"),
    "days_since_active": N_("days since last active online"),
    "actions_log_ratio": N_("activity online in the last 14 days compared with the 14 before"),
    "relative_missed_n": N_("missed assignments compared with the course's mean"),
    "relative_submitted_share": N_("submitted share of the assignments due compared with the course's mean"),
    "relative_due_score_mean": N_("mean score compared with the course's, counting missed assignments as 0"),
    "relative_marks_in_hand": N_("marks earned compared with the course's mean"),
    "relative_score_last": N_("last assignment score compared with the course's mean"),
    "relative_actions_n": N_("activity online so far compared with the course's mean"),
    "relative_actions_n_14d": N_("activity online in the last 14 days compared with the course's mean"),
    "relative_actions_n_28d": N_("activity online in the last 28 days compared with the course's mean"),
    "relative_active_n": N_("active days online so far compared with the course's mean"),
    "relative_active_n_14d": N_("active days online in the last 14 days compared with the course's mean"),
    "relative_active_n_28d": N_("active days online in the last 28 days compared with the course's mean"),
})
# fmt: on
_UNKNOWN = (N_("{name} = {:number}"), N_("{name} is missing"))
_MOST_EXPONENT = 700.0  # of a float


def feature_phrase(name: str, value: Any, language: str = "en") -> str:
    """Return a feature and its value in words, as in reasons.

    Parameters
    ----------
    name : str
        A feature's name in the library.
    value : object
        Its value; NaN or None where nothing is known yet.
    language : {"en", "es"}, default="en"
        The reader's language, one of `LANGUAGES`.

    Returns
    -------
    phrase : str
        The phrase. An unknown feature is written as ``name = value``.

    Raises
    ------
    ValueError
        If the language is unknown.

    See Also
    --------
    edml.explanation.feature_name : Return the name without a value.

    Examples
    --------
    >>> from edml.explanation import feature_phrase
    >>> feature_phrase("hrs_before_due_mean", -12.0)
    'handed in 12 hours late on average'
    >>> feature_phrase("nota_overall_mean", None)
    'no exam grade yet'
    """
    words = words_in(language)
    (known, missing, *negative), kind = _find_phrases(name)
    names = {"name": name, "kind": kind}
    if pd.isna(value) or ("{:count}" in known and value == 0):
        return words(missing, **names)
    if not isinstance(value, (int, float, np.number)):
        return f"{name} = {value}"  # a category
    text = negative[0] if negative and value < 0 else known
    return words(text).format(_Amount(float(value), words), **names)


def _find_phrases(name: str) -> tuple[tuple[str, ...], str]:
    """Return the phrases of a feature, and its kind of activity."""
    found = _KIND.fullmatch(name)
    if found and name not in PHRASES:
        return _OF_KINDS[found["of"]], found["kind"]
    return PHRASES.get(name, _UNKNOWN), ""


def find_topic(name: str) -> str | None:
    """Return the topic of a feature; None if it is unknown."""
    return _TOPIC_OF.get(name, "activity" if _KIND.fullmatch(name) else None)


def feature_name(name: str, language: str = "en") -> str:
    """Return the readable name of a feature.

    Parameters
    ----------
    name : str
        A feature's name in the library.
    language : {"en", "es"}, default="en"
        The reader's language, one of `LANGUAGES`.

    Returns
    -------
    text : str
        The name. An unknown feature keeps its name in the library.

    Raises
    ------
    ValueError
        If the language is unknown.

    See Also
    --------
    edml.explanation.feature_phrase : Return the phrase with a value.

    Examples
    --------
    >>> from edml.explanation import feature_name
    >>> feature_name("nota_overall_mean"), feature_name("score_max", "es")
    ('mean exam grade', 'mejor puntaje en tareas')
    >>> feature_name("hrs_before_due_min")
    'latest hand-in before due'
    """
    words = words_in(language)
    if name in _NAMES:
        return words(_NAMES[name])
    (known, *_), kind = _find_phrases(name)
    if known == _UNKNOWN[0]:
        return name
    # the value is at the end, without its colon
    return re.sub(r":? \{:[^}]*\}.*$", "", words(known)).replace("{kind}", kind)


def write_reason(name: str, value: Any, rises: bool, language: str) -> str:
    """Return a feature, its value and the direction in which it moved the score."""
    rises_or_falls = N_("{} (raises the risk)") if rises else N_("{} (lowers the risk)")
    phrase = feature_phrase(name, value, language)
    return words_in(language)(rises_or_falls).format(phrase)


class _Amount:
    """A number, formatted in the phrase's language by its format specifier."""

    def __init__(self, value: float, words: Words) -> None:
        self.value = value
        self.words = words

    def __format__(self, form: str) -> str:
        words, value = self.words, self.value
        if form in ("hours", "days"):
            write = self._duration if form == "hours" else self._days
            return write(abs(value))
        if form in ("grade", "score"):
            return words.grade(value, MAX_GRADE if form == "grade" else MAX_SCORE)
        if form in ("share", "percent"):
            percent = value * (100 if form == "share" else 1)
            return words("{}%").format(words.short(percent))
        if form == "times":
            ratio = words.short(math.exp(min(value, _MOST_EXPONENT)))
            return words("{} times").format(ratio)
        if form == "gap":
            return words.short(100 * abs(value))
        return words.short(abs(value) if form == "points" else value)

    def _duration(self, hours: float) -> str:
        if hours >= 48:
            return self._days(hours / 24)
        amount = self.words.short(hours)
        number = _plural(amount)
        return self.words.ngettext("{n} hour", "{n} hours", number, n=amount)

    def _days(self, days: float) -> str:
        if days < 2 and days != int(days):
            return self._duration(24 * days)
        amount = self.words.short(days)
        return self.words.ngettext("{n} day", "{n} days", _plural(amount), n=amount)


def _plural(amount: str) -> int:
    """Return the number that decides between singular and plural."""
    return int(amount) if amount.isdigit() else 2  # a fraction is plural
