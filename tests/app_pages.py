"""How tests use the web app's pages in a browser."""

from playwright.sync_api import expect


def key(page, name):
    """Find the part of a page that has this key."""
    return page.locator(f".st-key-{name}")


def wait_until_idle(page, timeout=60_000):
    """Wait until the page is drawn as a whole: what comes in closes an open list."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute(
        "data-test-script-state", "notRunning", timeout=timeout
    )


def open_list(page, name):
    """Open a box to choose from; give the choices, and the box to type into."""
    wait_until_idle(page)
    box = key(page, name).get_by_role("combobox")
    box.click()
    return page.get_by_role("option"), box
