"""The models page says the same in both languages, and says all that it needs."""

import ast
import string
from pathlib import Path

import edml.app
from edml.app._words_models import MODELS

HERE = Path(edml.app.__file__).parent


def places(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def asked_for():
    """Give the keys that the page's files name; one that is composed ends in "_"."""
    found = set()
    for path in HERE.glob("_models_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = getattr(node, "value", None)
            if isinstance(text, str) and text.startswith("m_"):
                found.add(text)
    return found


def test_both_languages_have_the_same_keys_and_places():
    english, spanish = MODELS["en"], MODELS["es"]
    assert set(english) == set(spanish)
    for key, text in english.items():
        assert places(text) == places(spanish[key]), key


def test_every_text_is_there_and_used():
    asked = asked_for()
    composed = tuple(key for key in asked if key.endswith("_"))
    whole = asked - set(composed)
    assert whole <= set(MODELS["en"])
    titles = {"m_promote_title", "m_rollback_title"}  # f"m_{what}_title"
    unused = set(MODELS["en"]) - whole - titles
    assert not {key for key in unused if not key.startswith(composed)}
