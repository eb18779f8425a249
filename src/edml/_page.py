"""Self-contained HTML pages: their look, their tables and their pictures."""

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

# Inherit the colours of the page, so that it also suits a dark one.
CSS = """
.edml-evaluation { font-family: system-ui, sans-serif; line-height: 1.45; }
.edml-evaluation table { border-collapse: collapse; margin: 0.5em 0 1.2em; }
.edml-evaluation caption { text-align: left; font-weight: 600; padding: 0.3em 0; }
.edml-evaluation th, .edml-evaluation td { padding: 0.25em 0.7em; text-align: right;
  border-bottom: 1px solid rgba(128, 128, 128, 0.35); vertical-align: baseline; }
.edml-evaluation .text { text-align: left; }
.edml-evaluation td.text { overflow-wrap: anywhere; }
.edml-evaluation .vague { opacity: 0.75; font-style: italic; text-align: left; }
.edml-evaluation .scroll { overflow-x: auto; }
.edml-evaluation summary { cursor: pointer; font-weight: 600; }
"""
_PAGE_CSS = """
:root { color-scheme: light dark; }
body { max-width: 62em; margin: 2em auto; padding: 0 1em; }
.pictures { display: flex; flex-wrap: wrap; gap: 1.5em; }
figure { margin: 0; max-width: 100%; }
figcaption { max-width: 26em; font-size: 0.9em; }
svg { max-width: 100%; height: auto; stroke-linejoin: round; }
"""
# Forbid all fetching, whatever a label contains.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class Picture(NamedTuple):
    """A picture; ``text`` explains it, also to readers who cannot see it."""

    title: str
    text: str
    svg: str


def make_page(title: str, body: str) -> bytes:
    """Return a page in UTF-8 that loads nothing; ``body`` is HTML."""
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}{_PAGE_CSS}</style>\n</head>\n"
        f'<body>\n<main class="edml-evaluation">\n<h1>{escape(title)}</h1>\n{body}\n'
        "</main>\n</body>\n</html>\n"
    )
    # A label may hold a lone surrogate, which UTF-8 cannot encode.
    return page.encode("utf-8", "backslashreplace")


def make_table(caption: str, head: Iterable[str], rows: Iterable[str]) -> str:
    """Return a table of `make_row` rows."""
    cells = "".join(
        f'<th scope="col" class="text">{escape(name)}</th>' for name in head
    )
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def make_row(label: str, *cells: str, more: str = "") -> str:
    """Return a row of escaped cells; ``more`` holds further cells as HTML."""
    body = "".join(f"<td>{escape(cell)}</td>" for cell in cells) + more
    return f'<tr><th scope="row" class="text">{escape(label)}</th>{body}</tr>'


def make_figures(pictures: Iterable[Picture]) -> str:
    """Return pictures with their captions."""
    figures = "".join(
        f"<figure>{picture.svg}<figcaption><strong>{escape(picture.title)}.</strong> "
        f"{escape(picture.text)}</figcaption></figure>"
        for picture in pictures
    )
    return f'<div class="pictures">{figures}</div>'
