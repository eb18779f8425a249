"""Everybody can use the pages: axe-core finds no serious violation, keys suffice."""

from importlib.resources import files

import pytest
from playwright.sync_api import expect

from app_pages import cell, key, list_students, upload, wait_until_idle
from edml.app._words import Words

SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def axe():
    package = pytest.importorskip("axe_playwright_python")
    return files(package).joinpath("axe.min.js").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["", "/models"])
def test_axe_finds_no_serious_violation(visit, app, axe, path, scheme, language):
    page = visit(f"{app.url}{path}", width=1400, color_scheme=scheme, bypass_csp=True)
    if path:
        expect(key(page, "models_bars")).to_be_attached(timeout=120_000)
        wait_until_idle(page)
    else:
        list_students(page)
    page.evaluate(axe)
    assert_accessible(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_none_on_health_refusals_and_the_dialog(
    visit, app, axe, events, scheme, language
):
    page = visit(f"{app.url}/health", width=1400, color_scheme=scheme, bypass_csp=True)
    expect(page.locator("h3").first).to_be_visible(timeout=120_000)
    wait_until_idle(page)
    page.evaluate(axe)
    assert_accessible(page)
    key(page, "events").locator("summary").click()
    choose = Words(language)("Choose a file")
    expect(page.get_by_role("button", name=choose)).to_be_visible()
    data = events[:50].rename(columns={"user_uuid": "alumno"}).to_csv(index=False)
    upload(page, "other.csv", data.encode())
    expect(key(page, "match")).to_be_visible()
    wait_until_idle(page)
    assert_accessible(page)
    key(page, "match").get_by_role("button").click()
    expect(key(page, "column_user_uuid")).to_be_visible()
    wait_until_idle(page)
    assert_accessible(page)


def assert_accessible(page):
    # axe-core does not read the name of the button for files, which CSS translates
    button = "[data-testid=stFileUploaderDropzone] button"
    run = f"axe.run({{exclude: ['{button}']}})"
    for _ in range(5):  # texts are pale while they are drawn again: what lasts counts
        found = [
            (one["id"], [node["html"] for node in one["nodes"]])
            for one in page.evaluate(run)["violations"]
            if one["impact"] in SERIOUS
        ]
        if not found:
            break
        page.wait_for_timeout(1000)
    assert not found


@pytest.mark.parametrize("language", ["en"], indirect=True)
def test_the_keyboard_is_enough_for_a_tutor(visit, app):
    page = visit(app.url, width=1400)
    list_students(page)
    names = [cell(page, 0, row).text_content() for row in range(3)]
    panel = key(page, "student_panel")
    expect(panel.get_by_role("heading")).to_contain_text(names[0])

    def tab_to(name):
        inside = f"document.activeElement.closest('.st-key-{name}') !== null"
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate(inside):
                return
        pytest.fail(f"{name} is not reached by the keyboard")

    tab_to("students")
    tab_to("next")
    page.keyboard.press("Enter")
    wait_until_idle(page)
    expect(panel.get_by_role("heading")).to_contain_text(names[1])
    tab_to("contact")
    page.keyboard.press("Space")
    wait_until_idle(page)
    expect(cell(page, 3, 1)).to_have_text("false")
