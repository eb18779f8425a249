"""Self-contained HTML pages: their look, their tables and their pictures."""

import math
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape
from typing import NamedTuple

# Inherit the colours of the page, so that it also suits a dark one.
CSS = """
.edml-evaluation { font-family: system-ui, sans-serif; line-height: 1.45; }
.edml-evaluation table { border-collapse: collapse; margin: 0.5em 0 1.2em; }
.edml-evaluation caption { text-align: left; font-weight: 600; padding: 0.3em 0; }
.edml-evaluation th, .edml-evaluation td { padding: 0.25em 0.7em; text-align: right;
  border-bottom: 1px solid rgba(128, 128, 128, 0.35); vertical-align: baseline; }
.edml-evaluation td { white-space: nowrap; }
.edml-evaluation .text { text-align: left; }
.edml-evaluation td.text { overflow-wrap: anywhere; white-space: normal;
  min-width: 14em; }
.edml-evaluation .scroll { overflow-x: auto; }
.edml-evaluation summary { cursor: pointer; font-weight: 600; }
"""
# Sort a table by a column: numbers by data-value, other cells by their text.
_SCRIPT = """
for (const head of document.querySelectorAll("table.sortable thead th button")) {
  head.addEventListener("click", () => {
    const cell = head.parentElement, place = cell.cellIndex;
    const down = cell.getAttribute("aria-sort") === "ascending";
    for (const one of cell.parentElement.cells) one.removeAttribute("aria-sort");
    cell.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = cell.closest("table").tBodies[0];
    const read = (row) => row.cells[place]?.dataset.value ??
      row.cells[place]?.innerText ?? "";
    const compare = (a, b) => a !== "" && b !== "" && !isNaN(a) && !isNaN(b)
      ? a - b : a.localeCompare(b, undefined, {numeric: true});
    const rows = [...body.rows].sort((a, b) => compare(read(a), read(b)));
    body.append(...(down ? rows.reverse() : rows));
  });
}
"""
_PAGE_CSS = """
:root { color-scheme: light dark; }
body { max-width: 70em; margin: 2em auto; padding: 0 1em; }
.pictures { display: flex; flex-wrap: wrap; gap: 1.5em; }
figure { margin: 0; max-width: 100%; }
figcaption { max-width: 26em; font-size: 0.9em; }
svg { max-width: 100%; height: auto; stroke-linejoin: round; }
.lead { font-size: 1.15em; }
thead button { all: unset; cursor: pointer; }
thead button:focus-visible { outline: 2px solid; }
thead button::after { content: " \\21C5"; opacity: 0.5; }
th[aria-sort=ascending] button::after { content: " \\2191"; opacity: 1; }
th[aria-sort=descending] button::after { content: " \\2193"; opacity: 1; }
@page { margin: 1.5cm; }
@media print {
  :root { color-scheme: light; }
  body { max-width: none; margin: 0; font-size: 10pt; }
  thead button::after { content: ""; }
  figure, tr, caption { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
  .edml-evaluation .scroll { overflow: visible; }
  .edml-evaluation table { font-size: 8.5pt; }
  .edml-evaluation th, .edml-evaluation td { padding: 0.15em 0.35em; }
  .edml-evaluation td { white-space: normal; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
"""
# Forbid all fetching, whatever a label contains.
_HASH = b64encode(sha256(_SCRIPT.encode()).digest()).decode()
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_SORTABLE = ' class="sortable"'


class Picture(NamedTuple):
    """A picture; ``text`` explains it, also to readers who cannot see it."""

    title: str
    text: str
    svg: str


def make_page(title: str, body: str, language: str = "en") -> bytes:
    """Return a page in UTF-8 that loads nothing; ``body`` is HTML.

    The only script that it allows is our own, where there is a table to sort.
    """
    policy, script = _POLICY, ""
    if _SORTABLE in body:
        policy += f"; script-src 'sha256-{_HASH}'"
        script = f"<script>{_SCRIPT}</script>\n"
    page = (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}{_PAGE_CSS}</style>\n</head>\n"
        f'<body>\n<main class="edml-evaluation">\n<h1>{escape(title)}</h1>\n{body}\n'
        f"</main>\n{script}</body>\n</html>\n"
    )
    # A label may hold a lone surrogate, which UTF-8 cannot encode.
    return page.encode("utf-8", "backslashreplace")


class Cell(NamedTuple):
    """A cell of a table that is sorted by a number."""

    text: str
    value: float


class Prose(str):
    """A cell that may run over several lines."""

    __slots__ = ()


class Html(str):
    """A cell that is HTML, of which nothing is escaped."""

    __slots__ = ()


class Table(NamedTuple):
    """A table of cells, of which the first in a row is its label.

    As text, a ``listed`` one is a list. A ``folded`` one is collapsed in HTML, and left
    out of texts.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    sortable: bool = False
    listed: bool = False
    folded: bool = False

    def to_html(self) -> str:
        """Return the table as HTML; a page's reader can sort a sortable one."""
        names = [escape(name) for name in self.head]
        if self.sortable:
            names = [f'<button type="button">{name}</button>' for name in names]
        head = "".join(f'<th scope="col" class="text">{name}</th>' for name in names)
        html = (
            f'<div class="scroll"><table{_SORTABLE if self.sortable else ""}>'
            f"<caption>{escape(self.caption)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(map(_make_row, self.rows))}</tbody></table></div>"
        )
        if not self.folded:
            return html
        summary = escape(f"{self.caption} ({len(self.rows)})")
        return f"<details><summary>{summary}</summary>{html}</details>"

    def to_text(self) -> str:
        """Return the table as lines, in aligned columns unless it is listed."""
        if self.listed:
            return "\n".join([self.caption, *map(_list_row, self.rows)])
        rows = [list(map(_read_text, row)) for row in self.rows]
        rows = [list(self.head), *rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [" | ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([self.caption, *(f"  {line}" for line in lines)])


def _list_row(row: Sequence[str | Cell]) -> str:
    """Return a row as an entry of a list, which a label that is not prose begins."""
    first, *others = map(_read_text, row)
    if not isinstance(row[0], Prose):
        first = f"{first}: {others.pop(0)}"
    return "\n  ".join([f"- {first}", *filter(None, others)])


def make_body(parts: Iterable[str | Table]) -> str:
    """Return sentences and tables as HTML, the first sentence in larger letters."""
    kind = ' class="lead"'
    body = []
    for part in parts:
        if isinstance(part, Table):
            body.append(part.to_html())
        else:
            body.append(f"<p{kind}>{escape(part)}</p>")
            kind = ""
    return "".join(body)


def wrap(parts: Iterable[str | Table]) -> str:
    """Return one HTML element with its own style, as a notebook shows it."""
    return f'<div class="edml-evaluation"><style>{CSS}</style>{make_body(parts)}</div>'


def _make_row(row: Sequence[str | Cell]) -> str:
    name, *cells = row
    label = escape(_read_text(name))
    body = "".join(map(_make_cell, cells))
    return f'<tr><th scope="row" class="text">{label}</th>{body}</tr>'


def _make_cell(cell: str | Cell) -> str:
    if isinstance(cell, Html):
        return f'<td class="text">{cell}</td>'
    text = escape(_read_text(cell))
    if isinstance(cell, Prose):
        return f'<td class="text">{text}</td>'
    if isinstance(cell, str):
        return f"<td>{text}</td>"
    value = "" if math.isnan(cell.value) else f"{cell.value:.10g}"
    return f'<td data-value="{value}">{text}</td>'


def _read_text(cell: str | Cell) -> str:
    return cell if isinstance(cell, str) else cell.text


def make_figures(pictures: Iterable[Picture]) -> str:
    """Return pictures with their captions."""
    figures = "".join(
        f"<figure>{picture.svg}<figcaption><strong>{escape(picture.title)}.</strong> "
        f"{escape(picture.text)}</figcaption></figure>"
        for picture in pictures
    )
    return f'<div class="pictures">{figures}</div>'
