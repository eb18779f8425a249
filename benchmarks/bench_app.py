"""The web app: its first page, the list of 2,000 students, and the cache.

Run it, without asv: ``python benchmarks/bench_app.py`` (with ``edml[app]`` and the
dependency group ``e2e``, and Debian's Chromium). ``edml app`` runs in a separate
process and is used in Chromium, with a cold start each time. The seconds to the list of
another day alternate with those of plain ``score_students`` on the same events in this
process. On a shared machine, compare their ratio.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pandas as pd
import psutil
from serving_load import free_port, make_registry, students

from edml.app import AppSettings
from edml.app._launch import hand_over
from edml.registry import ModelRegistry

N_STUDENTS = 2000
N_ROUNDS = 5
COMMAND = Path(sys.executable).with_name("edml")
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TABLE = ".st-key-students canvas"
PAGES = Path(sys.modules[AppSettings.__module__].__file__).with_name("_main.py")


class Scripts:
    """Time the page's script in Streamlit's test runner, without a browser."""

    timeout = 300

    def setup(self):
        import streamlit as st  # noqa: PLC0415
        from streamlit.testing.v1 import AppTest  # noqa: PLC0415

        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        data = write_project(folder)
        st.cache_resource.clear()
        registry = ModelRegistry(folder / "registry")
        hand_over(AppSettings(data, lambda: registry, language="en"))
        self.page = AppTest.from_file(str(PAGES), default_timeout=60).run()
        self.capacity = 15

    def teardown(self):
        self.folder.cleanup()

    def time_cached_list(self):
        self.capacity += 1
        self.page.number_input(key="capacity").set_value(self.capacity).run()


def write_project(folder):
    """Write a registry with a champion, and the events of 2,000 students."""
    make_registry(folder / "registry")
    data = folder / "events.parquet"
    students(N_STUDENTS).to_parquet(data, index=False)
    return data


@contextmanager
def edml_app(*arguments):
    """Run the app; yield its address, its start time and the process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    start = time.perf_counter()
    command = [COMMAND, "app", "--port", str(port), "--lang", "en", *arguments]
    process = subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not answers(f"{url}/_stcore/health"):
            time.sleep(0.02)
        yield url, start, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def answers(url):
    try:
        with urlopen(url) as answer:  # noqa: S310 - a local address
            return answer.status == 200
    except (URLError, ConnectionError):
        return False


def first_page(browser, *arguments):
    """Return seconds from the command to the server, the title and the list.

    The last two come with the processor seconds that the app had used by then.
    """
    with edml_app(*arguments) as (url, start, process):
        served = time.perf_counter() - start
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector("h1")
        title = time.perf_counter() - start
        computed = sum(process.cpu_times()[:2])
        page.wait_for_selector(TABLE, timeout=120_000)
        listed = time.perf_counter() - start
        everything = sum(process.cpu_times()[:2])
        page.close()
    return served, title, computed, listed, everything


def seconds(do, until):
    start = time.perf_counter()
    do()
    until()
    return time.perf_counter() - start


def use_list(browser, folder, data):
    """Return the seconds to a list and to cached parts, and for plain scoring."""
    model = ModelRegistry(folder / "registry").load()
    X = pd.read_parquet(data)
    model.score_students(X, at=59, since=52)
    found = {"another day": [], "bare": [], "cached": [], "a student": []}
    registry = str(folder / "registry")
    with edml_app("--registry", registry, "--data", str(data)) as (url, _, _):
        page = browser.new_page()
        page.goto(url)
        page.wait_for_selector(TABLE)
        for turn in range(N_ROUNDS):
            at = 58 - turn
            found["another day"].append(
                seconds(lambda at=at: fill(page, "partition", at), lambda: wait(page))
            )
            bare = seconds(
                lambda at=at: model.score_students(X, at=at, since=at - 7),
                lambda: None,
            )
            found["bare"].append(bare)
            said = page.get_by_text(f"{20 + turn} of ")
            found["cached"].append(
                seconds(
                    lambda turn=turn: fill(page, "capacity", 20 + turn), said.wait_for
                )
            )
            found["a student"].append(
                seconds(lambda: page.click(".st-key-next button"), lambda: wait(page))
            )
        page.close()
    return found


def fill(page, key, number):
    box = page.locator(f".st-key-{key} input")
    box.fill(str(number))
    box.press("Enter")


def wait(page):
    """Wait until the page is drawn: at first it shows that it is running."""
    state = ".stApp[data-test-script-state={}]".format
    page.wait_for_selector(state("running"))
    page.wait_for_selector(state("notRunning"))


def main():
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        data = write_project(folder)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        own = "--registry", str(folder / "registry"), "--data", str(data)
        print("seconds from the command to     server   title     cpu    list     cpu")  # noqa: T201
        for what, arguments in (("the sample", ()), ("2,000 students", own)):
            rounds = [first_page(browser, *arguments) for _ in range(3)]
            medians = map(statistics.median, zip(*rounds, strict=True))
            print(f"{what:31s}" + "".join(f"{one:8.2f}" for one in medians))  # noqa: T201
        found = use_list(browser, folder, data)
        print(f"\nthe list of {N_STUDENTS:,} students, seconds: first, then median")  # noqa: T201
        for what, times in found.items():
            print(f"{what:31s}{times[0]:8.2f}{statistics.median(times[1:]):8.2f}")  # noqa: T201
        ratio = statistics.median(
            ours / bare
            for ours, bare in zip(found["another day"], found["bare"], strict=True)
        )
        print(f"another day, times the bare score_students: {ratio:.1f}")  # noqa: T201
        browser.close()


if __name__ == "__main__":
    main()
