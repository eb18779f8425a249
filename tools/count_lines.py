"""Count the lines of a source tree: `python tools/count_lines.py [FOLDER]`.

Code is every line that is neither blank nor a comment nor part of a docstring.
"""

import ast
import sys
import tokenize
from collections import Counter
from pathlib import Path

COLUMNS = ("files", "lines", "code", "docstrings", "comments", "longest")
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def count(path: Path) -> Counter[str]:
    """Count one file's lines."""
    text = path.read_text(encoding="utf-8")
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Documented) and ast.get_docstring(node, clean=False):
            docstring = node.body[0]
            docstrings |= set(range(docstring.lineno, docstring.end_lineno + 1))
    with path.open("rb") as file:
        tokens = list(tokenize.tokenize(file.readline))
    comments = {t.start[0] for t in tokens if t.type == tokenize.COMMENT}
    lines = text.splitlines()
    code = [
        number
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    return Counter(
        files=1,
        lines=len(lines),
        code=len(set(code) - docstrings),
        docstrings=len(docstrings),
        comments=len(comments),
        longest=len(lines),
    )


def main() -> None:
    """Print a row for each package, and one for the whole tree."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "src/edml")
    packages: dict[str, Counter[str]] = {}
    for path in sorted(root.rglob("*.py")):
        folder, *rest = path.relative_to(root).parts
        counted = count(path)
        for name in (folder if rest else "(modules)", "all"):
            package = packages.setdefault(name, Counter())
            longest = max(package["longest"], counted["longest"])
            package.update(counted)
            package["longest"] = longest
    sys.stdout.write(f"{'':20}" + "".join(f"{name:>12}" for name in COLUMNS) + "\n")
    for name in [*sorted(set(packages) - {"all"}), "all"]:
        row = "".join(f"{packages[name][column]:12,}" for column in COLUMNS)
        sys.stdout.write(f"{name:20}{row}\n")


if __name__ == "__main__":
    main()
