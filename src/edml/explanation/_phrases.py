# ruff: noqa: E501 - a table of phrases is read by the line
"""The words of reasons and facts: one table of phrases per language.

A phrase has a text for a known value, one for where nothing is known yet (for counts:
where there is none), and some have one for values below 0. ``{:count}`` and
``{:number}`` stand for the value, ``{:hours}`` for a duration without its sign,
``{:percent}`` for a fraction in percent.

A fact has a text for 0, for 1, and for more; an empty text is not told.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

_PLACE = re.compile(r"\{[^}]*\}")
_STATISTICS = ("min", "max", "mean", "std")
#: Features of one topic are near copies, of which one is told for all.
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
        "scores": tuple(f"score_{s}" for s in _STATISTICS),
        "missed": ("assignment_zero_sum",),
        **{
            timing: tuple(f"{timing}_{s}" for s in _STATISTICS)
            for timing in (
                "hrs_to_do_assignment",
                "hrs_taken_to_do_assignment",
                "rel_time_taken_to_do_assignment",
                "hrs_before_due",
            )
        },
        "ratio": ("parcial_sobre_ass",),
    }
)


class Words(NamedTuple):
    """All that is said in one language."""

    decimal: str
    percent: str
    hour: tuple[str, str]
    day: tuple[str, str]
    raises: str
    lowers: str
    unknown: tuple[str, str]
    features: Mapping[str, tuple[str, ...]]
    facts: Mapping[str, tuple[str, str, str]]

    def reason(self, name: str, value: Any, rises: bool) -> str:
        """Say which feature moved the score, its value, and in which direction."""
        return (self.raises if rises else self.lowers).format(self.feature(name, value))

    def feature(self, name: str, value: Any) -> str:
        """Say what a feature's value is; NaN is where nothing is known."""
        known, missing, *negative = self.features.get(name, self.unknown)
        if pd.isna(value) or ("{:count}" in known and value == 0):
            return missing.format(name=name)
        if not isinstance(value, (int, float, np.number)):
            return f"{name} = {value}"  # a category
        text = negative[0] if negative and value < 0 else known
        return text.format(_Amount(float(value), self), name=name)

    def fact(self, name: str, count: int) -> str:
        """Say a fact; a count below 0 is nothing to say."""
        text = self.facts[name][min(count, 2)] if count >= 0 else ""
        return text.format(count)


class _Amount:
    """A number that is written in a language, as the text around it asks."""

    def __init__(self, value: float, words: Words) -> None:
        self.value = value
        self.words = words

    def __format__(self, form: str) -> str:
        if form == "hours":
            return self._duration(abs(self.value))
        if form == "percent":
            return self.words.percent.format(self._short(100 * self.value))
        return self._short(self.value)

    def _duration(self, hours: float) -> str:
        unit, amount = self.words.hour, self._short(hours)
        if hours >= 48:
            unit, amount = self.words.day, self._short(hours / 24)
        return f"{amount} {unit[amount != '1']}"

    def _short(self, value: float) -> str:
        if 0 < abs(value) < 0.1:
            text = f"{value:.1g}"
        else:
            text = f"{value:.{0 if abs(value) >= 100 else 1}f}".removesuffix(".0")
        return text.replace(".", self.words.decimal)


def words_of(language: str) -> Words:
    """Give the words of a language.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`.

    Returns
    -------
    words : Words

    Raises
    ------
    ValueError
        If the language is unknown.
    """
    if language not in _WORDS:
        message = f"language={language!r} is unknown: use one of {list(LANGUAGES)}."
        raise ValueError(message)
    return _WORDS[language]


def feature_phrase(name: str, value: object, language: str = "en") -> str:
    """Return a feature and its value in words, as reasons have them.

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
        A feature that the library does not know is written as ``name = value``.

    Raises
    ------
    ValueError
        If the language is unknown.

    See Also
    --------
    edml.explanation.feature_name : The same without a value.

    Examples
    --------
    >>> from edml.explanation import feature_phrase
    >>> feature_phrase("hrs_before_due_mean", -12.0)
    'handed in 12 hours late on average'
    >>> feature_phrase("nota_overall_mean", None)
    'no exam grade yet'
    """
    return words_of(language).feature(name, value)


def feature_name(name: str, language: str = "en") -> str:
    """Return what people call a feature.

    Parameters
    ----------
    name : str
        A feature's name in the library.
    language : {"en", "es"}, default="en"
        The reader's language, one of `LANGUAGES`.

    Returns
    -------
    text : str
        An ellipsis stands where a reason has the value. A feature that the library
        does not know keeps its name.

    Raises
    ------
    ValueError
        If the language is unknown.

    See Also
    --------
    edml.explanation.feature_phrase : The same with a value.

    Examples
    --------
    >>> from edml.explanation import feature_name
    >>> feature_name("nota_overall_mean"), feature_name("score_max", "es")
    ('mean exam grade', 'mejor puntaje en tareas')
    >>> feature_name("hrs_before_due_min")
    'latest hand-in … before due'
    """
    phrases = words_of(language).features.get(name)
    if phrases is None:
        return name
    text = _PLACE.sub("…", phrases[0])
    return re.sub(r":? …$", "", text)


# fmt: off
_ENGLISH = Words(
    decimal=".", percent="{}%", hour=("hour", "hours"), day=("day", "days"),
    raises="{} (raises the risk)", lowers="{} (lowers the risk)",
    unknown=("{name} = {:number}", "{name} is missing"),
    features=MappingProxyType({
        "particion": ("course day {:number}", "course day unknown"),
        "parciales_n_sum": ("midterm exams so far: {:count}", "no midterm exam yet"),
        "nota_parciales_min": ("lowest midterm grade {:number}", "no midterm grade yet"),
        "nota_parciales_max": ("best midterm grade {:number}", "no midterm grade yet"),
        "nota_parciales_mean": ("mean midterm grade {:number}", "no midterm grade yet"),
        "nota_parciales_std": ("midterm grades vary by {:number}", "fewer than two midterm grades yet"),
        "integradores_n_sum": ("integrative exams so far: {:count}", "no integrative exam yet"),
        "nota_integradores_min": ("lowest integrative exam grade {:number}", "no integrative exam grade yet"),
        "nota_integradores_max": ("best integrative exam grade {:number}", "no integrative exam grade yet"),
        "nota_integradores_mean": ("mean integrative exam grade {:number}", "no integrative exam grade yet"),
        "nota_integradores_std": ("integrative exam grades vary by {:number}", "fewer than two integrative exam grades yet"),
        "recuperatorios_n_sum": ("make-up exams so far: {:count}", "no make-up exam yet"),
        "nota_recuperatorios_min": ("lowest make-up exam grade {:number}", "no make-up exam grade yet"),
        "nota_recuperatorios_max": ("best make-up exam grade {:number}", "no make-up exam grade yet"),
        "nota_recuperatorios_mean": ("mean make-up exam grade {:number}", "no make-up exam grade yet"),
        "nota_recuperatorios_std": ("make-up exam grades vary by {:number}", "fewer than two make-up exam grades yet"),
        "overall_parciales_n_sum": ("exams so far: {:count}", "no exam yet"),
        "nota_overall_min": ("lowest exam grade {:number}", "no exam grade yet"),
        "nota_overall_max": ("best exam grade {:number}", "no exam grade yet"),
        "nota_overall_mean": ("mean exam grade {:number}", "no exam grade yet"),
        "nota_overall_std": ("exam grades vary by {:number}", "fewer than two exam grades yet"),
        "assignment_n_sum": ("assignments so far: {:count}", "no assignment yet"),
        "score_min": ("lowest assignment score {:number}", "no assignment score yet"),
        "score_max": ("best assignment score {:number}", "no assignment score yet"),
        "score_mean": ("mean assignment score {:number}", "no assignment score yet"),
        "score_std": ("assignment scores vary by {:number}", "fewer than two assignment scores yet"),
        "assignment_zero_sum": ("assignments missing or scored 0: {:count}", "no assignment missing or scored 0"),
        "hrs_to_do_assignment_min": ("shortest time given for an assignment {:hours}", "no assignment with dates yet"),
        "hrs_to_do_assignment_max": ("longest time given for an assignment {:hours}", "no assignment with dates yet"),
        "hrs_to_do_assignment_mean": ("mean time given for an assignment {:hours}", "no assignment with dates yet"),
        "hrs_to_do_assignment_std": ("times given for assignments vary by {:hours}", "fewer than two assignments with dates yet"),
        "hrs_taken_to_do_assignment_min": ("quickest hand-in {:hours} after opening", "no dated hand-in yet", "quickest hand-in {:hours} before opening"),
        "hrs_taken_to_do_assignment_max": ("slowest hand-in {:hours} after opening", "no dated hand-in yet", "slowest hand-in {:hours} before opening"),
        "hrs_taken_to_do_assignment_mean": ("handed in {:hours} after opening on average", "no dated hand-in yet", "handed in {:hours} before opening on average"),
        "hrs_taken_to_do_assignment_std": ("times taken for assignments vary by {:hours}", "fewer than two dated hand-ins yet"),
        "rel_time_taken_to_do_assignment_min": ("used at least {:percent} of the time given", "no dated hand-in yet"),
        "rel_time_taken_to_do_assignment_max": ("used up to {:percent} of the time given", "no dated hand-in yet"),
        "rel_time_taken_to_do_assignment_mean": ("used {:percent} of the time given on average", "no dated hand-in yet"),
        "rel_time_taken_to_do_assignment_std": ("share of the time used varies by {:percent}", "fewer than two dated hand-ins yet"),
        "hrs_before_due_min": ("latest hand-in {:hours} before due", "no hand-in with a due date yet", "latest hand-in {:hours} late"),
        "hrs_before_due_max": ("earliest hand-in {:hours} before due", "no hand-in with a due date yet", "earliest hand-in {:hours} late"),
        "hrs_before_due_mean": ("handed in {:hours} before due on average", "no hand-in with a due date yet", "handed in {:hours} late on average"),
        "hrs_before_due_std": ("hand-ins vary by {:hours} around the due dates", "fewer than two hand-ins with a due date yet"),
        "parcial_sobre_ass": ("mean exam grade is {:number}% of the mean assignment score", "no exam grade or assignment score to compare yet"),
    }),
    facts=MappingProxyType({
        "no_event": ("no event yet", "", "no event in {} days"),
        "no_submission": ("no submission yet", "", "no submission in {} days"),
        "no_exam": ("no exam sat yet", "", ""),
        "absent": ("", "absent from 1 exam", "absent from {} exams"),
        "pending": ("", "1 submission waits for a grade", "{} submissions wait for a grade"),
    }),
)

_SPANISH = Words(
    decimal=",", percent="{} %", hour=("hora", "horas"), day=("día", "días"),
    raises="{} (sube el riesgo)", lowers="{} (baja el riesgo)",
    unknown=("{name} = {:number}", "falta {name}"),
    features=MappingProxyType({
        "particion": ("día {:number} del curso", "día del curso desconocido"),
        "parciales_n_sum": ("parciales hasta ahora: {:count}", "ningún parcial todavía"),
        "nota_parciales_min": ("nota más baja en parciales {:number}", "sin nota de parcial todavía"),
        "nota_parciales_max": ("mejor nota en parciales {:number}", "sin nota de parcial todavía"),
        "nota_parciales_mean": ("nota media en parciales {:number}", "sin nota de parcial todavía"),
        "nota_parciales_std": ("las notas de parciales varían en {:number}", "menos de dos notas de parciales todavía"),
        "integradores_n_sum": ("integradores hasta ahora: {:count}", "ningún integrador todavía"),
        "nota_integradores_min": ("nota más baja en integradores {:number}", "sin nota de integrador todavía"),
        "nota_integradores_max": ("mejor nota en integradores {:number}", "sin nota de integrador todavía"),
        "nota_integradores_mean": ("nota media en integradores {:number}", "sin nota de integrador todavía"),
        "nota_integradores_std": ("las notas de integradores varían en {:number}", "menos de dos notas de integradores todavía"),
        "recuperatorios_n_sum": ("recuperatorios hasta ahora: {:count}", "ningún recuperatorio todavía"),
        "nota_recuperatorios_min": ("nota más baja en recuperatorios {:number}", "sin nota de recuperatorio todavía"),
        "nota_recuperatorios_max": ("mejor nota en recuperatorios {:number}", "sin nota de recuperatorio todavía"),
        "nota_recuperatorios_mean": ("nota media en recuperatorios {:number}", "sin nota de recuperatorio todavía"),
        "nota_recuperatorios_std": ("las notas de recuperatorios varían en {:number}", "menos de dos notas de recuperatorios todavía"),
        "overall_parciales_n_sum": ("exámenes hasta ahora: {:count}", "ningún examen todavía"),
        "nota_overall_min": ("nota más baja en exámenes {:number}", "sin nota de examen todavía"),
        "nota_overall_max": ("mejor nota en exámenes {:number}", "sin nota de examen todavía"),
        "nota_overall_mean": ("nota media en exámenes {:number}", "sin nota de examen todavía"),
        "nota_overall_std": ("las notas de exámenes varían en {:number}", "menos de dos notas de exámenes todavía"),
        "assignment_n_sum": ("tareas hasta ahora: {:count}", "ninguna tarea todavía"),
        "score_min": ("puntaje más bajo en tareas {:number}", "sin puntaje de tareas todavía"),
        "score_max": ("mejor puntaje en tareas {:number}", "sin puntaje de tareas todavía"),
        "score_mean": ("puntaje medio en tareas {:number}", "sin puntaje de tareas todavía"),
        "score_std": ("los puntajes de tareas varían en {:number}", "menos de dos puntajes de tareas todavía"),
        "assignment_zero_sum": ("tareas sin entregar o con puntaje 0: {:count}", "ninguna tarea sin entregar ni con puntaje 0"),
        "hrs_to_do_assignment_min": ("plazo más corto de una tarea {:hours}", "ninguna tarea con fechas todavía"),
        "hrs_to_do_assignment_max": ("plazo más largo de una tarea {:hours}", "ninguna tarea con fechas todavía"),
        "hrs_to_do_assignment_mean": ("plazo medio de las tareas {:hours}", "ninguna tarea con fechas todavía"),
        "hrs_to_do_assignment_std": ("los plazos de las tareas varían en {:hours}", "menos de dos tareas con fechas todavía"),
        "hrs_taken_to_do_assignment_min": ("entrega más rápida {:hours} después de la apertura", "ninguna entrega con fechas todavía", "entrega más rápida {:hours} antes de la apertura"),
        "hrs_taken_to_do_assignment_max": ("entrega más lenta {:hours} después de la apertura", "ninguna entrega con fechas todavía", "entrega más lenta {:hours} antes de la apertura"),
        "hrs_taken_to_do_assignment_mean": ("entrega en promedio {:hours} después de la apertura", "ninguna entrega con fechas todavía", "entrega en promedio {:hours} antes de la apertura"),
        "hrs_taken_to_do_assignment_std": ("el tiempo hasta la entrega varía en {:hours}", "menos de dos entregas con fechas todavía"),
        "rel_time_taken_to_do_assignment_min": ("usó al menos el {:percent} del plazo", "ninguna entrega con fechas todavía"),
        "rel_time_taken_to_do_assignment_max": ("usó hasta el {:percent} del plazo", "ninguna entrega con fechas todavía"),
        "rel_time_taken_to_do_assignment_mean": ("usó en promedio el {:percent} del plazo", "ninguna entrega con fechas todavía"),
        "rel_time_taken_to_do_assignment_std": ("la parte usada del plazo varía en un {:percent}", "menos de dos entregas con fechas todavía"),
        "hrs_before_due_min": ("entrega más tardía {:hours} antes del vencimiento", "ninguna entrega con vencimiento todavía", "entrega más tardía con {:hours} de retraso"),
        "hrs_before_due_max": ("entrega más temprana {:hours} antes del vencimiento", "ninguna entrega con vencimiento todavía", "entrega más temprana con {:hours} de retraso"),
        "hrs_before_due_mean": ("entrega en promedio {:hours} antes del vencimiento", "ninguna entrega con vencimiento todavía", "entrega en promedio con {:hours} de retraso"),
        "hrs_before_due_std": ("las entregas varían en {:hours} respecto del vencimiento", "menos de dos entregas con vencimiento todavía"),
        "parcial_sobre_ass": ("la nota media en exámenes es el {:number} % del puntaje medio en tareas", "sin nota de examen o puntaje de tareas para comparar todavía"),
    }),
    facts=MappingProxyType({
        "no_event": ("ninguna actividad todavía", "", "ninguna actividad en {} días"),
        "no_submission": ("ninguna entrega todavía", "", "ninguna entrega en {} días"),
        "no_exam": ("ningún examen rendido todavía", "", ""),
        "absent": ("", "ausente en 1 examen", "ausente en {} exámenes"),
        "pending": ("", "1 entrega espera nota", "{} entregas esperan nota"),
    }),
)
# fmt: on

_WORDS = MappingProxyType({"en": _ENGLISH, "es": _SPANISH})
#: The languages in which reasons and facts are told.
LANGUAGES = tuple(_WORDS)
