"""The students page with a model that reads activity and columns about the student."""

import pandas as pd
import pytest
from playwright.sync_api import expect

from app_pages import key, list_all_periods, list_students, wait_until_idle
from app_process import make_events
from edml import (
    RiskClassifier,
    StaticColumns,
    add_activity,
    add_students,
    make_risk_pipeline,
    make_target,
)
from edml.app._words import Words
from edml.registry import ModelRegistry

# made-up students of golden answers may have no value for these columns
pytestmark = pytest.mark.filterwarnings("ignore:.*made-up students:UserWarning")


def with_signals(X, random_state):
    rows = X[["user_uuid", "course_uuid", "particion"]].dropna()
    rows = rows.sample(frac=0.6, random_state=random_state)
    log = rows.set_axis(["student", "course", "day"], axis=1)
    log["kind"] = ["forum", "quiz"] * (len(log) // 2) + ["quiz"] * (len(log) % 2)
    students = X[["user_uuid"]].drop_duplicates().set_axis(["student"], axis=1)
    students["admission"] = range(len(students))
    students["school"] = ["norte", "sur"] * (len(students) // 2) + ["sur"] * (
        len(students) % 2
    )
    return add_students(add_activity(X, log.astype({"day": int})), students)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return a folder with a table and a model that is shown everything."""
    folder = tmp_path_factory.mktemp("signals")
    with_signals(make_events(), 0).to_csv(folder / "events.csv", index=False)
    X = with_signals(make_events(random_state=5), 1)
    static = StaticColumns(numeric=["admission"], categorical=["school"])
    pipe = make_risk_pipeline(features="full", static=static, every=7, random_state=0)
    registry = ModelRegistry(folder / "registry", who="ada")
    registry.register(RiskClassifier(pipe, cv=3).fit(X, make_target(X)))
    registry.promote(1, why="it reads the log")
    return folder


def upload(page, name, table):
    data = table.to_csv(index=False).encode()
    file = {"name": name, "mimeType": "text/csv", "buffer": data}
    key(page, "upload").locator("input[type=file]").set_input_files(file)


def test_students_are_listed_and_explained_and_errors_shown_in_words(
    visit, start, project, language
):
    words = Words(language)
    app = start(
        *("--data", project / "events.csv", "--registry", project / "registry"),
        *("--lang", language),
    )
    page = visit(app.url)
    list_all_periods(page)
    model = ModelRegistry(project / "registry").load("production")
    events = pd.read_csv(project / "events.csv", dtype={"user_uuid": str})
    last = int(events["particion"].max())
    want = model.score_students(events, at=last, language=language)
    shown = key(page, "students").get_by_test_id("glide-cell-1-0")
    expect(shown).to_be_attached(timeout=60_000)
    assert float(shown.text_content()) == pytest.approx(
        want["probability"][0], abs=0.0005
    )
    key(page, "events").get_by_text(words("Events"), exact=True).click()
    bare = events.drop(columns=["activity_forum", "activity_quiz", "school"])
    upload(page, "bare.csv", bare)
    wait_until_idle(page)
    title = words("{name} cannot be read", name="bare.csv")
    refused = page.get_by_test_id("stAlert").filter(has_text=title)
    expect(refused).to_be_visible(timeout=60_000)
    for name in ("activity_forum", "activity_quiz", "school"):
        expect(refused).to_contain_text(name)
    expect(key(page, "students")).to_have_count(0)
    key(page, "forget_upload").get_by_role("button").click()
    wait_until_idle(page)
    list_students(page)
    expect(shown).to_be_attached(timeout=60_000)
