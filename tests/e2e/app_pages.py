"""Actions on the web app's pages in a browser."""

from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

_TRIES = 4
_BEGINS = 300  # milliseconds until the page shows that the server works


def key(page, name):
    """Return the part of a page with this key."""
    return page.locator(f".st-key-{name}")


def wait_until_idle(page, timeout=120_000):
    """Wait until the whole page is drawn."""
    page.wait_for_timeout(_BEGINS)
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute(
        "data-test-script-state", "notRunning", timeout=timeout
    )


def cell(page, column, row):
    """Return a cell of the table of students."""
    return key(page, "students").get_by_test_id(f"glide-cell-{column}-{row}")


def list_students(page):
    """Wait for the list, which the page shows by itself."""
    expect(cell(page, 0, 0)).to_be_attached(timeout=120_000)
    wait_until_idle(page)


def list_all_periods(page):
    """List the students of all periods; the page opens at the latest."""
    list_students(page)
    choose(page, "period", lambda periods: periods.first)
    wait_until_idle(page)


def choose(page, name, which, typed=None):
    """Choose from a list; ``which`` receives all visible options.

    An open list closes when part of the page arrives late. It is then opened again.
    """
    box = key(page, name).get_by_role("combobox")
    for left in reversed(range(_TRIES)):
        wait_until_idle(page)
        box.click()
        if typed is not None:
            box.fill(typed)  # only part of a long list is in the page
        try:
            which(page.get_by_role("option")).click(timeout=8_000)
        except PlaywrightTimeout:
            if not left:
                raise
            page.keyboard.press("Escape")
        else:
            return


def upload(page, name, data):
    """Upload a file of these bytes."""
    file = {"name": name, "mimeType": "text/csv", "buffer": data}
    key(page, "upload").locator("input[type=file]").set_input_files(file)
    wait_until_idle(page)
