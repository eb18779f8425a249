"""The script that Streamlit runs for each page: navigation, language, the page."""

from importlib import import_module
from typing import Any

import streamlit as st

from edml._translation import N_, list_languages
from edml.app import _state
from edml.app._launch import handed_settings
from edml.app._palette import BLUE, SKY, VERMILLION
from edml.app._style import apply_style
from edml.app._words import Words, choose_language, language_name

# inline: Streamlit would fetch its own from another server
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    f'<rect x="1" y="9" width="4" height="6" fill="{SKY}"/>'
    f'<rect x="6" y="5" width="4" height="10" fill="{BLUE}"/>'
    f'<rect x="11" y="1" width="4" height="14" fill="{VERMILLION}"/></svg>'
)
_AT_RISK = N_("Who is at risk of failing?")
#: The module, title, heading and icon of each page, by its path.
_PAGES = {
    "students": ("_scores_page", N_("Students"), _AT_RISK, "groups"),
    "models": ("_models_page", N_("Models"), N_("Models"), "model_training"),
    "health": ("_health", N_("Health"), N_("Health"), "monitor_heart"),
}


def _make_page(path: str, words: Words) -> Any:
    module, title, heading, icon = _PAGES[path]

    def show() -> None:
        st.title(words(heading))  # at once
        with st.spinner(words("Loading …")):
            page = import_module(f"edml.app.{module}")  # seconds
            source = _state.current_source()
        page.show(source, words)

    return st.Page(
        show,
        title=words(title),
        icon=f":material/{icon}:",
        url_path=path,
        default=path == "students",
    )


def _choose_words() -> Words:
    """Return the words in the chosen language; default to the settings or browser."""
    if "language" not in st.session_state:
        wanted = handed_settings().language or st.context.locale
        st.session_state["language"] = choose_language(wanted)
    st.session_state["language"] = st.session_state["language"]  # on every page
    return Words(st.session_state["language"])


def main() -> None:
    """Show the requested page."""
    st.set_page_config(page_title="edml", page_icon=_ICON, layout="wide")
    words = _choose_words()
    apply_style(words)
    pages = [_make_page(path, words) for path in _PAGES]
    # Streamlit's own menu stays open over the page on a phone
    page = st.navigation(pages, position="hidden")
    with st.container(horizontal=True, vertical_alignment="center", key="navigation"):
        for one in pages:
            st.page_link(one)
        st.space("stretch")
        st.selectbox(
            words("Language"),
            list_languages(),
            format_func=language_name,
            label_visibility="collapsed",
            width=120,
            key="language",
        )
    with _state.guarded(words):
        page.run()


if __name__ == "__main__":  # Streamlit runs it this way
    main()
