"""The models page in a real browser, compared with the registry."""

import pytest
from playwright.sync_api import expect

from app_pages import choose, key
from app_process import edml_app
from edml.app._models_names import METRICS
from edml.app._words import Words
from edml.registry import ModelRegistry

PICTURES = (
    "models_bars",
    "models_thresholds",
    "models_roc",
    "models_precision_recall",
    "models_calibration",
    "models_earliness",
    "models_importance",
    "models_points",
)


def choose_version(page, version, words):
    said = f"{version} · "
    choose(page, "models_version", lambda shown: shown.filter(has_text=said))
    title = words("Metrics of version {version}", version=version)
    expect(page.get_by_role("heading", name=title)).to_be_visible()


def test_figures_pictures_and_history(visit, app, language, folder, picture):
    words = Words(language)
    page = visit(f"{app.url}/models")
    choose_version(page, 3, words)
    registry = ModelRegistry(folder / "registry")
    record = registry.record(3)
    evaluation = registry.evaluations(3)["evaluation"].iloc[-1]
    metrics = key(page, "models_metrics")
    for name in ("roc_auc", "average_precision", "brier"):
        want = words.number(record.validation["metrics"][name], 3)
        expect(metrics.get_by_text(words(METRICS[name][0])).first).to_be_visible()
        expect(metrics.get_by_text(want).first).to_be_visible()
    if language == "en":
        expect(key(page, "models_bars").locator("svg.main-svg").first).to_be_visible()
        page.set_viewport_size({"width": 1120, "height": 1320})
        picture(page, "app_models")
    for name in PICTURES:
        # while a page is redrawn, the previous picture stays for a moment
        expect(key(page, name).first).to_be_attached(timeout=60_000)
    # the slider begins at the version's own threshold
    counts = [words.number(n) for n in evaluation.confusion.ravel()]
    expect(key(page, "models_confusion").locator("td")).to_have_text(counts)
    for name in ("precision", "recall", "f1"):
        want = words.number(record.validation["metrics"][name], 3)
        box = key(page, "models_at_threshold")
        expect(box.get_by_text(want, exact=True).first).to_be_visible()
    choose_version(page, 2, words)


def test_the_slider_moves_the_figures(visit, app, language, picture):
    page = visit(f"{app.url}/models")
    slider = page.locator("[class*=st-key-models_threshold_]").get_by_role("slider")
    expect(slider).to_be_attached()
    box = key(page, "models_at_threshold")
    before = box.inner_text()
    slider.focus()
    page.keyboard.press("Home")
    expect(box).not_to_have_text(before)
    expect(box.get_by_text(Words(language).number(1, 3)).first).to_be_visible()
    if language == "en":
        page.set_viewport_size({"width": 1120, "height": 1400})
        page.evaluate("document.activeElement.blur()")
        key(page, "models_confusion").scroll_into_view_if_needed()
        expect(
            key(page, "models_thresholds").locator("svg.main-svg").first
        ).to_be_visible()
        picture(page, "app_threshold")


@pytest.mark.parametrize("lang", ["en", "es"])
def test_promote_and_roll_back(visit, project, tmp_path, lang):
    words = Words(lang)
    registry = ModelRegistry(project / "registry")
    options = ("--registry", project / "registry", "--lang", lang, "--allow-changes")
    with edml_app(tmp_path, *options) as app:
        page = visit(f"{app.url}/models")
        choose_version(page, 3, words)
        key(page, "models_promote").get_by_role("button").click()
        key(page, "models_no").get_by_role("button").click()
        expect(key(page, "models_no")).to_have_count(0)
        assert registry.record("production").version == 1
        key(page, "models_promote").get_by_role("button").click()
        why = key(page, "models_why").get_by_role("textbox")
        why.fill("mejor que ayer")
        why.press("Tab")
        key(page, "models_yes").get_by_role("button").click()
        expect(
            page.get_by_text(
                words("Version {version} is in production now.", version=3)
            )
        ).to_be_visible()
        assert registry.record("production").version == 3
        key(page, "models_rollback").get_by_role("button").click()
        key(page, "models_yes").get_by_role("button").click()
        expect(
            page.get_by_text(
                words("Version {version} is in production again.", version=1)
            )
        ).to_be_visible()
        assert registry.record("production").version == 1
        assert "Traceback" not in app.log


def test_nothing_can_be_changed_unless_allowed(visit, app):
    page = visit(f"{app.url}/models")
    expect(key(page, "models_version")).to_be_visible()
    expect(key(page, "models_history")).to_be_attached(timeout=60_000)
    expect(key(page, "models_promote")).to_have_count(0)
    expect(key(page, "models_rollback")).to_have_count(0)


def test_a_registry_that_changes_meanwhile(visit, project, tmp_path, language):
    words = Words(language)
    registry = ModelRegistry(project / "registry")
    options = ("--registry", project / "registry", "--lang", language)
    with edml_app(tmp_path, *options) as app:
        page = visit(f"{app.url}/models")
        choose_version(page, 3, words)
        registry.promote(3)
        choose_version(page, 2, words)
        said = (
            words(
                "The registry has changed since this page was last shown: {changes}.",
                changes="\0",
            )
            .partition("\0")[0]
            .strip()
        )
        expect(page.get_by_text(said)).to_be_visible()
        assert "Traceback" not in app.log
