"""Errors, phone width, dark mode, and access to the pages."""

import os
import signal

import pytest
from playwright.sync_api import expect

from app_pages import choose, key, list_all_periods, list_students
from app_process import edml_app, make_events
from edml.app._words import Words
from edml.registry import ModelRegistry
from served import edml_serve


def test_only_this_machine_is_let_in(app):
    assert app.addresses() <= {"127.0.0.1"}


@pytest.mark.parametrize("path", ["", "/models"])
def test_fits_a_phone_in_the_dark(visit, app, path, picture, language):
    page = visit(
        f"{app.url}{path}", width=390, height=844, color_scheme="dark", has_touch=True
    )
    if path:
        expect(key(page, "models_bars")).to_be_attached(timeout=60_000)
    else:
        list_students(page)
        expect(key(page, "students")).to_be_visible(timeout=60_000)
    wide = "document.documentElement.scrollWidth - window.innerWidth"
    assert page.evaluate(wide) <= 0
    main = "document.querySelector('[data-testid=stMain]')"
    assert page.evaluate(f"{main}.scrollWidth - {main}.clientWidth") <= 0
    dark = "getComputedStyle(document.querySelector('.stApp')).backgroundColor"
    assert max(map(int, page.evaluate(dark).strip("rgba()").split(",")[:3])) < 64
    if language == "en" and not path:
        picture(page, "app_phone")


def test_languages_are_chosen_on_the_page(visit, start, folder):
    app = start("--registry", folder / "registry")
    page = visit(app.url, locale="es-AR")
    expect(page.get_by_text(Words("es")("Who is at risk of failing?"))).to_be_visible()
    choose(page, "language", lambda _: page.get_by_role("option", name="English"))
    expect(page.get_by_text(Words("en")("Who is at risk of failing?"))).to_be_visible()


@pytest.mark.parametrize("path", ["", "/models"])
def test_an_empty_registry(visit, start, folder, tmp_path_factory, path, language):
    words = Words(language)
    options = ("--data", folder / "events.csv", "--lang", language)
    app = start(*options, "--registry", folder / "none")
    page = visit(f"{app.url}{path}")
    if path:
        text = words(
            "There is no model yet. Train one on the events of courses that have "
            "ended, with their outcomes, then look again:"
        )
        expect(page.get_by_text(text)).to_be_visible()
        return
    refused = words("That did not work. {reason}", reason="")
    expect(page.get_by_text(refused.strip()).first).to_be_visible()
    expect(key(page, "try_again")).to_be_visible()


def test_a_champion_that_changes_meanwhile(visit, project, tmp_path, language):
    words = Words(language)
    registry = ModelRegistry(project / "registry")
    options = ("--data", project / "events.csv", "--registry", project / "registry")
    with edml_app(tmp_path, *options, "--lang", language) as app:
        page = visit(app.url)
        list_students(page)
        expect(key(page, "students")).to_be_visible(timeout=60_000)
        registry.promote(3)
        capacity = key(page, "capacity").get_by_role("spinbutton")
        capacity.fill("3")
        capacity.press("Enter")
        said = words(
            "Another model has gone into production: version {now} instead of {then}. "
            "The list is by the new one.",
            now=3,
            then=1,
        )
        expect(page.get_by_text(said)).to_be_visible(timeout=60_000)
        assert "Traceback" not in app.log


def test_endpoint_that_disappears(visit, folder, tmp_path, language):
    words = Words(language)
    with edml_serve(folder / "registry") as served:
        options = ("--data", folder / "events.csv", "--url", served.url)
        with edml_app(tmp_path, *options, "--lang", language) as app:
            page = visit(app.url)
            list_students(page)
            expect(key(page, "students")).to_be_visible(timeout=60_000)
            os.killpg(served.process.pid, signal.SIGKILL)  # its workers, too
            served.output()
            choose(page, "run", lambda runs: runs.nth(1))
            refused = page.get_by_text(
                words("That did not work. {reason}", reason="").strip()
            ).first
            expect(refused).to_be_visible(timeout=120_000)
            expect(key(page, "try_again")).to_be_visible()
            assert "Traceback" not in app.log


@pytest.mark.parametrize("case", ["one student", "one partition"])
def test_a_course_of_one(visit, folder, tmp_path, case):
    events = make_events()
    if case == "one student":
        events = events[events["user_uuid"] == events["user_uuid"].iloc[0]]
    else:
        events = events[events["particion"] == 20]
    events.to_csv(tmp_path / "few.csv", index=False)
    options = ("--data", tmp_path / "few.csv", "--registry", folder / "registry")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with edml_app(scratch, *options, "--lang", "en") as app:
        page = visit(app.url)
        list_students(page)
        expect(key(page, "student_panel")).to_be_visible()
        assert "Traceback" not in app.log


def test_ten_thousand_students_scroll(visit, folder, tmp_path):
    events = make_events(10_000, partitions=8)
    events.to_parquet(tmp_path / "many.parquet")
    n_rows = len(events.drop_duplicates(["user_uuid", "course_uuid"]))
    options = ("--data", tmp_path / "many.parquet", "--registry", folder / "registry")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with edml_app(scratch, *options, "--lang", "en") as app:
        page = visit(app.url)
        list_all_periods(page)
        grid = key(page, "students").get_by_test_id("data-grid-canvas")
        expect(grid).to_be_visible(timeout=120_000)
        grid.scroll_into_view_if_needed()
        box = grid.bounding_box()
        page.mouse.move(box["x"] + 200, box["y"] + 200)
        page.mouse.wheel(0, 10_000_000)
        last = key(page, "students").get_by_test_id(f"glide-cell-0-{n_rows - 1}")
        expect(last).to_be_attached()
