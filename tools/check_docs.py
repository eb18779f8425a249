"""Check the documentation that was built: sentences, words, links, search, examples.

Usage: python tools/check_docs.py HTML [PAGE ...]

At least 90 % of all sentences have fewer than 25 words, and none holds a word of the
house's list. Of the pages that are named, the long sentences are listed. Tables, code
and docstrings do not count; inline code counts as one word.
"""

import json
import pickle
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docutils import nodes
from docutils.core import publish_doctree
from myst_parser.parsers.docutils_ import Parser
from sphinx.search.en import SearchEnglish

ROOT = Path(__file__).parents[1]
WORDS, SHARE = 25, 0.9
#: Words that the house avoids, and what to write instead.
LIST = {
    r"\bmend(s|ed|ing)?\b": "correct, repair",
    r"\banew\b": "again",
    r"\balone\b": "only, by itself",
    r"\b(is|are|was) none\b": "there is no ..., is not a ...",
    r"\bsuch an? \w+(?! as\b)": "this, one like it",
    r"\bof (its|their|his) own\b": "separate, its",
    r"\bjudged\b": "evaluated",
    r"\bgives?\b(?! (up|the same))": "name the verb: return, show, pass, yield",
    r"(?<!cannot )\btells?\b(?! \w+ apart)": "say, show",
    r"\b(is|are) refused\b": "rejected, an error",
}
_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!\bvs)(?<=[.!?])[\"')*]*\s+")
#: What somebody looks for, and a page that search must find.
SOUGHT = {
    "moodle": "user_guide/own_data",
    "own data": "user_guide/own_data",
    "weekly": "user_guide/faq",
    "withdraw": "user_guide/faq",
}
#: Pages whose commands another check runs.
RUN_ELSEWHERE = {
    "install": "nox -s build",
    "user_guide/spark": "nox -s spark",
    "user_guide/containers": "nox -s image",
    "user_guide/serving_more": "tests/serving/test_follow.py",
    "user_guide/workflow": "tests/cli/test_term.py",
}


# -- sentences ------------------------------------------------------------------------


def sentences(tree: nodes.document) -> Iterator[str]:
    """Yield every sentence outside of tables, with inline code as one word."""
    for paragraph in tree.findall(nodes.paragraph):
        above, inside = paragraph.parent, False
        while above is not None:
            inside |= isinstance(above, nodes.table | nodes.system_message)
            above = above.parent
        if inside:
            continue
        parts = (
            "code" if isinstance(text.parent, nodes.literal) else text.astext()
            for text in paragraph.findall(nodes.Text)
        )
        for one in _END.split(" ".join("".join(parts).split())):
            if len(one.split()) > 2:
                yield one


def count(text: str) -> int:
    """Count words: what holds a letter or a digit."""
    return sum(any(map(str.isalnum, word)) for word in text.split())


def check_prose(html: Path, listed: list[str]) -> list[str]:
    """Check the words of each sentence, and the share of short ones."""
    found = []
    options = {"myst_all_links_external": True}
    texts = {
        "README": publish_doctree(
            (ROOT / "README.md").read_text("utf-8"),
            parser=Parser(),
            settings_overrides=options,
        )
    }
    for path in sorted((html / ".doctrees").rglob("*.doctree")):
        name = path.relative_to(html / ".doctrees").with_suffix("").as_posix()
        if "generated" not in name and name != "changelog":
            texts[name] = pickle.loads(path.read_bytes())  # noqa: S301 - Sphinx's own
    n_all = n_long = 0
    for name, tree in texts.items():
        for text in sentences(tree):
            n_all += 1
            n_long += count(text) >= WORDS
            if name in listed and count(text) >= WORDS:
                found.append(f"{name}: {count(text)} words: {text}")
            for pattern, instead in LIST.items():
                for word in re.finditer(pattern, text, re.IGNORECASE):
                    found.append(f"{name}: {word[0]!r}: {instead}. {text[:60]} ...")
    share = 1 - n_long / n_all
    said = f"{share:.1%} of {n_all} sentences have fewer than {WORDS} words."
    sys.stdout.write(f"{said}\n")
    return found if share >= SHARE else [*found, said]


# -- links ----------------------------------------------------------------------------


class _Page(HTMLParser):
    """The links of a page, and the places that others may link to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = {""}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name"):
                self.places.add(value or "")
            if name in ("href", "src") and tag in ("a", "img"):
                self.links.add(value or "")


def check_links(html: Path) -> list[str]:
    """Check that every internal link leads to a file, and to a place in it."""
    pages = {path: _Page(path) for path in html.rglob("*.html")}
    found = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("#"):
                continue
            target = (path.parent / unquote(parts.path)).resolve()
            known = pages[target].places if target in pages else {parts.fragment}
            if not target.exists() or unquote(parts.fragment) not in known:
                found.append(f"{path.relative_to(html)}: {link} leads nowhere.")
    return found


# -- search and examples -----------------------------------------------------------


def check_search(html: Path) -> list[str]:
    """Check that the built search finds what people look for."""
    text = (html / "searchindex.js").read_text("utf-8")
    index = json.loads(text[text.index("{") : text.rindex("}") + 1])
    language = SearchEnglish({})
    found = []
    for sought, page in SOUGHT.items():
        number = index["docnames"].index(page)
        for word in filter(language.word_filter, sought.split()):
            hits = [
                index[part].get(language.stem(word), [])
                for part in ("terms", "titleterms")
            ]
            if not any(one == number or number in _as_list(one) for one in hits):
                found.append(f"Search for {sought!r} does not find {page}.")
    return found


def _as_list(hits: int | list[int]) -> list[int]:
    return hits if isinstance(hits, list) else [hits]


def has_example(path: Path) -> bool:
    """Check whether a page, or a part that it includes, has an example that runs."""
    text = path.read_text("utf-8")
    parts = [path.parent / name for name in re.findall(r"include:: (_\w+\.rst)", text)]
    return ">>> " in text or ".. plot::" in text or any(map(has_example, parts))


def check_pages() -> list[str]:
    """Check that every page that was written by hand has an example that runs."""
    docs = ROOT / "docs"
    pages = [*docs.glob("*.rst"), *docs.glob("user_guide/[!_]*.rst")]
    names = {path.relative_to(docs).with_suffix("").as_posix(): path for path in pages}
    exempt = {"changelog", "user_guide/index", *RUN_ELSEWHERE}
    return [
        f"{name} has no example that runs."
        for name, path in sorted(names.items())
        if name not in exempt and not has_example(path)
    ]


def main(html: str, *listed: str) -> int:
    """Report what is wrong, and return the exit code."""
    folder = Path(html).resolve()
    found = check_prose(folder, list(listed))
    found += check_links(folder) + check_search(folder) + check_pages()
    sys.stdout.writelines(f"{one}\n" for one in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
