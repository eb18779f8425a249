"""A browser, running apps, and checks of every opened page."""

import re
import shutil
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app_process import edml_app, make_events, make_versions

# The tests ignore Chromium's own background work.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# An exception box of Streamlit counts as a failure, however briefly it appears.
_WATCH = """
new MutationObserver(() => {
  const seen = document.querySelector("[data-testid=stException]");
  if (seen) console.error("exception shown: " + seen.innerText);
}).observe(document, {childList: true, subtree: true});
"""
_PICTURES = Path(__file__).parents[2] / "docs" / "_static"


def pytest_addoption(parser):
    parser.addoption(
        "--pictures", action="store_true", help="Take the docs' pictures again."
    )


def pytest_ignore_collect(config):
    """Skip these tests unless they are requested: they need a browser."""
    return None if config.option.markexpr == "e2e" else True


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker("e2e")


# -- the apps' data ------------------------------------------------------------------


@pytest.fixture(scope="session")
def events():
    return make_events()


@pytest.fixture(scope="session")
def folder(tmp_path_factory, events):
    """Return a folder with a table of events and a registry of three versions."""
    folder = tmp_path_factory.mktemp("project")
    events.to_csv(folder / "events.csv", index=False)
    make_versions(folder / "registry")
    return folder


@pytest.fixture
def project(folder, tmp_path):
    """Return a copy that a test may change."""
    return shutil.copytree(folder, tmp_path / "project")


# -- apps ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def start(tmp_path_factory, events):
    """Start each app once, and keep it for all tests.

    At the end, check that no app kept or logged a student's data.
    """
    running = {}
    with ExitStack() as stack:

        def start(*options, **more):
            key = (*map(str, options), *more.items())
            if key not in running:
                scratch = tmp_path_factory.mktemp("scratch")
                running[key] = stack.enter_context(edml_app(scratch, *options, **more))
            return running[key]

        yield start
    for app in running.values():
        assert_discreet(app, events)


@pytest.fixture(scope="session", params=["en", "es"])
def language(request):
    return request.param


@pytest.fixture
def app(start, folder, language):
    """Return the app over the registry; it cannot write to any file."""
    app = start(
        *("--data", folder / "events.csv", "--registry", folder / "registry"),
        *("--lang", language),
    )
    app.forbid_writing()
    return app


def assert_discreet(app, events):
    """Check that an app kept and logged no student's data, and showed no traceback."""
    values = {*events["user_uuid"], *events["legajo"]}
    kept = app.kept().decode(errors="ignore")
    assert not re.findall("estudiante-|LEG-", kept)
    assert not [value for value in values if value in app.log], app.log
    assert "Traceback" not in app.log, app.log


# -- pages ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415

    expect.set_options(timeout=30_000)  # a shared machine is slow at times
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=_ARGUMENTS
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Open pages; none may show an exception or contact another machine."""
    contexts, heard, asked = [], [], []

    def visit(url, width=1280, height=900, **options):
        size = {"width": width, "height": height}
        context = chromium.new_context(viewport=size, **options)
        context.set_default_timeout(30_000)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(_WATCH)
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not [text for text in heard if text.startswith(("exception", "error:"))]
    hosts = {urlsplit(url).hostname for url in asked}
    assert hosts <= {"127.0.0.1", None}, hosts  # None: data inside the page


@pytest.fixture
def picture(request, tmp_path):
    """Take a screenshot: for the docs if requested, and else a temporary one."""
    keep = request.config.getoption("--pictures")

    def picture(page, name, **options):
        folder = _PICTURES if keep else tmp_path
        page.screenshot(path=folder / f"{name}.png", animations="disabled", **options)

    return picture
