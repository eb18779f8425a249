"""What an endpoint tells of its champion, and that it tells no more."""

import pandas as pd
import streamlit as st

from edml.app._models_tables import write_time
from edml.app._models_view import FIGURES, provenance
from edml.app._source import Source
from edml.app._words import Words


def show_endpoint(source: Source, words: Words) -> None:
    """Show the model that an endpoint serves.

    Parameters
    ----------
    source : Source
        An endpoint's.
    words : Words
        The language.
    """
    with st.spinner(words("loading"), show_time=True):
        record = source.record(source.champion().version)
    st.header(words("m_endpoint"))
    with st.container(key="models_endpoint"):
        told = {
            words("m_version"): str(record.version),
            words("m_stage"): words(f"m_stage_{record.stage}"),
            words("m_algorithm"): record.algorithm,
            words("m_endpoint_threshold"): words.number(record.threshold, 3),
            **{
                words(f"m_fact_{name}"): write_time(value)
                if name == "created_at"
                else str(value)
                for name, value in provenance(record, None).items()
            },
        }
        facts = pd.DataFrame(told.items(), columns=[words("m_fact"), words("m_value")])
        st.dataframe(facts, hide_index=True, height="content")
        figures = (record.validation or {}).get("metrics") or {}
        if figures:
            st.caption(words("m_endpoint_figures"))
            names = [name for name in FIGURES if name in figures]
            values = [figures[name] for name in names]
            numbers = [
                words.number(float("nan") if value is None else value, 3)
                for value in values
            ]
            table = pd.DataFrame(
                {
                    words("m_figure"): [words(f"m_name_{name}") for name in names],
                    words("m_value"): numbers,
                }
            )
            st.table(table.set_index(words("m_figure")))
        else:
            st.caption(words("m_endpoint_no_figures"))
    st.info(words("m_endpoint_rest"), icon=":material/info:")
