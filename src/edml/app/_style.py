"""What Streamlit has no parameter for: spacing, and its own English words."""

import json

import streamlit as st

from edml.app._palette import BLUE
from edml.app._settings import UPLOAD_LIMIT
from edml.app._words import Words

_STYLE = """<style>
.stMainBlockContainer {{ padding: 0.75rem 2rem 2rem; }}
.stMainBlockContainer h1 {{ font-size: 1.75rem; padding: 0 0 0.5rem; }}
.stMainBlockContainer h2 {{ font-size: 1.4rem; }}
.stMainBlockContainer h3 {{ font-size: 1.2rem; }}
[data-testid=stHeader] {{ background: none; pointer-events: none; }}
[data-testid=stHeader] button {{ pointer-events: auto; }}
/* its file has raw names, True and False, and formulas */
[data-testid=stElementToolbar], [data-testid=InputInstructions] {{ display: none; }}
/* Streamlit's greys are hard to read */
[data-testid=stCaptionContainer], [data-testid=stCaptionContainer] p {{
  color: light-dark(#5a5a5a, #b8b8b8) !important; opacity: 1 !important;
}}
[data-testid=stWidgetLabel] p,
[aria-hidden=true] > [data-testid=stMarkdownContainer] p {{
  color: CanvasText !important;
}}
/* in the dark, white is hard to read on the theme's blue */
button[data-testid=stBaseButton-primary] {{
  background-color: {blue}; border-color: {blue};
}}
button[data-selected=true] p {{ color: CanvasText; font-weight: 600; }}
.st-key-student_panel h2 {{ font-size: 1.25rem; }}
[data-testid=stFileUploaderDropzone] button p,
[data-testid=stFileUploaderDropzoneInstructions] span {{ display: none; }}
[data-testid=stFileUploaderDropzone] button::after {{ content: {button}; }}
[data-testid=stFileUploaderDropzoneInstructions]::after {{ content: {limit}; }}
[data-testid=stFileChips] ~ button,
[data-testid=stFileChip] [role=alert] {{ display: none; }}
[data-testid=stTooltipErrorHoverTarget] {{ pointer-events: none; }}
[data-testid=stTooltipErrorHoverTarget] button {{ pointer-events: auto; }}
[data-testid=stFileChips]:has([aria-invalid=true])::after {{ content: {rejected}; }}
@media (max-width: 640px) {{
  .stMainBlockContainer {{ padding: 0.5rem 1rem 2rem; }}
  .stMainBlockContainer h1 {{ font-size: 1.25rem; }}
}}
</style>"""


def apply_style(words: Words) -> None:
    """Lay out the page, and translate the upload."""
    limit = words("CSV, Excel, JSON or Parquet, up to {limit} MB", limit=UPLOAD_LIMIT)
    button = words("Choose a file")
    rejected = words("Too large, or not one of these kinds of files.")
    # as CSS writes strings: JSON's escapes differ only for what no catalogue holds
    texts = {"button": button, "limit": limit, "rejected": rejected}
    quoted = {
        name: json.dumps(text, ensure_ascii=False) for name, text in texts.items()
    }
    st.html(_STYLE.format(blue=BLUE, **quoted))
