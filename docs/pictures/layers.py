"""Draw the layers of edml from the contract that import-linter checks."""

import re
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt

settings = tomllib.loads(Path("../../pyproject.toml").read_text(encoding="utf-8"))
contracts = settings["tool"]["importlinter"]["contracts"]
layers = next(c["layers"] for c in contracts if c["type"] == "layers")
rows = [
    re.findall(r"[a-z]\w*|_(?!_)\w+", layer.replace("__main__", "")) for layer in layers
]
rows = [row for row in rows if row]

figure, axes = plt.subplots(figsize=(8, 0.62 * len(rows)))
for height, names in enumerate(reversed(rows)):
    width = 1 / len(names)
    for place, name in enumerate(names):
        private = name.startswith("_")
        axes.add_patch(
            plt.Rectangle(
                (place * width + 0.004, height + 0.1),
                width - 0.008,
                0.8,
                facecolor="#eeeeee" if private else "#d5e8f5",
                edgecolor="#5b7f99",
            )
        )
        axes.text(
            (place + 0.5) * width,
            height + 0.5,
            name,
            ha="center",
            va="center",
            fontsize=9 if len(names) < 4 else 7.5,
            family="monospace",
        )
axes.annotate(
    "imports",
    xy=(1.05, 0.1),
    xytext=(1.05, len(rows) - 0.1),
    ha="center",
    arrowprops={"arrowstyle": "->", "color": "#5b7f99"},
)
axes.set(xlim=(0, 1.1), ylim=(0, len(rows)))
axes.axis("off")
