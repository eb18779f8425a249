"""The health page shows the verdicts on the events."""

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from edml.app import AppSettings
from edml.app._launch import hand_over
from edml.ledger import Ledger


def script(language):
    from edml.app import _health, _state  # noqa: PLC0415 - of another process
    from edml.app._words import Words  # noqa: PLC0415

    words = Words(language)
    with _state.guarded(words):
        _health.show(_state.current_source(), words)


def open_page(language="en", **given):
    st.cache_resource.clear()
    st.cache_data.clear()
    hand_over(AppSettings(**given))
    page = AppTest.from_function(script, kwargs={"language": language})
    page.run(timeout=60)
    assert not page.exception
    return page


@pytest.fixture(scope="module")
def data(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("data") / "events.parquet"
    table.to_parquet(path)
    return path


def test_model_without_reference(registry, data):
    page = open_page(open_registry=lambda: registry, data=data)
    assert [one.value for one in page.subheader][:2] == [
        "Input",
        "Drift of features and scores",
    ]
    assert any("no reference" in one.value for one in page.info)


def test_page_in_spanish(registry, data):
    page = open_page("es", open_registry=lambda: registry, data=data)
    assert page.subheader[0].value == "Datos"


@pytest.mark.slow
def test_demonstration_has_a_reference():
    page = open_page()
    assert "Largest shifts" in [one.value for one in page.subheader]
    assert isinstance(page.dataframe[0].value, pd.DataFrame)


def test_lists_of_the_ledger(registry, data, tmp_path, table):
    ledger = Ledger(tmp_path / "ledger.db")
    given = {"open_registry": lambda: registry, "data": data}
    page = open_page(open_ledger=lambda: ledger, **given)
    assert any("holds no list" in one.value for one in page.info)
    students = registry.load(1).score_students(table, n_reasons=0)
    ledger.append(students, version=1)
    page.run(timeout=60)
    assert "Lists of the ledger" in [one.value for one in page.subheader]
    assert any("Weeks with lists" in one.value for one in page.success)
    assert "Lists of the ledger" not in [
        one.value for one in open_page(**given).subheader
    ]


def test_a_damaged_ledger_is_said(registry, data, tmp_path):
    path = tmp_path / "ledger.db"
    path.write_text("a text" * 200)
    page = open_page(
        open_registry=lambda: registry, data=data, open_ledger=lambda: Ledger(path)
    )
    (said,) = (one.value for one in page.warning)
    assert "ledger" in said
    assert page.subheader[0].value == "Input"


def test_endpoint_has_no_health():
    page = open_page(open_client=lambda: None)
    assert "registry" in page.info[0].value
