"""The students page in a real browser, compared with the library."""

import io

import pandas as pd
import pytest
from playwright.sync_api import expect

from app_pages import (
    cell,
    choose,
    key,
    list_all_periods,
    list_students,
    upload,
    wait_until_idle,
)
from edml.app._settings import UPLOAD_LIMIT
from edml.app._words import Words
from edml.registry import ModelRegistry

STUDENT, RISK, FLAG, CONTACT, REASON = range(5)  # columns of the table
WIDTHS = (95, 110, 45, 95, 305, 65, 125, 75)  # at least
HEAD, ROW = 36, 35  # heights in the table


def click_cell(page, column, row):
    """Click a name, at its left, or the middle of another cell."""
    table = key(page, "students")
    expect(cell(page, STUDENT, row)).to_be_attached()
    n_columns = table.locator("th").count()
    grid = table.get_by_test_id("data-grid-canvas")
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    # what is left is distributed among all but the names
    more = max(0, box["width"] - sum(WIDTHS[:n_columns])) / (n_columns - 1)
    left = sum(WIDTHS[:column]) + more * max(0, column - 1)
    x = left + (40 if column == STUDENT else (WIDTHS[column] + more) / 2)
    page.mouse.click(box["x"] + x, box["y"] + HEAD + ROW * row + ROW / 2)
    wait_until_idle(page)


def download(page, language):
    wait_until_idle(page)
    with page.expect_download() as got:
        key(page, "download").get_by_role("button").click()
    data = got.value.path().read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")  # so that a spreadsheet reads the accents
    # as spreadsheets in this language expect
    sep, decimal = {"en": (",", "."), "es": (";", ",")}[language]
    return pd.read_csv(io.BytesIO(data), sep=sep, decimal=decimal)


@pytest.fixture(scope="session")
def model(folder):
    return ModelRegistry(folder / "registry").load("production")


def test_list_is_that_of_score_students(visit, app, language, events, model):
    words = Words(language)
    page = visit(app.url, locale=language)
    list_all_periods(page)
    last = int(events["particion"].max())
    want = model.score_students(events, at=last, since=last - 7, language=language)
    got = download(page, language)
    assert (got[words("Student")] == want["legajo"]).all()
    assert (got[words("Course")] == want["course_name"]).all()
    risk = got[words("Risk of failing (%)")]
    assert risk.tolist() == pytest.approx((100 * want["probability"]).round(1).tolist())
    assert (got[words("Reasons")] == want["reasons"].map("; ".join)).all()
    for row in range(3):
        expect(cell(page, STUDENT, row)).to_have_text(want["legajo"][row])
        expect(cell(page, REASON, row)).to_have_text(want["reasons"][row][0])
        shown = float(cell(page, RISK, row).text_content())
        assert shown == pytest.approx(want["probability"][row], abs=0.0005)


def test_whom_to_call_today_and_why_takes_three_clicks(
    visit, app, language, events, model, picture
):
    words = Words(language)
    page = visit(app.url, width=1400, locale=language)
    list_students(page)
    period = events["periodo"].str.zfill(7)  # 2-2022 is 02-2022
    latest = max(period, key=lambda one: one.split("-")[::-1])
    expect(key(page, "period").get_by_role("combobox")).to_have_value(latest)
    last = int(events["particion"].max())
    inside = events[period == latest]
    want = model.score_students(inside, at=last, since=last - 7, language=language)
    # without a click: the first student, and why
    panel = key(page, "student_panel")
    first = want.iloc[0]
    title = words(
        "{student} in {course}",
        student=first["legajo"],
        course=f"{first['course_name']} ({latest})",
    )
    expect(panel.get_by_text(title)).to_be_visible()
    risk = words.percent(first["probability"], 1)
    expect(panel.get_by_text(risk).first).to_be_visible()
    for text in (*first["reasons"], *first["facts"]):
        expect(panel.get_by_text(text)).to_be_visible()
    expect(panel.get_by_test_id("stPlotlyChart")).to_be_attached()
    # both without scrolling
    bottom = "e => e.getBoundingClientRect().top"
    for name in ("students", "student_panel"):
        assert key(page, name).evaluate(bottom) < 400
    if language == "en":
        page.set_viewport_size({"width": 1400, "height": 1000})
        wait_until_idle(page)
        picture(page, "app_students")
        page.set_viewport_size({"width": 1400, "height": 1600})  # all of the panel
        wait_until_idle(page)
        picture(panel, "app_student")
    # the next one, by a click in the list; then by the button
    click_cell(page, STUDENT, 1)
    expect(panel.get_by_role("heading")).to_contain_text(want["legajo"][1])
    key(page, "next").get_by_role("button").click()
    expect(panel.get_by_role("heading")).to_contain_text(want["legajo"][2])


def test_course_and_day(visit, app, language, events, model):
    page = visit(app.url, locale=language)
    list_students(page)
    choose(page, "run", lambda runs: runs.nth(1))
    wait_until_idle(page)
    day = key(page, "partition").get_by_role("spinbutton")
    last = int(day.input_value())
    day.fill(str(last - 1))
    day.press("Enter")
    wait_until_idle(page)
    words = Words(language)
    got = download(page, language)
    (course,), (period,) = set(got[words("Course")]), set(got[words("Period")])
    of_period = events["periodo"].str.zfill(7) == period
    of_run = events[of_period & (events["course_name"] == course)]
    want = model.score_students(of_run, at=last - 1, n_reasons=0)
    assert (got[words("Student")] == want["legajo"]).all()
    assert set(got[words("Course day")]) == {last - 1}


def test_ticks_filters_and_search(visit, app, language):
    words = Words(language)
    page = visit(app.url, width=1400, locale=language)
    list_students(page)
    capacity = key(page, "capacity").get_by_role("spinbutton")
    capacity.fill("4")
    capacity.press("Enter")
    wait_until_idle(page)
    click_cell(page, CONTACT, 0)  # not this one
    click_cell(page, CONTACT, 5)  # but that one
    expect(cell(page, CONTACT, 0)).to_have_text("false")
    expect(cell(page, CONTACT, 5)).to_have_text("true")
    names = [cell(page, STUDENT, row).text_content() for row in range(6)]
    got = download(page, language)
    marked = got[words("Student")][got[words("Contact")] == words("yes")]
    assert marked.tolist() == [*names[1:4], names[5]]
    key(page, "show").get_by_text(words("To contact"), exact=True).click()
    wait_until_idle(page)
    expect(cell(page, STUDENT, 0)).to_have_text(names[1])
    expect(cell(page, STUDENT, 4)).to_have_count(0)
    find = key(page, "find").get_by_role("textbox")
    find.fill("no such student")
    find.press("Enter")
    none = words(
        "No student in the list matches. Show all, or search for something else."
    )
    expect(page.get_by_text(none)).to_be_visible()
    find.fill(names[5].lower())
    find.press("Enter")
    expect(cell(page, STUDENT, 0)).to_have_text(names[5])


# -- files ---------------------------------------------------------------------------


def test_uploads_good_broken_and_huge(visit, app, language, events, model, tmp_path):
    words = Words(language)
    page = visit(app.url, locale=language)
    list_students(page)
    key(page, "events").get_by_text(words("Events"), exact=True).click()
    for text in ("Upload", "per file"):  # Streamlit's own words
        expect(key(page, "upload").get_by_text(text, exact=True)).to_be_hidden()
    broken = events[:5].assign(particion="LEG-x").to_csv(index=False)
    upload(page, "broken.csv", broken.encode())
    title = words("{name} cannot be read", name="broken.csv")
    expect(page.get_by_text(title)).to_be_visible()
    expect(page.get_by_text("particion").first).to_be_visible()
    expect(page.get_by_text("LEG-x")).to_have_count(0)
    expect(key(page, "students")).to_have_count(0)
    key(page, "forget_upload").get_by_role("button").click()
    wait_until_idle(page)
    list_students(page)
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate((UPLOAD_LIMIT + 1) * 1024**2)
    key(page, "upload").locator("input[type=file]").set_input_files(huge)
    refused = key(page, "upload").get_by_text(f"must be {UPLOAD_LIMIT}")
    expect(refused).to_be_attached()
    # larger than the web server's default limit for memory
    later = events.assign(course_name="Óptica y Termodinámica Aplicada")
    data = later.to_csv(index=False).encode()
    assert len(data) > 1024**2
    upload(page, "good.csv", data)
    expect(page.get_by_text("good.csv").first).to_be_attached()
    list_all_periods(page)
    last = int(later["particion"].max())
    want = model.score_students(later, at=last, n_reasons=0)
    got = download(page, language)
    assert (got[words("Student")] == want["legajo"]).all()
    assert set(got[words("Course")]) == {"Óptica y Termodinámica Aplicada"}
