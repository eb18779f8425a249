"""Words: texts, numbers and the choice of a language."""

import pytest

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
    assert Words("es").percent(0.1234, 1) == "12,3 %"
    assert Words("en").number(float("nan")) == "\N{EN DASH}"
