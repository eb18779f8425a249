"""``edml report``: a model, or several side by side, as one page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edml._messages import coded
from edml._optional import import_optional
from edml._page import Prose, Table, make_body, make_figures, make_page
from edml._words import MISSING, Words, words_in
from edml.cli._files import write_whole
from edml.cli._terminal import note, say, stage
from edml.cli._views import record_facts
from edml.exceptions import MissingExtraError, RegistryError
from edml.explanation import own_importance
from edml.inspection import Evaluation
from edml.metrics import METRIC_TITLES
from edml.registry import ModelRecord, ModelRegistry


class Evaluated(NamedTuple):
    """A version, with the evaluation that is shown."""

    record: ModelRecord
    evaluation: Evaluation | None
    evaluated_at: str


def report(
    registry: ModelRegistry, versions: Sequence[int | str], out: Path, language: str
) -> dict[str, Any]:
    """Write a page about one version, or several side by side."""
    with stage("Reading the registry"):
        numbers = [registry.record(version).version for version in versions]
        shown = choose_evaluations(registry, list(dict.fromkeys(numbers)))
        importances = {
            one.record.version: _find_importance(registry, one.record.version)
            for one in shown
        }
    with stage("Writing {file}", file=out):
        write_whole(out, write_page(shown, importances, language))
    return {
        "report": str(out),
        "versions": [one.record.version for one in shown],
        "same_rows": _same_rows(shown),
    }


def _find_importance(registry: ModelRegistry, version: int) -> Any:
    """Return the importances that a model stores; None if it cannot be loaded."""
    try:
        return own_importance(registry.load(version))
    except RegistryError as error:
        note(
            "The page has no importances of version {version}. {reason}",
            version=version,
            reason=say(error),
        )
        return None


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


def write_page(
    shown: Sequence[Evaluated], importances: Mapping[int, Any], language: str
) -> bytes:
    """Write the page."""
    words = words_in(language)
    numbers = ", ".join(str(one.record.version) for one in shown)
    title = words.ngettext(
        "Model {numbers}", "Models {numbers}", len(shown), numbers=numbers
    )
    parts = [make_body(_comparison(shown, words))] if len(shown) > 1 else []
    pictures = _can_draw()
    for one in shown:
        importance = importances.get(one.record.version)
        parts.append(_section(one, importance, pictures, words))
    return make_page(title, "".join(parts), language)


def _section(one: Evaluated, importance: Any, pictures: bool, words: Words) -> str:
    version = one.record.version
    title = words("Version {version}", version=version)
    head = f"<h2>{title}</h2>"
    facts = _facts(one, words)
    if one.evaluation is None:
        text = words("It has no evaluation that decided no contest.")
        return f"{head}<p>{text}</p>{facts}"
    drawn = ""
    if pictures:
        prefix, language = f"v{version}-", words.language
        drawn = make_figures(
            one.evaluation.draw_pictures(prefix=prefix, language=language)
        )
    fragment = one.evaluation.to_html(language=words.language, importance=importance)
    return f"{head}{fragment}{drawn}{facts}"


def _facts(one: Evaluated, words: Words) -> str:
    """Return the facts about a version, folded, under the names of the record."""
    facts = record_facts(one.record, words)
    facts[words("evaluated")] = one.evaluated_at
    rows = [(name, Prose(value)) for name, value in facts.items() if value]
    title = words("The record of the version")
    return Table(title, [], rows, folded=True).to_html()


def _comparison(shown: Sequence[Evaluated], words: Words) -> list[str | Table]:
    """Return the figures side by side, and paired differences from the first."""
    if not _same_rows(shown):
        text = words(
            "The versions were evaluated on different students: do not compare their "
            "figures."
        )
        return [text]
    first, *others = [
        (one.record.version, one.evaluation)
        for one in shown
        if one.evaluation is not None
    ]
    head = [words("figure")]
    head += [words("Version {version}", version=one.record.version) for one in shown]
    rows = [
        (words(title), *(_cell(one.evaluation, name, words) for one in shown))
        for name, title in METRIC_TITLES.items()
    ]
    text = words(
        "All versions were evaluated on the same students. Intervals are in brackets."
    )
    differences = [_differences(*other, *first, words) for other in others]
    return [text, Table(words("Side by side"), head, rows), *differences]


def _differences(
    version: int, mine: Evaluation, other: int, theirs: Evaluation, words: Words
) -> str | Table:
    """Return the table of one version minus another, with paired intervals."""
    caption = words(
        "Version {version} minus version {other}", version=version, other=other
    )
    try:
        found = mine.compare(theirs)
    except ValueError:
        text = words(
            "The evaluations hold no common resamples of students, as earlier versions "
            "of edml stored none. Evaluate both again to see which differences are "
            "more than chance."
        )
        return f"{caption}: {text}"
    rows = [
        (
            words(METRIC_TITLES[str(name)]),
            words.number(row["difference"], 3, signed=True),
            words.interval(row["low"], row["high"], 3),
            words(row["verdict"]),
        )
        for name, row in found.iterrows()
    ]
    head = [words("figure"), words("difference"), words("its interval"), ""]
    return Table(caption, head, rows)


def _cell(evaluation: Evaluation | None, name: str, words: Words) -> str:
    if evaluation is None:
        return MISSING
    return words.estimate(evaluation.metrics[name], *evaluation.intervals[name])


def _same_rows(shown: Sequence[Evaluated]) -> bool:
    rows = {one.evaluation and one.evaluation.data_fingerprint for one in shown}
    return len(rows) == 1


def _can_draw() -> bool:
    try:
        import_optional("matplotlib", extra="plot", purpose="Drawing")
    except MissingExtraError as error:
        note("The page has no pictures. {reason}", reason=say(error))
        return False
    return True
