"""The script that Streamlit runs for each page: navigation, language, the page."""

import streamlit as st

from edml._translation import list_languages
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


def _scores(words: Words) -> None:
    st.title(words("Who is at risk of failing?"))  # at once
    with st.spinner(words("Loading …")):
        from edml.app import _scores_page  # noqa: PLC0415 - seconds

        source = _state.current_source()
    _scores_page.show(source, words)


def _models(words: Words) -> None:
    with st.spinner(words("Loading …")):
        from edml.app import _models_page  # noqa: PLC0415

        source = _state.current_source()
    _models_page.show(source, words)


def _health(words: Words) -> None:
    with st.spinner(words("Loading …")):
        from edml.app import _health  # noqa: PLC0415

        source = _state.current_source()
    _health.show(source, words)


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
    pages = [
        st.Page(
            lambda: _scores(words),
            title=words("Students"),
            icon=":material/groups:",
            url_path="students",
            default=True,
        ),
        st.Page(
            lambda: _models(words),
            title=words("Models"),
            icon=":material/model_training:",
            url_path="models",
        ),
        st.Page(
            lambda: _health(words),
            title=words("Health"),
            icon=":material/monitor_heart:",
            url_path="health",
        ),
    ]
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
