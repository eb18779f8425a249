"""``edml report``: a model, or several side by side, as one page."""

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from edml._messages import coded
from edml._optional import import_optional
from edml._page import make_figures, make_page, make_row, make_table
from edml.cli._files import write_whole
from edml.cli._terminal import note, stage
from edml.cli._views import record_facts
from edml.exceptions import MissingExtraError, RegistryError
from edml.inspection import Evaluation
from edml.metrics import METRIC_TITLES
from edml.registry import ModelRecord, ModelRegistry


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
        write_whole(out, write_page(shown))
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
        message = coded(
            "no_evaluation",
            "Expected an evaluation that decided no contest; found none. "
            "Evaluate on other students: edml update, or ModelRegistry.reevaluate.",
        )
        raise RegistryError(message)
    return shown


def write_page(shown: Sequence[Evaluated]) -> bytes:
    """Write the page."""
    numbers = ", ".join(str(one.record.version) for one in shown)
    several = len(shown) > 1
    parts = [_comparison(shown)] if several else []
    pictures = _can_draw()
    parts += [_section(one, pictures) for one in shown]
    return make_page(f"Model{'s' if several else ''} {numbers}", "".join(parts))


def _section(one: Evaluated, pictures: bool) -> str:
    facts = {**record_facts(one.record), "evaluated": one.evaluated_at}
    rows = [
        make_row(name, more=f'<td class="text">{escape(value)}</td>')
        for name, value in facts.items()
        if value
    ]
    table = make_table("", [], rows)
    head = f"<h2>Version {one.record.version}</h2>{table}"
    if one.evaluation is None:
        return f"{head}<p>It has no evaluation that decided no contest.</p>"
    drawn = ""
    if pictures:
        prefix = f"v{one.record.version}-"
        drawn = make_figures(one.evaluation.draw_pictures(prefix=prefix))
    return f"{head}{one.evaluation._repr_html_()}{drawn}"


def _comparison(shown: Sequence[Evaluated]) -> str:
    versions = [str(one.record.version) for one in shown]
    table = make_table(
        "Side by side",
        ["", *versions],
        [
            make_row(title, *(_cell(one.evaluation, name) for one in shown))
            for name, title in METRIC_TITLES.items()
        ],
    )
    rows = (
        "All were evaluated on the same rows."
        if _same_rows(shown)
        else "They were evaluated on different rows: do not compare the figures."
    )
    return f"<p>{rows} Intervals are in brackets.</p>{table}"


def _cell(evaluation: Evaluation | None, name: str) -> str:
    if evaluation is None or math.isnan(evaluation.metrics[name]):
        return "-"
    low, high = evaluation.intervals[name]
    between = "" if math.isnan(low) else f" [{low:.3f}, {high:.3f}]"
    return f"{evaluation.metrics[name]:.3f}{between}"


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
