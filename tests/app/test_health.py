"""The health page shows the verdicts on the events."""

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from edml.app import AppSettings
from edml.app._launch import hand_over


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
    assert page.title[0].value == "Salud"
    assert page.subheader[0].value == "Datos"


@pytest.mark.slow
def test_demonstration_has_a_reference():
    page = open_page()
    assert "Largest shifts" in [one.value for one in page.subheader]
    assert isinstance(page.dataframe[0].value, pd.DataFrame)


def test_endpoint_has_no_health():
    page = open_page(open_client=lambda: None)
    assert "registry" in page.info[0].value
