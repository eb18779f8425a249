"""Both languages say the same things, with the same places to fill."""

import re
from string import Formatter

import pytest

from edml.app import _words
from edml.app._words import LANGUAGES, Words, choose_language

TEXTS = _words._TEXTS
KEYS = sorted(TEXTS["en"])


def places(text):
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name)


def test_both_languages_have_the_same_keys():
    assert set(TEXTS["en"]) == set(TEXTS["es"])
    assert set(TEXTS) == set(LANGUAGES)


def test_no_key_is_of_two_pages():
    parts = [part["en"] for part in (_words.SHARED, _words.SCORES, _words.MODELS)]
    assert sum(map(len, parts)) == len(TEXTS["en"])


@pytest.mark.parametrize("key", KEYS)
def test_a_text_has_the_same_places_in_both(key):
    assert places(TEXTS["en"][key]) == places(TEXTS["es"][key])
    assert TEXTS["en"][key].strip()
    assert TEXTS["es"][key].strip()


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_fill_the_places(language):
    text = Words(language)("one_partition", day=12)
    assert re.search(r"\b12\b", text)
    assert "{" not in text


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
    assert Words("es").percent(0.1234, 1) == "12,3 %"
    assert Words("en").number(float("nan")) == "\N{EN DASH}"
