"""Evaluation: stored without loss, compared exactly, shown as a page."""

import dataclasses
import hashlib
import json
import math
import re
import struct
import subprocess
import sys
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier

from edml.exceptions import MissingExtraError
from edml.inspection import Evaluation, evaluate

NASTY = "<script>alert('a')</script>&\"'"


def make_evaluation(n_students=40, **options):
    """Evaluate a constant model on a table with labels that need escaping."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "user_uuid": np.repeat([f"s{number}" for number in range(n_students)], 3),
            "course_uuid": NASTY,
            "particion": np.tile([0, 1, 2], n_students),
            NASTY: np.repeat(rng.permuted([NASTY, "plain"] * (n_students // 2)), 3),
        }
    )
    y = np.repeat(np.arange(n_students) % 4 == 0, 3).astype(int)
    model = DummyClassifier(strategy="prior").fit(X, y)
    options = {"by": NASTY, "n_resamples": 10} | options
    return evaluate(model, X, y, **options)


@pytest.fixture(scope="module")
def evaluation():
    return make_evaluation()


@pytest.fixture(scope="module")
def plain():
    X = np.zeros((50, 1))
    y = np.arange(50) % 2
    return evaluate(DummyClassifier(strategy="prior").fit(X, y), X, y, n_resamples=10)


# -- to_dict and from_dict -------------------------------------------------------


FLOATS = st.floats()
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
WHOLE = st.integers(-(2**63), 2**63 - 1)
COLUMNS = {"float64": FLOATS, "int64": WHOLE, "bool": st.booleans(), "str": TEXTS}


@st.composite
def tables(draw):
    n_rows = draw(st.integers(0, 4))
    kinds = draw(st.dictionaries(TEXTS, st.sampled_from(sorted(COLUMNS)), max_size=4))
    columns = {
        name: pd.Series(
            draw(st.lists(COLUMNS[kind], min_size=n_rows, max_size=n_rows)), dtype=kind
        )
        for name, kind in kinds.items()
    }
    names = pd.Index(list(columns), dtype="str")
    index = pd.RangeIndex(n_rows if columns else 0)
    return pd.DataFrame(columns, index=index, columns=names)


evaluations = st.builds(
    Evaluation,
    metrics=st.dictionaries(TEXTS, FLOATS, max_size=3),
    intervals=st.dictionaries(TEXTS, st.tuples(FLOATS, FLOATS), max_size=3),
    confidence=FLOATS,
    threshold=FLOATS,
    counts=st.dictionaries(TEXTS, st.integers(), max_size=3),
    confusion=st.lists(WHOLE, min_size=4, max_size=4).map(
        lambda found: np.array(found, dtype=np.int64).reshape(2, 2)
    ),
    curves=st.dictionaries(TEXTS, tables(), max_size=2),
    by_partition=tables(),
    by_course=tables(),
    by_group=st.dictionaries(TEXTS, tables(), max_size=2),
    precision_at_k=tables(),
    lead_time=st.dictionaries(TEXTS, FLOATS | st.integers(), max_size=3),
    flip_rate=FLOATS,
    data_fingerprint=st.text(),
    contacts=tables(),
    draws=tables(),
    resamples=st.text(),
)


def bits(value):
    """Return a value with every float as its eight bytes, and its type."""
    if isinstance(value, float):  # NaN has many bit patterns, and counts as one value
        return "nan" if math.isnan(value) else struct.pack("<d", value)
    if isinstance(value, dict):
        return [(key, bits(one)) for key, one in value.items()]
    if isinstance(value, tuple):
        return ("tuple", *map(bits, value))
    if isinstance(value, np.ndarray):
        return (value.dtype, value.shape, value.tobytes())
    if isinstance(value, pd.DataFrame):
        columns = [
            (str(value[name].dtype), name, *map(bits, value[name].tolist()))
            for name in value
        ]
        return (len(value), type(value.index), value.columns.dtype, columns)
    return (type(value), value)


@given(evaluations)
def test_dict_is_exact(evaluation):
    stored = json.dumps(evaluation.to_dict(), allow_nan=False)
    restored = Evaluation.from_dict(json.loads(stored))
    for field in dataclasses.fields(Evaluation):
        found, given_ = getattr(restored, field.name), getattr(evaluation, field.name)
        assert bits(found) == bits(given_), field.name
    assert restored == evaluation
    assert json.dumps(restored.to_dict(), allow_nan=False) == stored


@pytest.mark.parametrize("which", ["evaluation", "plain"])
def test_dict_of_a_real_evaluation_is_exact(which, request):
    evaluation = request.getfixturevalue(which)
    stored = json.dumps(evaluation.to_dict(), allow_nan=False)
    restored = Evaluation.from_dict(json.loads(stored))
    assert restored == evaluation
    for name in ("by_partition", "by_course", "precision_at_k"):
        pd.testing.assert_frame_equal(
            getattr(restored, name), getattr(evaluation, name), check_exact=True
        )
    for name, curve in evaluation.curves.items():
        pd.testing.assert_frame_equal(restored.curves[name], curve, check_exact=True)
    assert restored._repr_html_() == evaluation._repr_html_()


def test_numpy_numbers_are_written_as_python_numbers(evaluation):
    other = dataclasses.replace(
        evaluation,
        flip_rate=np.float64(evaluation.flip_rate),
        counts={name: np.int64(n) for name, n in evaluation.counts.items()},
    )
    assert json.dumps(other.to_dict()) == json.dumps(evaluation.to_dict())


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": pd.to_datetime(["2024-01-01"])}),
        pd.DataFrame({1: [0.5]}),
        pd.DataFrame({"a": [0.5]}, index=[3]),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame({"a": [1]}, dtype="Int64"),
    ],
    ids=["dates", "name", "index", "twice", "nullable"],
)
def test_tables_that_could_not_be_read_back_are_errors(evaluation, table):
    other = dataclasses.replace(evaluation, by_course=table)
    with pytest.raises(ValueError, match="A table of an Evaluation needs"):
        other.to_dict()


def change(data, path, value):
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = value


COLUMN = ("by_course", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("metrics",), None),
        (("metrics",), []),
        (("metrics", "brier"), "much"),
        (("metrics", "brier"), True),
        (("intervals", "brier"), [0.5]),
        (("counts", "n_students"), 1.5),
        (("counts", "n_students"), None),
        (("confusion",), [[1, 2]]),
        (("confusion",), [[1, 2], [3, 1e300]]),
        (("confusion",), [[1, 2], [3, 10**30]]),
        (("confidence",), [0.95]),
        (("curves", "roc"), 3),
        (("by_group",), [1]),
        ((*COLUMN, "dtype"), "object"),
        ((*COLUMN, "dtype"), "__class__"),
        ((*COLUMN, "values"), []),
        ((*COLUMN, "values"), [1]),
        ((*COLUMN, "name"), "enough"),
        ((*COLUMN, "name"), 3),
        (COLUMN, {}),
        (("by_course", 1, "values"), [10**30]),
        (("by_course", 1, "values"), [True]),
        (("by_course", -1, "values"), [1]),
    ],
    ids=str,
)
def test_parts_that_cannot_be_read(evaluation, path, value):
    data = evaluation.to_dict()
    change(data, path, value)
    with pytest.raises(ValueError, match=f"The part '{path[0]}' is not what"):
        Evaluation.from_dict(data)


@pytest.mark.parametrize("found", [0, 3, "1", None, True, 1.0])
def test_unknown_format(evaluation, found):
    with pytest.raises(ValueError, match=r"is of format .*; this edml reads formats 1"):
        Evaluation.from_dict(evaluation.to_dict() | {"format": found})


def test_an_evaluation_of_an_earlier_edml_is_read_without_the_newer_parts(evaluation):
    newer = ("contacts", "draws", "resamples")
    data = evaluation.to_dict()
    for name in newer:
        del data[name]
    restored = Evaluation.from_dict(data | {"format": 1})
    assert restored.counts == evaluation.counts
    assert list(restored.contacts) == list(evaluation.contacts)
    assert not len(restored.contacts)
    assert Evaluation.from_dict(restored.to_dict()) == restored
    with pytest.raises(ValueError, match="or none, as earlier versions"):
        evaluation.compare(restored)
    with pytest.raises(ValueError, match=r"unknown parts \['contacts', 'draws'"):
        Evaluation.from_dict(evaluation.to_dict() | {"format": 1})


@pytest.mark.parametrize("data", [None, [], "x", {}, {"metrics": {}}])
def test_other_data_is_not_an_evaluation(data):
    with pytest.raises(ValueError, match=r"Expected what Evaluation.to_dict returns"):
        Evaluation.from_dict(data)


@pytest.mark.parametrize(
    "name", [field.name for field in dataclasses.fields(Evaluation)]
)
def test_missing_part(evaluation, name):
    data = evaluation.to_dict()
    del data[name]
    with pytest.raises(ValueError, match=rf"lacks the parts \['{name}'\]"):
        Evaluation.from_dict(data)


def test_unknown_part(evaluation):
    with pytest.raises(ValueError, match=r"has the unknown parts \['students'\]"):
        Evaluation.from_dict(evaluation.to_dict() | {"students": []})


# -- a value ----------------------------------------------------------------------


def test_equality_is_exact(evaluation):
    assert evaluation == make_evaluation()
    nearly = np.nextafter(evaluation.threshold, 1)
    assert evaluation != dataclasses.replace(evaluation, threshold=nearly)
    courses = evaluation.by_course
    other = courses[courses.columns[::-1]]
    assert evaluation != dataclasses.replace(evaluation, by_course=other)
    assert evaluation != "evaluation"


def test_fields_cannot_be_replaced(evaluation):
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        evaluation.threshold = 0.1
    with pytest.raises(TypeError, match="unhashable"):
        hash(evaluation)


def test_repr_is_one_line(evaluation):
    assert repr(evaluation) == (
        "Evaluation(n_snapshots=120, n_students=40, roc_auc=0.500 [0.500, 0.500])"
    )


# -- the page -----------------------------------------------------------------------


class Page(HTMLParser):
    """Read a page strictly: every element is closed where it was opened."""

    EMPTY = frozenset({"meta", "br"})

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.attributes, self.tags = [], [], [], set()
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, *attr) for attr in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.EMPTY:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += f" {data}"


@pytest.fixture(scope="module")
def html(evaluation, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    evaluation.to_html(path)
    return path.read_text("utf-8")


def test_fragment_explains_the_figures(evaluation):
    page = Page(evaluation._repr_html_())
    for text in [
        "Of 40 students whom the model had not seen, each counted once per course, 10",
        "120 snapshots of 40 students, of whom 10 fail (30 snapshots)",
        "How often a failing student ranks above a passing one",
        "[0.500, 0.500]",
        "95% interval",
        "By outcome and flag: snapshots",
        "\N{EN DASH}",  # the precision, because nobody is flagged
        "too few students",  # a group of 20
        "5 per course",
        "By course day",
    ]:
        assert text in page.text, text


def test_page_in_spanish_holds_no_english(evaluation, tmp_path):
    path = tmp_path / "page.html"
    weights = {"nota_overall_mean": 3.0, "particion": 1.0, "unused": 0.0}
    assert evaluation.to_html(path, language="es", importance=weights) is None
    written = path.read_text("utf-8")
    page = Page(re.sub(r"<(script|style)>.*?</\1>", "", written, flags=re.DOTALL))
    assert ("html", "lang", "es") in page.attributes
    assert "De 40 estudiantes" in page.text
    assert re.search(r"nota media en exámenes\s+75,0 %", page.text)
    assert "unused" not in page.text
    known = {NASTY, "plain"}
    shown = re.sub("|".join(map(re.escape, known)), "", page.text)
    assert not re.findall(r"\b(the|of|students|course|interval|flagged)\b", shown)
    assert not re.findall(r"\d\.\d", shown)


def test_courses_have_names_and_their_runs_periods():
    n = 4
    X = pd.DataFrame(
        {
            "user_uuid": [f"s{who}" for who in range(n)],
            "course_uuid": list("abcd"),
            "course_name": ["Álgebra", "Álgebra", "Física", None],
            "periodo": ["1-2022", "02-2022", "1-2022", "1-2022"],
            "particion": 0,
        }
    )
    model = DummyClassifier().fit(X, [0, 1, 0, 1])
    found = evaluate(model, X, [0, 1, 0, 1], n_resamples=0)
    assert found.by_course["course_name"].tolist()[:3] == [
        *("Álgebra, 01-2022", "Álgebra, 02-2022", "Física")
    ]
    text = Page(found._repr_html_()).text
    assert "Álgebra, 02-2022" in text
    assert re.search(r"\bd\s+1\s+1\b", text)  # without a name, by its id
    odd = X.assign(periodo="spring")
    again = evaluate(model, odd, [0, 1, 0, 1], n_resamples=0)
    assert again.by_course["course_name"][0] == "Álgebra"
    assert "Álgebra (a)" in again._repr_html_()


def test_fragment_needs_no_matplotlib(evaluation, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert "ROC AUC" in evaluation._repr_html_()


def test_fragment_of_plain_table(plain):
    page = Page(plain._repr_html_())
    assert "50 rows" in page.text
    assert "By course" not in page.text
    assert "napshot" not in page.text


def test_long_breakdowns_are_folded():
    X = pd.DataFrame({"user_uuid": "a", "course_uuid": "x", "particion": range(40)})
    model = DummyClassifier(strategy="uniform").fit(X, [0, 1] * 20)
    found = evaluate(model, X, np.ones(40), n_resamples=0)
    assert "<summary>By course day (40)</summary>" in found._repr_html_()


def test_labels_are_escaped(evaluation, html):
    for text in (evaluation._repr_html_(), html):
        page = Page(text)
        assert text.count("<script") == (text is html)  # our own, which sorts
        assert NASTY in page.text  # as text
        assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def test_page_is_self_contained(html):
    page = Page(html)
    assert ("html", "lang", "en") in page.attributes
    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html.replace("&#x27;", "'")
    assert not page.tags & {
        "link",
        "img",
        "iframe",
        "object",
        "image",
        "use ",
    }
    for tag, name, value in page.attributes:
        if name in {"href", "xlink:href"}:
            assert value.startswith("#"), tag
        assert name != "src"
        if not name.startswith("xmlns"):
            assert "://" not in (value or "")
    assert "@import" not in html
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    assert "default-src 'none'" in html


def test_ids_are_unique_and_references_resolve(html):
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    used = {value[1:] for _, name, value in page.attributes if name == "xlink:href"}
    used |= set(re.findall(r"url\(#([^)]+)\)", html))
    assert used
    assert used <= set(page.ids)


def test_pictures_have_titles_and_text(html):
    pictures = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    assert len(pictures) == 5
    for picture in pictures:
        assert 'role="img"' in picture
        labels = re.search(r'aria-labelledby="(\S+) (\S+)"', picture).groups()
        ids = re.findall(r'<(title|desc) id="([^"]+)">[^<]+<', picture)
        assert [found for _, found in ids] == list(labels)
        assert "<text" in picture
    assert "course day" in Page(html).text


def test_page_pictures_can_be_drawn_separately(evaluation, plain, html):
    pictures = evaluation.draw_pictures()
    assert len(pictures) == 5
    assert len(plain.draw_pictures()) == 4  # without course days no earliness
    for picture in pictures:
        assert picture.svg in html
        assert picture.title in picture.svg
        assert picture.text


def test_pictures_suit_a_dark_page(html):
    assert "color-scheme: light dark" in html
    assert "currentColor" in html
    # Black and white would vanish on one of the two.
    assert not re.search(r"#(000000|ffffff|010203|000|fff)\b", html)


def test_same_evaluation_yields_the_same_file(evaluation, html, tmp_path):
    evaluation.to_html(str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").read_text("utf-8") == html


def test_page_of_plain_table_and_of_one_class(plain, tmp_path):
    plain.to_html(tmp_path / "plain.html")
    text = (tmp_path / "plain.html").read_text("utf-8")
    assert text.count("<svg") == 4
    Page(text)
    X = pd.DataFrame({"user_uuid": list("ab"), "course_uuid": "x", "particion": 0})
    model = DummyClassifier(strategy="uniform").fit(X, [0, 1])
    evaluate(model, X, [0, 0], n_resamples=5).to_html(tmp_path / "one.html")
    page = Page((tmp_path / "one.html").read_text("utf-8"))
    assert "one class: no curve" in page.text
    assert "too few students on every day" in page.text
    evaluate(model, X, [1, 1], n_resamples=0).to_html(tmp_path / "one.html")


def test_matplotlib_settings_have_no_effect_and_do_not_change(
    evaluation, html, tmp_path
):
    with mpl.rc_context(
        {"svg.fonttype": "path", "lines.linewidth": 9, "font.size": 30}
    ):
        before = dict(mpl.rcParams)
        evaluation.to_html(tmp_path / "page.html")
        assert dict(mpl.rcParams) == before
    assert (tmp_path / "page.html").read_text("utf-8") == html


@pytest.mark.slow  # a new process
def test_pyplot_is_not_imported(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from sklearn.dummy import DummyClassifier\n"
        "from edml.inspection import evaluate\n"
        "X, y = np.zeros((40, 1)), np.arange(40) % 2\n"
        "found = evaluate(DummyClassifier().fit(X, y), X, y, n_resamples=2)\n"
        "assert 'matplotlib' not in sys.modules\n"
        f"found.to_html({str(tmp_path / 'page.html')!r})\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


def test_file_is_written_completely_or_not_at_all(evaluation, tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("before", "utf-8")

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="No space"):
            evaluation.to_html(path)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'edml\[plot\]'"):
            evaluation.to_html(path)
    assert path.read_text("utf-8") == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["page.html"]
    evaluation.to_html(path)
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert [found.name for found in tmp_path.iterdir()] == ["page.html"]


def test_folder_must_exist(evaluation, tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        evaluation.to_html(tmp_path / "absent" / "page.html")
