"""The students page in a real browser, compared with the library."""

import io
import re

import pandas as pd
import pytest
from playwright.sync_api import expect

import app_pages
from app_client import EXACT_FLOATS
from app_pages import choose, key, wait_until_idle
from edml.app._settings import UPLOAD_LIMIT
from edml.app._words import Words
from edml.registry import ModelRegistry


def cell(page, column, row):
    return key(page, "students").get_by_test_id(f"glide-cell-{column}-{row}")


def choose_named(page, name, option):
    named = page.get_by_role("option", name=option, exact=True)
    choose(page, name, lambda shown: named, typed=option)


def list_students(page):
    app_pages.list_students(page)
    expect(cell(page, 1, 0)).to_be_attached(timeout=60_000)


def click_grid(page, x, y):
    grid = key(page, "students").get_by_test_id("data-grid-canvas")
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    page.mouse.click(box["x"] + x, box["y"] + y)


def download(page, language):
    wait_until_idle(page)
    with page.expect_download() as got:
        key(page, "download").get_by_role("button").click()
    data = got.value.path().read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")  # so that a spreadsheet reads the accents
    # as spreadsheets in this language expect
    sep, decimal = {"en": (",", "."), "es": (";", ",")}[language]
    return pd.read_csv(io.BytesIO(data), sep=sep, decimal=decimal, **EXACT_FLOATS)


@pytest.fixture(scope="session")
def model(folder):
    return ModelRegistry(folder / "registry").load("production")


def test_list_is_that_of_score_students(visit, app, language, events, model, picture):
    words = Words(language)
    page = visit(app.url)
    expect(page.get_by_text(words("Who is at risk of failing?"))).to_be_visible()
    list_students(page)
    last = int(events["particion"].max())
    want = model.score_students(events, at=last, since=last - 7)
    got = download(page, language)
    for name in ("user_uuid", "course_uuid", "legajo", "course_name", "particion"):
        assert (got[name] == want[name]).all()
    assert (got["flagged"] == want["flagged"]).all()
    assert (got["probability"] == want["probability"]).all()  # to the bit
    pd.testing.assert_series_equal(got["change"], want["change"])
    for row in range(3):
        expect(cell(page, 1, row)).to_have_text(want["legajo"][row])
        expect(cell(page, 2, row)).to_have_text(want["course_name"][row])
        shown = float(cell(page, 6, row).text_content())
        assert shown == pytest.approx(want["probability"][row], abs=1e-12)
    flagged = words.number(int(want["flagged"].sum()))
    result = key(page, "result")
    expect(result.get_by_text(re.compile(rf"^{flagged} ")).first).to_be_visible()
    if language == "en":
        page.set_viewport_size({"width": 1120, "height": 1320})
        page.get_by_text(
            words("Who is at risk of failing?")
        ).scroll_into_view_if_needed()
        expect(cell(page, 1, 0)).to_be_attached()
        picture(page, "app_students")


def test_course_period_students_and_partition(visit, app, language, events, model):
    page = visit(app.url)
    period = events["periodo"].str.zfill(7)  # 2-2022 is 02-2022
    choose_named(page, "period", period.iloc[0])
    course = events["course_name"].iloc[0]
    choose_named(page, "course", course)
    of_course = events[(events["course_name"] == course) & (period == period.iloc[0])]
    slider = key(page, "partition").get_by_role("slider")
    expect(slider).to_be_attached()
    wait_until_idle(page)  # the slider is recreated for the course
    slider.focus()
    last = int(of_course["particion"].max())
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_value(str(last - 1))
    wait_until_idle(page)
    list_students(page)
    got = download(page, language)
    want = model.score_students(of_course, at=last - 1, since=last - 8)
    assert (got["user_uuid"] == want["user_uuid"]).all()
    assert (got["probability"] == want["probability"]).all()
    # one student; the list stays the previous one until it is requested
    choose_named(page, "chosen_students", want["legajo"].iloc[0])
    page.keyboard.press("Escape")  # an open dialog hides the rest from screen readers
    words = Words(language)
    said = (
        words(
            "The list below is for your previous choices. Press **{run}** to update"
            " it.",
            run="x",
        )
        .split("**")[0]
        .strip()
    )
    expect(page.get_by_text(said)).to_be_visible()
    list_students(page)
    expect(page.get_by_text(said)).to_have_count(0)
    assert (download(page, language)["user_uuid"] == want["user_uuid"].iloc[0]).all()


def test_contacts_filters_and_search(visit, app, language, events, model):
    words = Words(language)
    page = visit(app.url)
    list_students(page)
    capacity = key(page, "capacity").get_by_role("spinbutton")
    capacity.fill("4")
    capacity.press("Enter")
    key(page, "show").get_by_text(words("To contact"), exact=True).click()
    n_rows = len(events.drop_duplicates(["user_uuid", "course_uuid"]))
    expect(
        page.get_by_text(
            words(
                "{n} of {rows} rows. Click the box before a row to show that student "
                "below.",
                n=4,
                rows=n_rows,
            )
        )
    ).to_be_visible()
    got = download(page, language)
    assert got["contact"].sum() == 4
    assert got.loc[got["contact"], "user_uuid"].nunique() == 4
    first = got.loc[got["contact"]].iloc[0]
    find = key(page, "find").get_by_role("textbox")
    find.fill("no such student")
    find.press("Enter")
    expect(
        page.get_by_text(
            words(
                "No student in the list matches. Show all, or search for something "
                "else."
            )
        )
    ).to_be_visible()
    find.fill(f"{first['legajo']} {first['course_name']}".lower())
    find.press("Enter")
    expect(cell(page, 1, 0)).to_have_text(first["legajo"])


def test_a_click_on_a_heading_sorts(visit, app, events, model):
    page = visit(app.url)
    list_students(page)
    last = int(events["particion"].max())
    numbers = model.score_students(events, at=last, n_reasons=0)["legajo"]
    assert numbers.iloc[0] != numbers.min()  # most at risk first
    click_grid(page, x=75, y=17)  # the heading of the file numbers
    expect(cell(page, 1, 0)).to_have_text(numbers.min())


def test_a_click_shows_a_student(visit, app, language, events, model, picture):
    words = Words(language)
    page = visit(app.url)
    list_students(page)
    click_grid(page, x=18, y=52)  # the box of the first row
    panel = key(page, "student_panel")
    last = int(events["particion"].max())
    want = model.score_students(events, at=last, since=last - 7, language=language)
    first = want.iloc[0]
    title = words(
        "{student} in {course}", student=first["legajo"], course=first["course_name"]
    )
    expect(panel.get_by_text(title)).to_be_visible()
    expect(
        panel.get_by_text(words.percent(first["probability"], 1)).first
    ).to_be_visible()
    for reason in first["reasons"]:
        expect(panel.get_by_text(reason)).to_be_visible()
    for fact in first["facts"]:
        expect(panel.get_by_text(fact)).to_be_visible()
    expect(panel.get_by_test_id("stPlotlyChart")).to_be_visible()
    if language == "en":
        page.set_viewport_size({"width": 1120, "height": 1200})  # clear of the head
        panel.scroll_into_view_if_needed()
        picture(panel, "app_student")


# -- files ---------------------------------------------------------------------------


def upload(page, name, data):
    file = {"name": name, "mimeType": "text/csv", "buffer": data}
    key(page, "upload").locator("input[type=file]").set_input_files(file)


def test_uploads_good_broken_and_huge(visit, app, language, events, model, tmp_path):
    words = Words(language)
    page = visit(app.url)
    expect(key(page, "run")).to_be_visible()
    page.get_by_text(words("Events"), exact=True).click()
    upload(page, "broken.csv", b"user_uuid,particion\nestudiante-x,LEG-x\n")
    expect(page.get_by_text("lacks ['course_uuid']").first).to_be_visible()
    expect(page.get_by_text("LEG-x")).to_have_count(0)
    key(page, "forget_upload").get_by_role("button").click()
    expect(page.get_by_text("broken.csv")).to_have_count(0)
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate((UPLOAD_LIMIT + 1) * 1024**2)
    key(page, "upload").locator("input[type=file]").set_input_files(huge)
    refused = key(page, "upload").get_by_text(f"must be {UPLOAD_LIMIT}")
    expect(refused).to_be_visible()
    # larger than the web server's default limit for memory
    later = events.assign(course_name="Óptica y Termodinámica Aplicada")
    data = later.to_csv(index=False).encode()
    assert len(data) > 1024**2
    upload(page, "good.csv", data)
    expect(page.get_by_text("good.csv").first).to_be_visible()
    list_students(page)
    expect(cell(page, 2, 0)).to_have_text("Óptica y Termodinámica Aplicada")
    last = int(later["particion"].max())
    want = model.score_students(later, at=last, since=last - 7)
    got = download(page, language)
    assert (got["user_uuid"] == want["user_uuid"]).all()
    assert (got["probability"] == want["probability"]).all()
