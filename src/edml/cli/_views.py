"""Show the results of commands to people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table

from edml._words import Words
from edml.cli._figures import (
    explain_figures,
    format_figure,
    models_table,
    show_models,
)
from edml.cli._terminal import make_table, right, words

if TYPE_CHECKING:
    import pandas as pd

    from edml.cli._demo import Demo
    from edml.registry import ModelRecord

_MOST = 10  # students on the screen; the files list all


def show_page(out: Console, _: dict[str, Any], *, text: str, page: Path | None) -> None:
    """Show a report, and where its page is."""
    out.print(text)
    if page is not None:
        out.print("\n" + words("Wrote {file}.", file=page))


def show_processed(out: Console, result: dict[str, Any]) -> None:
    """Show the result of `edml process`."""
    text = words(
        "Wrote {file}: {n_snapshots} snapshots of {n_students} students, from {n_rows} "
        "rows.",
        file=result["features"],
        n_snapshots=words.number(result["n_snapshots"]),
        n_students=words.number(result["n_students"]),
        n_rows=words.number(result["n_rows"]),
    )
    out.print(text)


def show_tuned(out: Console, result: dict[str, Any]) -> None:
    """Show the result of `edml tune`."""
    parts = {name: words.number(n) for name, n in result["students"].items()}
    text = words(
        "Tried {n} candidates on {train} students. The figures are of {test} others; "
        "{contest} are kept for a contest.",
        n=words.number(result["n_evaluations"]),
        **parts,
    )
    out.print(text)
    show_models(out, words("Registered"), result["versions"])


def show_updated(out: Console, result: dict[str, Any]) -> None:
    """Show the result of `edml update`."""
    if result["evaluations"]:
        show_models(out, words("On the new students"), result["evaluations"])
    for old, new in result["refitted"].items():
        out.print(
            words("Refitted version {old}: it is version {new}.", old=old, new=new)
        )
    for old, new in result["retuned"].items():
        text = words(
            "Threshold of version {old}: it is version {new}.", old=old, new=new
        )
        out.print(text)
    if result["importance"] is not None:
        file = result["importance"]
        out.print(words("Wrote {file}: what moved the scores.", file=file))
    if result["contest"] is not None:
        why = result["contest"]["why"]
        out.print(words("The contest: {why}", why=why))
    if result["removed"]:
        removed = ", ".join(map(str, result["removed"]))
        out.print(words("Removed, by update.keep: version {removed}.", removed=removed))
    champion = result["champion"]
    if champion is None:
        out.print(words("No champion yet."))
    else:
        out.print(words("Champion: {version}.", version=champion))


def show_predicted(
    out: Console,
    result: dict[str, Any],
    names: Mapping[str, str],
    courses: Sequence[str],
) -> None:
    """Show the result of `edml predict`, whose columns have the user's names.

    Students and ``courses`` are shown in full, as `--student` and `--course` take them.
    """
    students = result["predictions"]
    numbers = [
        str(one.get(names["legajo"]) or one[names["user_uuid"]])
        for one in students[:_MOST]
    ]
    width = min(max(map(len, numbers), default=0), 20)
    shown = make_table(
        words("Most at risk, by version {version}", version=result["model_version"]),
        Column(words("student"), min_width=width, max_width=20, overflow="fold"),
        Column(words("course"), min_width=8, max_width=20, overflow="fold"),
        right(words("day"), min_width=3),
        right(words("risk"), min_width=5),
        Column("", min_width=7),
        words("main reason"),
    )
    for number, course, one in zip(numbers, courses, students, strict=False):
        reasons = one.get("reasons") or [""]
        shown.add_row(
            number,
            course,
            str(one[names["particion"]]),
            words.percent(one["probability"]),
            words.pgettext("a student", "flagged") if one["flagged"] else "",
            reasons[0],
        )
    out.print(shown)
    n_flagged = sum(one["flagged"] for one in students)
    text = words.ngettext(
        "Flagged: {flagged} of {n} student in a course.",
        "Flagged: {flagged} of {n} students in a course.",
        len(students),
        flagged=words.number(n_flagged),
    )
    out.print(text)
    for path in result["files"]:
        out.print(words("Wrote {file}", file=path), soft_wrap=True)


def show_reported(out: Console, result: dict[str, Any]) -> None:
    """Show the result of `edml report`."""
    out.print(words("Wrote {file}", file=result["report"]), soft_wrap=True)
    if not result["same_rows"]:
        text = words(
            "The versions were evaluated on different students: do not compare their "
            "figures."
        )
        out.print(text)


def show_run(out: Console, result: dict[str, Any]) -> None:
    """Show the result of `edml run`."""
    for one in result["stages"]:
        done = words("done") if one["done_now"] else words("done before")
        out.print(f"{one['stage']}: {done}")
        if one["stage"] == "register":
            show_models(out, words("Registered"), one["result"]["versions"])
        if one["stage"] == "update":
            show_updated(out, one["result"])
    text = words(
        "Next: edml report writes a page about the champion, and edml predict lists "
        "whom to contact."
    )
    out.print(text)


def show_config(out: Console, result: dict[str, Any]) -> None:
    """Show the effective settings and their origins."""
    folded = [Column(name, overflow="fold") for name in ("key", "value", "from")]
    shown = make_table("Settings", *folded)
    for section, keys in result["settings"].items():
        for key, value in keys.items():
            name = f"{section}.{key}"
            origin = result["origins"].get(name, "")
            style = "bold" if origin else None
            text = "-" if value is None else str(value)
            shown.add_row(name, text, origin or "default", style=style)
    out.print(shown)


def show_demo(out: Console, result: "Demo") -> None:
    """Show the result of `edml demo`."""
    n_train, n_test = result.n_students
    out.print(f"{result.how} These are {n_train:,} and {n_test:,} students.\n")
    out.print(_gain_table(result.gain))
    out.print(
        "In each course, one student in ten is contacted, rounded up: those most at "
        "risk on that day. Drawing lots finds as many failing students as the column "
        "says, on average. Below the share found is its 95% interval. A student in "
        "two courses counts twice.\n"
    )
    evaluation = result.evaluation
    shown = {"algorithm": "LGBMClassifier", **vars(evaluation)}
    out.print(models_table("On all days of the test students", [shown]))
    out.print(explain_figures(evaluation.counts))
    out.print(
        "The threshold is 0.5 here, and the probabilities are not calibrated: `edml "
        "run` does both.\n"
    )
    out.print(_students_table(result.most_at_risk))


def _gain_table(gain: "pd.DataFrame") -> Table:
    """Return the table of how many failing students a limited capacity finds."""
    shown = make_table(
        "What is gained by contacting one student in ten",
        right("course\nday"),
        right("students"),
        right("who\nfail"),
        right("contacted"),
        right("of whom\nfail"),
        right("by\nlot"),
        right("share\nfound"),
    )
    for row in gain.to_dict("records"):
        names = ("day", "n_enrolled", "n_failing", "n_contacted", "n_found")
        shown.add_row(
            *(f"{row[name]:,.0f}" for name in names),
            Words().number(row["by_lot"], 1),
            format_figure(row["share"], (row["low"], row["high"])),
        )
    return shown


def _students_table(students: "pd.DataFrame") -> Table:
    """Return the table of the students most at risk."""
    shown = make_table(
        f"The {len(students)} students most at risk, at their latest day",
        right("file number"),
        Column("course", max_width=30),
        right("course day"),
        right("probability\nof failing"),
        right("did fail"),
    )
    for row in students.itertuples():
        shown.add_row(
            str(row.legajo),
            str(row.course_name),
            str(row.particion),
            Words().percent(row.probability),
            "yes" if row.fails else "no",
        )
    return shown


def record_facts(record: "ModelRecord", words: Words) -> dict[str, str]:
    """Return the facts about a version, by readable names."""
    facts: dict[str, Any] = {
        words("stage"): record.stage,
        words("algorithm"): record.algorithm,
        words("parameters"): _listed(record.parameters),
        words("threshold"): words.percent(record.threshold),
        words("stored"): record.created_at,
        words("parent"): record.parent,
        words("tags"): _listed(record.tags),
        words("columns"): ", ".join(record.feature_names or ()),
        words("trained on"): record.data_fingerprint,
        words("threshold from"): record.threshold_fingerprint,
        words("folds"): record.split_plan_hash,
        words("cross-validation"): _listed(record.cross_validation or {}),
        words("libraries"): _listed(record.libraries),
        words("comes from"): _listed(record.origin or {}),
    }
    return {name: str(one) for name, one in facts.items() if one not in (None, "")}


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
