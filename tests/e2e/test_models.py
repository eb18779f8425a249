"""The models page in a real browser, compared with the registry."""

import pytest
from playwright.sync_api import expect

from app_pages import choose, key, wait_until_idle
from app_process import edml_app
from edml.app._models_names import METRICS
from edml.app._words import Words
from edml.registry import ModelRegistry

#: The pictures of each tab.
PICTURES = {
    "Curves": (
        "models_roc",
        "models_precision_recall",
        "models_calibration",
        "models_earliness",
        "models_thresholds",
    ),
    "Features": ("models_importance", "models_points"),
}


def choose_version(page, version, words, box="models_version"):
    said = f"{version} · "
    choose(page, box, lambda shown: shown.filter(has_text=said))
    if box == "models_version":
        title = words("Version {version}", version=version)
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()


def open_tab(page, name, words):
    wait_until_idle(page)
    page.get_by_role("tab", name=words(name), exact=True).click()
    wait_until_idle(page)


def test_figures_pictures_and_history(visit, app, language, folder, picture):
    words = Words(language)
    page = visit(f"{app.url}/models")
    choose_version(page, 3, words)
    registry = ModelRegistry(folder / "registry")
    mine, theirs = (registry.evaluations(n)["evaluation"].iloc[-1] for n in (3, 2))
    expect(page.get_by_text(mine.headline(language))).to_be_visible()
    expect(key(page, "models_bars").locator("svg.main-svg").first).to_be_visible()
    if language == "en":
        page.set_viewport_size({"width": 1120, "height": 1160})
        picture(page, "app_models")
    choose_version(page, 2, words, "models_other")
    open_tab(page, "Figures", words)
    table = key(page, "models_metrics").locator("table")
    for name, row in mine.compare(theirs).iterrows():
        line = table.get_by_role("row").filter(
            has=page.get_by_role("rowheader", name=words(METRICS[name][0]), exact=True)
        )
        difference = words.number(row["difference"], 3, signed=True)
        ends = words.interval(row["low"], row["high"], 3)
        expect(line).to_contain_text(f"{difference} {ends}")
        expect(line).to_contain_text(words(row["verdict"]))
    for name, pictures in PICTURES.items():
        open_tab(page, name, words)
        if name == "Features":
            key(page, "models_draw_points").get_by_role("button").click()
        for one in pictures:
            expect(key(page, one).first).to_be_attached(timeout=60_000)
    open_tab(page, "Data and history", words)
    expect(key(page, "models_history")).to_be_attached()


def test_the_capacity_moves_the_answer(visit, app, language, folder, picture):
    words = Words(language)
    page = visit(f"{app.url}/models")
    open_tab(page, "Threshold", words)
    evaluation = (
        ModelRegistry(folder / "registry").evaluations(1)["evaluation"].iloc[-1]
    )
    slider = key(page, "models_capacity").get_by_role("slider")
    expect(slider).to_be_attached()
    if language == "en":
        page.set_viewport_size({"width": 1120, "height": 1160})
        expect(key(page, "models_found").locator("svg.main-svg").first).to_be_visible()
        picture(page, "app_threshold")
    slider.focus()
    page.keyboard.press("Home")
    wait_until_idle(page)
    contacts = evaluation.contacts[evaluation.contacts["per_course"] == 1]
    day = key(page, "models_day").get_by_role("slider").get_attribute("aria-valuetext")
    row = contacts[contacts["particion"] == int(day)].iloc[0]
    boxes = key(page, "models_answer").get_by_test_id("stMetricValue")
    share = words.percent(row["n_found"] / row["n_failing"], 0)
    found = [words.number(row[name]) for name in ("n_contacted", "n_found")]
    expect(boxes).to_have_text([*found, share])


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


def test_nothing_can_be_changed_unless_allowed(visit, app, language):
    page = visit(f"{app.url}/models")
    expect(key(page, "models_version")).to_be_visible()
    expect(key(page, "models_rollback").get_by_role("button")).to_be_disabled()
    said = Words(language)("Changes need an app that was started with --allow-changes.")
    expect(page.get_by_text(said)).to_be_visible()


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
