"""The script that Streamlit runs for each page: navigation, language, the page."""

import streamlit as st

from edml.app import _state
from edml.app._launch import handed_settings
from edml.app._words import LANGUAGES, Words, choose_language


def _scores() -> None:
    from edml.app import _scores_page  # noqa: PLC0415 - each page imports its own

    _scores_page.show(_state.current_source(), words)


def _models() -> None:
    from edml.app import _models_page  # noqa: PLC0415

    _models_page.show(_state.current_source(), words)


def _choose_words() -> Words:
    """Give the words in the language that is chosen, or else asked for."""
    if "language" not in st.session_state:
        wanted = handed_settings().language or st.context.locale
        st.session_state["language"] = choose_language(wanted)
    st.session_state["language"] = st.session_state["language"]  # on every page
    return Words(st.session_state["language"])


st.set_page_config(page_title="edml", page_icon=":material/school:", layout="wide")
words = _choose_words()
page = st.navigation(
    [
        st.Page(
            _scores,
            title=words("page_scores"),
            icon=":material/groups:",
            url_path="students",
            default=True,
        ),
        st.Page(
            _models,
            title=words("page_models"),
            icon=":material/model_training:",
            url_path="models",
        ),
    ],
    position="sidebar",
)
with st.sidebar:
    st.selectbox(
        words("language"), list(LANGUAGES), format_func=LANGUAGES.get, key="language"
    )
with _state.guarded(words):
    page.run()
