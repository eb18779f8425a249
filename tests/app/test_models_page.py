"""The models page shows the registry, and changes it only with permission."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from sklearn.linear_model import LogisticRegression
from streamlit.testing.v1 import AppTest

from edml.app import AppSettings
from edml.app._launch import hand_over
from edml.app._models_names import METRICS
from edml.app._words import Words
from edml.exceptions import ServingError
from edml.registry import ModelRegistry
from evaluated_models import evaluation_of, model, running

FIGURE_DIGITS = 3
# the catalogues have their own tests; one more run covers another language
in_both = pytest.mark.parametrize(
    "language", ["en", pytest.param("es", marks=pytest.mark.slow)]
)


def script(language):
    from edml.app import _models_page, _state  # noqa: PLC0415 - of another process
    from edml.app._words import Words  # noqa: PLC0415

    words = Words(language)
    with _state.guarded(words):
        _models_page.show(_state.current_source(), words)


@pytest.fixture
def registry(evaluated_registry):
    return evaluated_registry


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "events.parquet"
    running().to_parquet(path)
    return path


def open_page(registry=None, language="en", **given):
    """Return the page after its first run."""
    st.cache_resource.clear()
    st.cache_data.clear()
    open_registry = None if registry is None else (lambda: registry)
    hand_over(AppSettings(open_registry=open_registry, **given))
    return run(AppTest.from_function(script, kwargs={"language": language}))


def run(page):
    page.run(timeout=60)
    assert not page.exception
    return page


def pressed(page, key):
    page.button(key=key).click()
    return run(page)


def keys(page):
    return {button.key for button in page.button}


def texts(page):
    kinds = ("info", "warning", "error", "success", "caption", "title", "header")
    return "\n".join(one.value for kind in kinds for one in page.get(kind))


def open_tab(page, name, language="en"):
    """Return the page with another tab open."""
    page.session_state[f"models_tab_{language}"] = Words(language)(name)
    return run(page)


def figures(page):
    """Return the table of figures, by metric."""
    return page.table[0].value


def both(value, ends, words):
    return (
        f"{words.number(value, FIGURE_DIGITS)} {words.interval(*ends, FIGURE_DIGITS)}"
    )


@in_both
def test_versions_are_shown_in_tabs(registry, data, language):
    page = open_page(registry, language, data=data)
    words = Words(language)
    assert not page.error
    assert not page.warning
    options = page.selectbox(key="models_version").options
    stages = [words("production"), *[words("development")] * 2]
    algorithms = ["LGBMClassifier", "LGBMClassifier", "RandomForestClassifier"]
    assert options == [
        f"{version} · {stage} · {algorithm}"
        for version, stage, algorithm in zip((1, 3, 2), stages, algorithms, strict=True)
    ]
    headline = evaluation_of().headline(language)
    assert headline in [one.value for one in page.markdown]
    drawn = {"Overview": 1, "Figures": 0, "Threshold": 1, "Curves": 5, "Features": 1}
    for name, n_charts in drawn.items():
        open_tab(page, name, language)
        assert len(page.get("plotly_chart")) == n_charts, name
        assert not page.error, name
    page.button(key="models_draw_points").click()
    assert len(run(page).get("plotly_chart")) == 2
    open_tab(page, "Data and history", language)
    assert words("Its history") in texts(page)


@in_both
def test_two_versions_are_compared_in_pairs(registry, language):
    words = Words(language)
    page = open_tab(open_page(registry, language), "Figures", language)
    mine, theirs = evaluation_of(), evaluation_of("random_forest")
    assert list(figures(page)) == [words("version {version}", version=1)]
    page.selectbox(key="models_other").select(2)
    shown = figures(run(page))
    expected = mine.compare(theirs)
    for name, row in expected.iterrows():
        cells = shown.loc[words(METRICS[name][0])].tolist()
        difference = words.number(row["difference"], FIGURE_DIGITS, signed=True)
        ends = words.interval(row["low"], row["high"], FIGURE_DIGITS)
        assert cells == [
            both(mine.metrics[name], mine.intervals[name], words),
            both(theirs.metrics[name], theirs.intervals[name], words),
            f"{difference} {ends}",
            words(row["verdict"]),
        ]
    assert len(open_tab(page, "Curves", language).get("plotly_chart")) == 5
    assert not page.error
    page.selectbox(key="models_other").select(3)
    run(page)
    run(open_tab(page, "Figures", language))
    told = words("The other version was not evaluated: nothing can be compared.")
    assert told in texts(page)


def test_the_capacity_shows_the_counts_of_the_evaluation(registry):
    page = open_tab(open_page(registry), "Threshold")
    contacts = evaluation_of().contacts
    for row in contacts.dropna().iloc[[0, 7, -1]].itertuples():
        page.select_slider(key="models_capacity").set_value(int(row.per_course))
        page.select_slider(key="models_day").set_value(int(row.particion))
        run(page)
        n, found, share = [one.value for one in page.metric]
        assert (n, found) == (str(row.n_contacted), str(row.n_found))
        assert share == Words().percent(row.n_found / row.n_failing, 0)
        counts = page.table[0].value.to_numpy(dtype=int)
        assert counts.sum() == row.n_students
        assert counts[1].tolist() == [row.n_failing - row.n_found, row.n_found]
        assert counts[:, 1].sum() == row.n_contacted
        assert not page.error


def test_an_evaluation_of_an_earlier_edml_says_what_it_lacks(tmp_path):
    registry = ModelRegistry(tmp_path)
    early = replace(
        evaluation_of(), contacts=evaluation_of().contacts.iloc[:0], resamples=""
    )
    registry.register(model(), early)
    page = open_page(registry)
    assert "It ranks one who fails above" in "".join(o.value for o in page.markdown)
    open_tab(page, "Threshold")
    assert "did not count students by week" in texts(page)
    assert "registry.reevaluate(X, y, 1)" in [code.value for code in page.code]


def test_another_version_is_chosen(registry):
    page = open_page(registry)
    page.selectbox(key="models_version").select(2)
    run(page)
    open_tab(page, "Figures")
    auc = evaluation_of("random_forest").metrics["roc_auc"]
    assert figures(page).loc["ROC AUC"].iloc[0].startswith(f"{auc:.3f}")
    assert "Metrics of version 2" in texts(page)


def test_without_a_table_no_student_is_scored(registry):
    page = open_tab(open_page(registry), "Features")
    assert page.button(key="models_draw_points").disabled
    assert "by their own count" in texts(page)
    assert Words("en")(
        "Predictions cannot be drawn: there are not three features with known "
        "names, or there is no table."
    ) in texts(page)


@in_both
def test_version_without_evaluation_is_labelled(registry, language):
    page = open_page(registry, language)
    page.selectbox(key="models_version").select(3)
    run(page)
    words = Words(language)
    assert words("It was not evaluated: nobody knows how good it is.") in texts(page)
    open_tab(page, "Threshold", language)
    assert words(
        "Version {version} was not evaluated on students it had not seen, so "
        "nothing can be said about how good it is. Evaluate it with:",
        version=3,
    ) in texts(page)
    assert "registry.reevaluate(X, y, 3)" in [code.value for code in page.code]
    assert not page.metric
    assert not page.select_slider


def test_figures_that_decided_a_contest_are_not_shown(tmp_path):
    registry = ModelRegistry(tmp_path)
    registry.register(model())
    registry._store.store_evaluation(1, evaluation_of(), "choosing")
    page = open_tab(open_page(registry), "Figures")
    assert "only on the students of a contest" in texts(page)
    assert not page.metric


@in_both
def test_empty_registry_explains_how_to_make_a_model(tmp_path, language):
    page = open_page(ModelRegistry(tmp_path), language)
    assert Words(language)(
        "There is no model yet. Train one on the events of courses that have "
        "ended, with their outcomes, then look again:"
    ) in texts(page)
    assert page.code[0].value.startswith("edml tune")


def test_a_registry_without_champion_offers_the_newest(tmp_path):
    registry = ModelRegistry(tmp_path)
    registry.register(model(), evaluation_of())
    page = open_page(registry, allow_changes=True)
    assert page.button(key="models_rollback").disabled
    pressed(page, "models_promote")
    assert "No version does so yet" in "".join(one.value for one in page.markdown)
    pressed(page, "models_yes")
    assert registry.record("production").version == 1


# -- changes -------------------------------------------------------------------------


def test_without_permission_the_buttons_are_disabled_and_say_why(registry):
    page = open_page(registry)
    page.selectbox(key="models_version").select(3)
    run(page)
    for key in ("models_promote", "models_rollback"):
        assert page.button(key=key).disabled
    assert "started with --allow-changes" in texts(page)


@in_both
def test_promote_asks_for_confirmation(registry, language):
    words = Words(language)
    page = open_page(registry, language, allow_changes=True)
    assert "models_promote" not in keys(page)  # it is the champion
    page.selectbox(key="models_version").select(3)
    run(page)
    pressed(page, "models_promote")
    assert registry.record("production").version == 1  # not yet
    assert words("It was not evaluated: nobody knows how good it is.") in texts(page)
    page.text_input(key="models_why").input("a new term")
    pressed(page, "models_yes")
    assert registry.record("production").version == 3
    assert registry.history()["why"].iloc[-1] == "a new term"
    assert registry.history()["who"].iloc[-1] == "ada"
    assert words("Version {version} is in production now.", version=3) in texts(page)
    assert "models_yes" not in keys(page)
    run(page)
    assert words("Version {version} is in production now.", version=3) not in texts(
        page
    )  # shown once


@pytest.mark.slow
def test_answering_no_changes_nothing(registry):
    page = open_page(registry, allow_changes=True)
    pressed(page, "models_rollback")
    pressed(page, "models_no")
    assert "models_yes" not in keys(page)
    assert registry.record("production").version == 1
    assert len(registry.history()) == 5


@in_both
def test_rollback_asks_for_confirmation(registry, language):
    words = Words(language)
    page = open_page(registry, language, allow_changes=True)
    pressed(page, "models_rollback")
    text = words(
        "Version {before} will score students again, and version {version} goes"
        " back to development.",
        before=2,
        version=1,
    )
    assert text in [one.value for one in page.markdown]
    pressed(page, "models_yes")
    assert registry.record("production").version == 2
    assert words("Version {version} is in production again.", version=2) in texts(page)
    assert page.button(key="models_rollback").disabled


@pytest.mark.slow
def test_the_side_of_the_server_rejects_as_well(registry):
    page = open_page(registry, allow_changes=True)
    pressed(page, "models_rollback")
    settings = AppSettings(open_registry=lambda: registry)
    with patch("edml.app._models_dialogs.handed_settings", return_value=settings):
        pressed(page, "models_yes")
    assert registry.record("production").version == 1
    assert "without --allow-changes" in texts(page)


def test_registry_changed_behind_the_dialog_is_not_modified(registry):
    page = open_page(registry, allow_changes=True)
    pressed(page, "models_rollback")
    registry.promote(3, why="by somebody else")
    # in a browser only the dialog reruns, not the page around it
    with patch("edml.app._models_page._say_changes", return_value=False):
        pressed(page, "models_yes")
    assert registry.record("production").version == 3
    run(page)
    assert "no longer as the page showed it" in texts(page)
    assert "version 3 moved from development to production" in texts(page)
    assert "models_yes" not in keys(page)


def test_a_button_pressed_on_an_old_page_only_shows_the_changes(registry):
    page = open_page(registry, allow_changes=True)
    registry.promote(3, why="by somebody else")
    pressed(page, "models_rollback")
    assert "The registry has changed since this page was last shown" in texts(page)
    assert "models_yes" not in keys(page)
    assert registry.record("production").version == 3


def test_another_version_is_shown_instead_of_a_removed_one(registry):
    page = open_page(registry)
    page.selectbox(key="models_version").select(3)
    run(page)
    registry.clean(keep_last=0)
    run(page)
    assert "Version 3 is no longer there" in texts(page)
    assert "version 3 moved from development to removed" in texts(page)
    assert "Version 1" in texts(page)


@pytest.mark.slow
def test_a_damaged_model_is_a_message_and_its_figures_stay(registry, data):
    path = registry._store.folder / "versions" / "1" / "model.skops"
    path.write_bytes(b"damaged")
    page = open_tab(open_page(registry, data=data), "Features")
    told = "".join(one.value for one in page.warning)
    assert "Restore it from a backup" in told
    assert "ROC AUC" in figures(open_tab(page, "Figures")).index


def test_a_model_of_another_table_is_a_message(tmp_path, data):
    registry = ModelRegistry(tmp_path)
    X = pd.DataFrame({"grade": np.linspace(0, 1, 40)})
    registry.register(LogisticRegression().fit(X, X["grade"] > 0.5))
    page = open_tab(open_page(registry, data=data), "Features")
    assert "reads another table" in texts(page).replace("\\", "")
    assert not page.error


# -- the demonstration, and an endpoint ----------------------------------------------


class Client:
    def __init__(self, record):
        self.record = record

    def model(self):
        if self.record is None:
            message = "The endpoint does not answer. Start it."
            raise ServingError(message)
        return {"name": "risk", **self.record.to_dict()}

    def predict(self, X, explain=False, language="en"):
        raise AssertionError


@in_both
def test_an_endpoint_reports_its_champion(registry, language):
    words = Words(language)
    client = Client(registry.record(1))
    page = open_page(language=language, open_client=lambda: client, allow_changes=True)
    assert words(
        "An endpoint reports only the model that it serves, not other versions,"
        " curves or history. Start the app with --registry to see those."
    ) in texts(page)
    facts = dict(page.dataframe[0].value.to_numpy().tolist())
    figures = page.table[0].value.iloc[:, 0]
    assert facts[words("Version")] == "1"
    trained_on = facts[words("Rows it was trained on (SHA-256)")]
    assert model().data_fingerprint_.startswith(trained_on)
    assert len(trained_on) == 16
    for name, value in evaluation_of().metrics.items():
        assert figures[words(METRICS[name][0])] == words.number(value, FIGURE_DIGITS)
    assert not page.button


def test_silent_endpoint_shows_a_message_with_a_next_step():
    client = Client(None)
    page = open_page(open_client=lambda: client)
    assert "does not answer" in texts(page)
    pressed(page, "try_again")


def test_an_endpoint_without_metrics_is_not_evaluated(registry):
    client = Client(registry.record(3))
    page = open_page(open_client=lambda: client)
    assert Words("en")("It was registered without metrics: not evaluated.") in texts(
        page
    )


def test_no_key_of_a_student_is_on_the_page(registry, data):
    page = open_page(registry, data=data)
    students = running()["user_uuid"].unique()
    for name in ("Overview", "Features", "Data and history"):
        open_tab(page, name)
        shown = str(page) + "".join(one.value.to_csv() for one in page.dataframe)
        assert not [student for student in students if student in shown]
