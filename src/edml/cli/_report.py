"""``edml report``: a model, or several side by side, as one page."""

import math
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from edml._optional import import_optional
from edml.cli._files import write_whole
from edml.cli._terminal import note, stage
from edml.cli._views import record_facts
from edml.exceptions import MissingExtraError, RegistryError
from edml.inspection import Evaluation
from edml.registry import ModelRecord, ModelRegistry

_CSS = """
:root { color-scheme: light dark; }
body { max-width: 62em; margin: 2em auto; padding: 0 1em;
  font-family: system-ui, sans-serif; line-height: 1.45; }
table { border-collapse: collapse; margin: 0.5em 0 1.2em; }
caption { text-align: left; font-weight: 600; padding: 0.3em 0; }
th, td { padding: 0.25em 0.7em; text-align: right; vertical-align: baseline;
  border-bottom: 1px solid rgba(128, 128, 128, 0.35); }
.text { text-align: left; }
td.text { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
.pictures { display: flex; flex-wrap: wrap; gap: 1.5em; }
figure { margin: 0; max-width: 100%; }
figcaption { max-width: 26em; font-size: 0.9em; }
svg { max-width: 100%; height: auto; stroke-linejoin: round; }
"""
# Forbid all fetching, whatever a label contains.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_FIGURES = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
}


class Evaluated(NamedTuple):
    """A version, with the evaluation that is shown."""

    record: ModelRecord
    evaluation: Evaluation | None
    evaluated_at: str


def report(
    registry: ModelRegistry, versions: Sequence[int | str], out: Path
) -> dict[str, Any]:
    """Write a page about one version, or several side by side."""
    with stage("Reading the registry"):
        numbers = [registry.record(version).version for version in versions]
        shown = choose_evaluations(registry, list(dict.fromkeys(numbers)))
    with stage(f"Writing {out}"):
        page = write_page(shown)
        write_whole(out, page.encode("utf-8", "backslashreplace"))
    return {
        "report": str(out),
        "versions": [one.record.version for one in shown],
        "same_rows": _same_rows(shown),
    }


def choose_evaluations(
    registry: ModelRegistry, versions: Sequence[int]
) -> list[Evaluated]:
    """Return for each version its latest evaluation that did not decide a contest.

    For several versions it is the latest on common rows, if all were evaluated on some.
    """
    fair = {}
    for version in versions:
        table = registry.evaluations(version)
        fair[version] = table[table["fair"].astype(bool)]
    shared = set.intersection(
        *(set(table["data_fingerprint"]) for table in fair.values())
    )
    shown = []
    for version, table in fair.items():
        rows = table[table["data_fingerprint"].isin(shared)] if shared else table
        record = registry.record(version)
        if len(rows):
            last = rows.iloc[-1]
            when = f"{last['evaluated_at']:%Y-%m-%d}"
            shown.append(Evaluated(record, last["evaluation"], when))
        else:
            shown.append(Evaluated(record, None, ""))
    if all(one.evaluation is None for one in shown):
        message = (
            "Expected an evaluation that decided no contest; found none. "
            "Evaluate on other students: edml update, or ModelRegistry.reevaluate."
        )
        raise RegistryError(message)
    return shown


def write_page(shown: Sequence[Evaluated]) -> str:
    """Write the page."""
    title = (
        f"Model {shown[0].record.version}"
        if len(shown) == 1
        else f"Models {', '.join(str(one.record.version) for one in shown)}"
    )
    parts = [f"<h1>{title}</h1>"]
    if len(shown) > 1:
        parts.append(_comparison(shown))
    pictures = _can_draw()
    parts += [_section(one, pictures) for one in shown]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f"<main>\n{''.join(parts)}\n</main>\n</body>\n</html>\n"
    )


def _section(one: Evaluated, pictures: bool) -> str:
    facts = {**record_facts(one.record), "evaluated": one.evaluated_at}
    body = "".join(
        f'<tr><th scope="row" class="text">{name}</th>'
        f'<td class="text">{escape(value)}</td></tr>'
        for name, value in facts.items()
        if value
    )
    head = f"<h2>Version {one.record.version}</h2><table>{body}</table>"
    if one.evaluation is None:
        return f"{head}<p>It has no evaluation that decided no contest.</p>"
    drawn = _pictures(one.evaluation, one.record.version) if pictures else ""
    return f"{head}{one.evaluation._repr_html_()}{drawn}"


def _comparison(shown: Sequence[Evaluated]) -> str:
    heads = "".join(f'<th scope="col">{one.record.version}</th>' for one in shown)
    body = "".join(
        f'<tr><th scope="row" class="text">{title}</th>'
        f"{''.join(_cell(one.evaluation, name) for one in shown)}</tr>"
        for name, title in _FIGURES.items()
    )
    rows = (
        "All were evaluated on the same rows."
        if _same_rows(shown)
        else "They were evaluated on different rows: do not compare the figures."
    )
    return (
        f"<p>{rows} Intervals are in brackets.</p>"
        f'<div class="scroll"><table><caption>Side by side</caption><thead><tr><th>'
        f"</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(evaluation: Evaluation | None, name: str) -> str:
    if evaluation is None or math.isnan(evaluation.metrics[name]):
        return "<td>-</td>"
    low, high = evaluation.intervals[name]
    between = "" if math.isnan(low) else f" [{low:.3f}, {high:.3f}]"
    return f"<td>{evaluation.metrics[name]:.3f}{between}</td>"


def _same_rows(shown: Sequence[Evaluated]) -> bool:
    rows = {one.evaluation and one.evaluation.data_fingerprint for one in shown}
    return len(rows) == 1


def _can_draw() -> bool:
    try:
        import_optional("matplotlib", extra="plot", purpose="Drawing")
    except MissingExtraError as error:
        note(f"The page has no pictures. {error}")
        return False
    return True


def _pictures(evaluation: Evaluation, version: int) -> str:
    figures = "".join(
        f"<figure>{_distinct(picture.svg, version)}"
        f"<figcaption><strong>{escape(picture.title)}.</strong> "
        f"{escape(picture.text)}</figcaption></figure>"
        for picture in evaluation.draw_pictures()
    )
    return f'<div class="pictures">{figures}</div>'


def _distinct(svg: str, version: int) -> str:
    """Make the ids of a picture unique in a page with several similar pictures."""
    svg = re.sub(r'(\bid="|href="#|url\(#|labelledby=")', rf"\g<1>v{version}-", svg)
    return re.sub(r'(labelledby="\S+ )', rf"\g<1>v{version}-", svg)
