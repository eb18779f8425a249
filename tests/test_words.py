"""Words: texts, numbers and the choice of a language."""

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml._words import MISSING, say
from edml.app._words import Words, choose_language, language_name
from edml.explanation import LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_fill_the_places(language):
    text = Words(language)("All events are on course day {day}.", day=12)
    assert " 12" in text
    assert "{" not in text


def test_texts_depend_on_number_and_context():
    spanish = Words("es")
    texts = [spanish.ngettext("student", "students", n) for n in (1, 2)]
    assert texts == ["estudiante", "estudiantes"]
    assert spanish("not flagged") == "no señalados"
    assert spanish.pgettext("one student", "not flagged") == "no señalado"
    days = "{n} day with too few students is left out."
    many = "{n} days with too few students are left out."
    assert Words("en").ngettext(days, many, 1200).startswith("1,200 days")
    assert spanish.ngettext(days, many, 1).startswith("Queda fuera 1 día")


def test_language_is_listed_under_its_native_name():
    assert [language_name(one) for one in ("en", "es")] == ["English", "Español"]


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("es-AR", "es"), ("es", "es"), ("ES_es", "es"), ("en-GB", "en"), ("pt-BR", "en")],
)
def test_the_language_is_that_of_the_browser_if_it_is_known(wanted, language):
    assert choose_language(wanted) == language


@pytest.mark.parametrize("wanted", [None, ""])
def test_without_a_wish_the_language_is_english(wanted):
    assert choose_language(wanted) == "en"


def test_numbers_are_written_as_their_readers_do():
    assert Words("en").number(12345.678, 2) == "12,345.68"
    assert Words("es").number(12345.678, 2) == "12.345,68"
    assert Words("en").percent(0.1234, 1) == "12.3%"
    assert Words("es").percent(0.1234) == "12,3 %"
    assert Words("en").number(float("nan")) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (None, 1, "\N{EN DASH}"),
        (0.25, 1, "0.3"),  # as browsers round
        (-0.25, 1, "-0.3"),
        (-0.04, 1, "0.0"),  # a zero has no sign
        (math.inf, 3, "∞"),
        (1e300, 0, f"{int(1e300):,}"),
    ],
)
def test_numbers_are_rounded_alike(value, digits, text):
    assert Words().number(value, digits) == text


@given(st.floats(-1e12, 1e12), st.integers(0, 6))
def test_a_number_is_read_back_within_half_a_digit(value, digits):
    text = Words().number(value, digits, signed=True)
    found = float(text.replace(",", ""))
    assert abs(found - value) <= 0.5 * 10**-digits + 1e-15 * abs(value)
    assert (text[0] in "+-") == (found != 0)
    spanish = Words("es").number(value, digits, signed=True)
    assert spanish == text.translate(str.maketrans(",.", ".,"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.4, "1,234"), (12.25, "12.3"), (8.04, "8"), (100.5, "101"), (0.04, "0.04")],
)
def test_short_numbers_have_no_needless_digits(value, text):
    assert Words().short(value) == text
    spanish = text.translate(str.maketrans(",.", ".,"))
    assert Words("es").short(value) == spanish


@pytest.mark.parametrize(
    ("value", "text"),
    [(6.5, "6.5/10"), (10, "10/10"), (14, "14"), (-1, "-1"), (None, "\N{EN DASH}")],
)
def test_grades_say_their_scale(value, text):
    assert Words().grade(value) == text


def test_intervals_are_written_as_their_readers_do():
    assert Words("es").interval(0.706, 0.84) == "[0,71; 0,84]"
    assert Words("en").interval(None, 0.84) == ""


def test_a_text_says_itself_in_other_languages():
    text = say("Values of {column} below 0: {n} of {all}.", column="x", n=1, all=1234)
    assert text == "Values of x below 0: 1 of 1,234."
    assert Words("es").say(text) == "Valores de x por debajo de 0: 1 de 1.234."
    again = copy.deepcopy(text)
    assert Words("es").say(again) == Words("es").say(text)
    assert Words("es").say("as it is") == "as it is"


@pytest.mark.parametrize(
    ("value", "language", "text"),
    [
        (0.04251, "en", "0.043"),
        (0.00099, "en", "less than 0.001"),
        (0, "es", "menos de 0,001"),
        (None, "en", MISSING),
        (float("nan"), "en", MISSING),
    ],
)
def test_small_p_values_are_not_0(value, language, text):
    assert Words(language).p_value(value) == text
