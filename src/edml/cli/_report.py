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
from edml.exceptions import MissingExtraError, RegistryError
from edml.inspection import Evaluation
from edml.inspection._evaluation_figures import draw_pictures
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
# Nothing is fetched, whatever a label might say.
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


class Judged(NamedTuple):
    """A version, and how good it is.

    Attributes
    ----------
    record : ModelRecord
        Of the version.
    evaluation : Evaluation or None
        The latest that no contest was decided by; None where there is none.
    evaluated_at : str
        The day of that.
    """

    record: ModelRecord
    evaluation: Evaluation | None
    evaluated_at: str


def report(
    registry: ModelRegistry, versions: Sequence[int | str], out: Path
) -> dict[str, Any]:
    """Write a page of one version, or of several side by side.

    Parameters
    ----------
    registry : ModelRegistry
        The models.
    versions : sequence of int or str
        Numbers, or "production", "staging", "latest".
    out : Path
        The page, replaced where it exists.

    Returns
    -------
    result : dict
        The path and the versions; of several also whether they were judged on the
        same rows.

    Raises
    ------
    RegistryError
        If there is no such version.
    OSError
        If the page cannot be written.
    """
    with stage("Reading the registry"):
        numbers = [registry.record(version).version for version in versions]
        judged = read_judged(registry, list(dict.fromkeys(numbers)))
    with stage(f"Writing {out}"):
        page = write_page(judged)
        write_whole(out, page.encode("utf-8", "backslashreplace"))
    return {
        "report": str(out),
        "versions": [one.record.version for one in judged],
        "same_rows": _same_rows(judged),
    }


def read_judged(registry: ModelRegistry, versions: Sequence[int]) -> list[Judged]:
    """Give for each version the evaluation that is shown.

    Of several versions that is the latest on rows that all of them were judged on,
    where there are such rows.

    Parameters
    ----------
    registry : ModelRegistry
        The models.
    versions : sequence of int
        Which.

    Returns
    -------
    judged : list of Judged
        In the same order.

    Raises
    ------
    RegistryError
        If no version was evaluated.
    """
    fair = {}
    for version in versions:
        table = registry.evaluations(version)
        fair[version] = table[table["fair"].astype(bool)]
    shared = set.intersection(
        *(set(table["data_fingerprint"]) for table in fair.values())
    )
    judged = []
    for version, table in fair.items():
        rows = table[table["data_fingerprint"].isin(shared)] if shared else table
        record = registry.record(version)
        if len(rows):
            last = rows.iloc[-1]
            when = f"{last['evaluated_at']:%Y-%m-%d}"
            judged.append(Judged(record, last["evaluation"], when))
        else:
            judged.append(Judged(record, None, ""))
    if all(one.evaluation is None for one in judged):
        message = (
            "Expected an evaluation that no contest was decided by; found none. "
            "Evaluate on other students: edml update, or ModelRegistry.reevaluate."
        )
        raise RegistryError(message)
    return judged


def write_page(judged: Sequence[Judged]) -> str:
    """Write the page.

    Parameters
    ----------
    judged : sequence of Judged
        What it shows.

    Returns
    -------
    html : str
        Self-contained.
    """
    title = (
        f"Model {judged[0].record.version}"
        if len(judged) == 1
        else f"Models {', '.join(str(one.record.version) for one in judged)}"
    )
    parts = [f"<h1>{title}</h1>"]
    if len(judged) > 1:
        parts.append(_comparison(judged))
    pictures = _can_draw()
    parts += [_section(one, pictures) for one in judged]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        f"<main>\n{''.join(parts)}\n</main>\n</body>\n</html>\n"
    )


def _section(one: Judged, pictures: bool) -> str:
    record = one.record
    rows = {
        "stage": record.stage,
        "algorithm": record.algorithm,
        "threshold": f"{record.threshold:.6g}",
        "stored": record.created_at,
        "made from version": record.parent,
        "parameters": _listed(record.parameters),
        "tags": _listed(record.tags),
        "libraries": _listed(record.libraries),
        "evaluated": one.evaluated_at,
    }
    body = "".join(
        f'<tr><th scope="row" class="text">{name}</th>'
        f'<td class="text">{escape(str(value))}</td></tr>'
        for name, value in rows.items()
        if value not in (None, "")
    )
    head = f"<h2>Version {record.version}</h2><table>{body}</table>"
    if one.evaluation is None:
        return f"{head}<p>It has no evaluation that may be shown.</p>"
    drawn = _pictures(one.evaluation, record.version) if pictures else ""
    return f"{head}{one.evaluation._repr_html_()}{drawn}"


def _comparison(judged: Sequence[Judged]) -> str:
    heads = "".join(f'<th scope="col">{one.record.version}</th>' for one in judged)
    body = "".join(
        f'<tr><th scope="row" class="text">{title}</th>'
        f"{''.join(_cell(one.evaluation, name) for one in judged)}</tr>"
        for name, title in _FIGURES.items()
    )
    told = (
        "All were judged on the same rows."
        if _same_rows(judged)
        else "They were judged on different rows: the figures cannot be compared."
    )
    return (
        f"<p>{told} In brackets the interval.</p>"
        f'<div class="scroll"><table><caption>Side by side</caption><thead><tr><th>'
        f"</th>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(evaluation: Evaluation | None, name: str) -> str:
    if evaluation is None or math.isnan(evaluation.metrics[name]):
        return "<td>-</td>"
    low, high = evaluation.intervals[name]
    between = "" if math.isnan(low) else f" [{low:.3f}, {high:.3f}]"
    return f"<td>{evaluation.metrics[name]:.3f}{between}</td>"


def _same_rows(judged: Sequence[Judged]) -> bool:
    rows = {one.evaluation and one.evaluation.data_fingerprint for one in judged}
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
        for picture in draw_pictures(evaluation)
    )
    return f'<div class="pictures">{figures}</div>'


def _distinct(svg: str, version: int) -> str:
    """Give the ids of a picture the version: a page may hold several of a kind."""
    svg = re.sub(r'(\bid="|href="#|url\(#|labelledby=")', rf"\g<1>v{version}-", svg)
    return re.sub(r'(labelledby="\S+ )', rf"\g<1>v{version}-", svg)


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
