"""Make the pictures of MLflow's pages in the user guide.

Run: ``pip install ".[mlflow]" playwright``, then ``python docs/pictures/mlflow.py``,
with Chromium on the path. It starts a server in a temporary folder, tunes on the
sample, promotes, syncs, and takes the pictures.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from edml import load_activity

HERE = Path(__file__).parents[1] / "_static"
BIN = Path(sys.executable).parent
CLOSE = "[data-component-id='mlflow.assistant.chat_panel.close']"


def main():
    """Make the pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load_activity().to_csv(folder / "events.csv", index=False)
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
            port = door.getsockname()[1]
        uri = f"http://127.0.0.1:{port}"
        server = start(folder, port, uri)
        try:
            edml(folder, "tune", "events.csv", "--evaluations", "12", "--mlflow", uri)
            edml(folder, "registry", "promote", "1", "--why", "the first one")
            edml(folder, "registry", "promote", "2", "--stage", "staging")
            edml(folder, "registry", "sync", "--mlflow", uri)
            take(uri)
        finally:
            server.terminate()
            server.wait()


def start(folder, port, uri):
    """Start a server and wait until it answers."""
    command = [BIN / "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", "sqlite:///mlflow.db"]
    command += ["--artifacts-destination", "./artifacts", "--host", "127.0.0.1"]
    server = subprocess.Popen(command, cwd=folder)  # noqa: S603 - fixed arguments
    for _ in range(120):
        try:
            with urlopen(f"{uri}/health"):  # noqa: S310 - our own server
                return server
        except OSError:
            time.sleep(1)
    message = "MLflow's server does not answer."
    raise SystemExit(message)


def edml(folder, *arguments):
    """Run an edml command."""
    subprocess.run([BIN / "edml", *arguments], cwd=folder, check=True)  # noqa: S603


def take(uri):
    """Take the pictures, without the panes over MLflow's pages."""
    # the tests collect this file without a browser
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 760})
        page.goto(f"{uri}/#/experiments/1/runs")
        page.get_by_text("Training runs").wait_for()
        tidy(page)
        page.locator("[role=gridcell] button").first.click()  # show its candidates
        page.wait_for_timeout(2000)
        page.screenshot(path=HERE / "mlflow_search.png")
        page.goto(f"{uri}/#/models/risk")
        page.get_by_text("Registered at").wait_for()
        tidy(page)
        page.mouse.move(600, 500)
        page.mouse.wheel(0, 1500)
        page.wait_for_timeout(1000)
        page.screenshot(path=HERE / "mlflow_model.png")
        browser.close()


def tidy(page):
    """Close the assistant's pane."""
    page.wait_for_timeout(2000)
    close = page.locator(CLOSE)
    if close.count() and close.is_visible():
        close.click()
        page.wait_for_timeout(1000)


if __name__ == "__main__":
    main()
