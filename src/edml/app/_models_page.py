"""The models page."""

import streamlit as st

from edml.app._source import Source
from edml.app._words import Words


def show(source: Source, words: Words) -> None:
    """Show the page."""
    st.title(words("page_models"))
    st.dataframe(source.records(), hide_index=True)
