"""The page shows only fair figures, of one model or of several on the same rows."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edml import Evaluation, evaluate
from edml._page import Picture
from edml.cli import _report
from edml.cli._files import read_file
from edml.cli._settings import Config
from edml.cli._sides import divide, with_outcome
from edml.exceptions import MissingExtraError
from edml.registry import ModelRegistry
from edml.schema import resolve_columns

pytest.importorskip("matplotlib")


@pytest.fixture
def registry(with_champion):
    return ModelRegistry("registry")


@pytest.fixture(autouse=True)
def _drawn_once(request, monkeypatch):
    """Draw one picture for all tests but those of pictures, since drawing is slow."""
    if "pictures" not in request.function.__name__:

        def draw(evaluation, prefix, language):
            svg = f'<svg><g id="{prefix}a"/><use href="#{prefix}a"/></svg>'
            return [Picture("One", "Text", svg)]

        monkeypatch.setattr(Evaluation, "draw_pictures", draw)


def side_of(name):
    X = read_file(Path(name), resolve_columns(None))
    return divide(with_outcome(X, Config())[0], Config()).test


class Page(HTMLParser):
    """Records ids, external references and unclosed elements."""

    VOID = ("meta", "br", "use", "path", "image", "rect")

    def __init__(self, text):
        super().__init__()
        self.ids, self.fetched, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href") and not (value or "").startswith("#"):
                self.fetched.append(value)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def page_of(path="report.html"):
    text = Path(path).read_text("utf-8")
    page = Page(text)
    assert page.open == []
    assert page.fetched == []
    assert len(page.ids) == len(set(page.ids))
    for told in re.findall(r'labelledby="([^"]*)"|url\(#([^)]*)\)', text):
        assert set(filter(None, [*told[0].split(), told[1]])) <= set(page.ids)
    return text


def test_the_champion(registry, edml):
    result = edml("report", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "report": "report.html",
        "versions": [1],
        "same_rows": True,
    }
    text = page_of()
    evaluation = registry.evaluations(1)["evaluation"][0]
    assert "<h1>Model 1</h1>" in text
    assert f"{evaluation.metrics['roc_auc']:.3f}" in text
    assert "LGBMClassifier" in text
    assert "Side by side" not in text
    assert evaluation.headline() in unescape(text)
    assert "What the model relies on" in text
    assert text.count("<svg") == 1


def test_the_page_is_in_the_chosen_language(registry, edml):
    assert edml("--lang", "es", "report", "1", "2").exit_code == 0
    text = page_of()
    assert '<html lang="es">' in text
    assert "<h1>Modelos 1, 2</h1>" in text
    evaluation = registry.evaluations(1)["evaluation"][0]
    assert evaluation.headline("es") in unescape(text)
    assert "no se distinguen" in text


@pytest.mark.slow
def test_pictures_of_two_models_do_not_mix(registry, edml):
    assert edml("report", "1", "2").exit_code == 0
    assert page_of().count("<svg") == 10


def test_several_side_by_side(registry, edml):
    result = edml("report", "1", "2", "1", "--out", "out/both.html")
    assert result.exit_code == 0, result.output
    assert result.stdout == "Wrote out/both.html\n"
    text = page_of("out/both.html")
    assert "All versions were evaluated on the same students." in text
    assert "Version 2 minus version 1" in text
    assert "cannot be told apart" in text
    for version in (1, 2):
        evaluation = registry.evaluations(version)["evaluation"][0]
        low, high = evaluation.intervals["brier"]
        shown = f"{evaluation.metrics['brier']:.3f} [{low:.3f}, {high:.3f}]"
        assert f"<td>{shown}</td>" in text
        assert f"<h2>Version {version}</h2>" in text
    assert text.count("<svg") == 2


def test_shared_rows_are_preferred(registry, edml):
    later = side_of("later.csv")
    registry.reevaluate(*later, 1)  # newer, but of only one version
    edml("report", "1", "2")
    text = page_of()
    assert "All versions were evaluated on the same students." in text
    first = registry.evaluations(1)["evaluation"][0]
    assert f"{first.metrics['brier']:.3f} [" in text
    edml("report", "1")
    assert (
        f"{registry.evaluations(1)['evaluation'][1].metrics['brier']:.3f}" in page_of()
    )


def test_different_rows_are_pointed_out(registry, edml, stand_in):
    later = side_of("later.csv")
    model = stand_in(("lightgbm",)).fit(*side_of("events.csv")).candidates_[0]
    registry.register(model, evaluate(model, *later, n_resamples=0))
    result = edml("report", "1", "3", "--json")
    assert json.loads(result.stdout)["same_rows"] is False
    assert "do not compare their figures" in page_of()
    assert "do not compare" in edml("report", "1", "3").stdout


def test_figures_that_decided_are_not_shown(registry, edml, assert_fails):
    test = side_of("later.csv")
    registry.compete(*test, update_champion=False, n_resamples=10)
    hidden = registry.evaluations(2)["evaluation"][1].metrics["log_loss"]
    edml("report", "2")
    assert f"{hidden:.3f}" not in page_of()


def test_a_version_without_evaluation(registry, edml, stand_in, assert_fails):
    registry.register(stand_in(("lightgbm",)).fit(*side_of("later.csv")).candidates_[0])
    assert_fails(edml("report", "3"), "found none", "edml update")
    assert not Path("report.html").exists()
    assert edml("report", "1", "3").exit_code == 0
    assert "It has no evaluation that decided no contest." in page_of()


def test_labels_are_escaped(registry, edml, stand_in):
    test = side_of("later.csv")
    X = test.X.assign(course_name="<script>alert(1)</script>" + test.X["course_uuid"])
    model = registry.load(1)
    model.pipeline_["classify"].subsample_for_bin = 1000  # another file
    registry.register(model, evaluate(model, X, test.y), {"a": "</table><b>x"})
    assert edml("report", "3").exit_code == 0
    text = page_of()
    assert text.count("<script") == 1  # our own, which sorts
    assert "alert(1)" in text
    assert "<b>" not in text
    assert "default-src 'none'" in text


def test_no_pictures_without_matplotlib(registry, edml, monkeypatch):
    def absent(module, **said):
        raise MissingExtraError("Drawing needs matplotlib. Run: pip install X.")

    monkeypatch.setattr(_report, "import_optional", absent)
    result = edml("report")
    assert result.exit_code == 0
    assert "The page has no pictures. Drawing needs matplotlib." in result.stderr
    assert "<svg" not in page_of()


def test_the_same_pictures_each_time(registry, edml):
    edml("report", "1", "--out", "a.html")
    edml("report", "1", "--out", "b.html")
    assert Path("a.html").read_bytes() == Path("b.html").read_bytes()


def test_invalid_input_raises(tuned, edml, assert_fails):
    assert_fails(edml("report"), "in production")
    assert_fails(edml("report", "99"), "99")
    assert_fails(edml("report", "best"), "best")
    Path("folder").mkdir()
    assert_fails(edml("report", "1", "--out", "folder"), "folder")
    assert list(Path("folder").iterdir()) == []
