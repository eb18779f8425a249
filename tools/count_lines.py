"""Count the lines of the package: `python tools/count_lines.py [FOLDER]`.

Code is what is not blank, no comment and no docstring. Private docstrings are those
of names, or of modules, that begin with an underscore.
"""

import ast
import sys
import tokenize
from collections import Counter
from pathlib import Path

COLUMNS = ("files", "lines", "code", "docstrings", "private", "comments", "longest")
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def docstring_lines(node: ast.AST, private: bool) -> dict[int, bool]:
    """Map each docstring line below a node to whether its name is private."""
    lines: dict[int, bool] = {}
    for child in ast.iter_child_nodes(node):
        name = getattr(child, "name", "")
        hidden = private or (name.startswith("_") and not name.startswith("__"))
        lines |= docstring_lines(child, hidden)
    if isinstance(node, Documented) and ast.get_docstring(node, clean=False):
        text = node.body[0]
        lines |= dict.fromkeys(range(text.lineno, text.end_lineno + 1), private)
    return lines


def count(path: Path) -> Counter[str]:
    """Count one file's lines."""
    text = path.read_text(encoding="utf-8")
    private = path.stem.startswith("_") and not path.stem.startswith("__")
    docstrings = docstring_lines(ast.parse(text), private)
    with path.open("rb") as file:
        tokens = list(tokenize.tokenize(file.readline))
    comments = {t.start[0] for t in tokens if t.type == tokenize.COMMENT}
    lines = text.splitlines()
    alone = {n for n in comments if lines[n - 1].lstrip().startswith("#")}
    code = [
        n
        for n, line in enumerate(lines, 1)
        if line.strip() and n not in alone and n not in docstrings
    ]
    return Counter(
        files=1,
        lines=len(lines),
        code=len(code),
        docstrings=len(docstrings),
        private=sum(docstrings.values()),
        comments=len(comments),
    )


def main() -> None:
    """Print one line for each package, and one for all of them."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "src/edml")
    packages: dict[str, Counter[str]] = {}
    longest: Counter[str] = Counter()
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        package = parts[0] if len(parts) > 1 else "(modules)"
        counted = count(path)
        for name in (package, "all"):
            packages.setdefault(name, Counter()).update(counted)
            longest[name] = max(longest[name], counted["lines"])
    sys.stdout.write(f"{'':20}" + "".join(f"{name:>12}" for name in COLUMNS) + "\n")
    for name in [*sorted(set(packages) - {"all"}), "all"]:
        packages[name]["longest"] = longest[name]
        row = "".join(f"{packages[name][column]:12,}" for column in COLUMNS)
        sys.stdout.write(f"{name:20}{row}\n")


if __name__ == "__main__":
    main()
