"""The text catalogues are complete, compiled, and found by listing the folder."""

import ast
import shutil
import string
import subprocess
import sys
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

import pytest

import edml
from edml import _translation
from edml._translation import DOMAIN, LOCALE, list_languages, translator

SOURCES = Path(edml.__file__).parent
LANGUAGES = list_languages()[1:]
#: Position of the message in a call of each function; the context comes before it.
MESSAGE = dict.fromkeys(("N_", "words", "note", "stage", "gettext", "ngettext"), 0)
MESSAGE["pgettext"] = 1


@pytest.fixture
def babel():
    return pytest.importorskip("babel.messages")


def read_catalogue(language):
    from babel.messages.pofile import read_po  # noqa: PLC0415 - a test dependency

    path = LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    return read_po(BytesIO(path.read_bytes()), locale=language)


def texts_of(message):
    """Return the message and its translation, each as a list of forms."""
    return [
        [one] if isinstance(one, str) else list(one)
        for one in (message.id, message.string)
    ]


def placeholders(text):
    return sorted(
        f"{name}:{form}"
        for _, name, form, _ in string.Formatter().parse(text)
        if name is not None
    )


def messages_in_code():
    """Return (context, message) of every call that marks or looks up a text."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            place = MESSAGE.get(name)
            texts = [getattr(arg, "value", None) for arg in node.args]
            if place is None or not isinstance(texts[place], str):
                continue
            found.add((texts[0] if place else None, texts[place]))
    return found


# -- the catalogues -------------------------------------------------------------------


def test_spanish_is_there():
    assert "es" in LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.usefixtures("babel")
def test_every_message_of_the_code_is_in_the_catalogue_and_no_other(language):
    known = {(one.context, texts_of(one)[0][0]) for one in read_catalogue(language)}
    assert known - {(None, "")} == messages_in_code()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.usefixtures("babel")
def test_every_message_is_translated_with_the_same_placeholders(language):
    catalogue = read_catalogue(language)
    for message in catalogue:
        texts, translated = texts_of(message)
        if texts == [""]:
            continue
        assert not message.fuzzy, texts
        assert all(translated), texts
        if message.pluralizable:
            assert len(translated) == catalogue.num_plurals, texts
        # "1 day" may be written without a placeholder, the last plural form may not
        assert placeholders(translated[-1]) == placeholders(texts[-1]), texts
        for one in translated:
            assert set(placeholders(one)) <= set(placeholders(texts[-1])), one


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.usefixtures("babel")
def test_the_compiled_catalogue_is_that_of_its_source(language):
    from babel.messages.mofile import read_mo, write_mo  # noqa: PLC0415

    compiled = BytesIO()
    write_mo(compiled, read_catalogue(language))
    compiled.seek(0)
    path = LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    found = [
        {(one.context, str(one.id)): one.string for one in read_mo(file) if one.id}
        for file in (compiled, BytesIO(path.read_bytes()))
    ]
    assert found[0] == found[1], "run: nox -s translations"


# -- looking a text up ----------------------------------------------------------------


def test_english_texts_are_the_messages_themselves():
    assert type(translator("en")) is NullTranslations
    assert translator("en").gettext("no event yet") == "no event yet"
    assert translator("es").gettext("no event yet") == "ninguna actividad todavía"
    assert translator("es").ngettext("{n} day", "{n} days", 1) == "{n} día"
    assert translator("es").pgettext("decimal separator", ".") == ","


@pytest.mark.parametrize("language", ["fr", "EN", "", None])
def test_an_unknown_language_raises(language):
    with pytest.raises(ValueError, match=r"is unknown: use one of \['en', 'es'\]"):
        translator(language)


def test_a_folder_without_a_compiled_catalogue_is_no_language(tmp_path, monkeypatch):
    monkeypatch.setattr(_translation, "LOCALE", tmp_path)
    (tmp_path / "pt" / "LC_MESSAGES").mkdir(parents=True)
    assert list_languages() == ("en",)
    (tmp_path / "pt" / "LC_MESSAGES" / "edml.mo").touch()
    assert list_languages() == ("en", "pt")


@pytest.mark.slow  # a separate import
@pytest.mark.usefixtures("babel")
def test_a_third_catalogue_adds_a_language(tmp_path):
    from babel.messages import Catalog  # noqa: PLC0415
    from babel.messages.mofile import write_mo  # noqa: PLC0415

    shutil.copytree(LOCALE, tmp_path, dirs_exist_ok=True)
    french = Catalog(locale="fr")
    french.add("{} (raises the risk)", "{} (augmente le risque)")
    french.add("no exam grade yet", "pas encore de note d'examen")
    folder = tmp_path / "fr" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "edml.mo").open("wb") as file:
        write_mo(file, french)
    code = (
        "import sys; from pathlib import Path; from edml import _translation\n"
        "_translation.LOCALE = Path(sys.argv[1])\n"
        "from edml.explanation import LANGUAGES, Explanation\n"
        "import pandas as pd\n"
        "one = pd.DataFrame({'nota_overall_mean': [1.0]})\n"
        "explained = Explanation(one, [0.0], one * float('nan'), [1.0], 'log-odds')\n"
        "print(LANGUAGES, *explained.reasons(language='fr').iloc[0])"
    )
    done = subprocess.run(  # noqa: S603 - the code is in this file
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    said = "pas encore de note d'examen (augmente le risque)"
    assert done.stdout.strip() == f"('en', 'es', 'fr') {said}"
