"""Show the results of commands to people."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table

from edml._words import Words, count
from edml.cli._figures import (
    explain_figures,
    format_figure,
    models_table,
    show_models,
)
from edml.cli._terminal import make_table, right

if TYPE_CHECKING:
    import pandas as pd

    from edml.cli._demo import Demo
    from edml.registry import ModelRecord

_MOST = 10  # students on the screen; the files list all


def show_processed(out: Console, result: dict[str, Any]) -> None:
    """Show the result of `edml process`."""
    out.print(
        f"Wrote {result['features']}: {result['n_snapshots']:,} snapshots of "
        f"{result['n_students']:,} students, from {result['n_rows']:,} rows."
    )


def show_tuned(out: Console, result: dict[str, Any]) -> None:
    """Show the result of `edml tune`."""
    students = result["students"]
    out.print(
        f"Tried {result['n_evaluations']:,} candidates on {students['train']:,} "
        f"students. The figures are of {students['test']:,} others; "
        f"{students['contest']:,} are kept for a contest."
    )
    show_models(out, "Registered", result["versions"])


def show_updated(out: Console, result: dict[str, Any]) -> None:
    """Show the result of `edml update`."""
    if result["evaluations"]:
        show_models(out, "On the new students", result["evaluations"])
    for what, made in (("Refitted", "refitted"), ("Threshold of", "retuned")):
        for old, new in result[made].items():
            out.print(f"{what} version {old}: it is version {new}.")
    if result["importance"] is not None:
        out.print(f"Wrote {result['importance']}: what moved the scores.")
    if result["contest"] is not None:
        out.print(f"The contest: {result['contest']['why']}")
    if result["removed"]:
        removed = ", ".join(map(str, result["removed"]))
        out.print(f"Removed, by update.keep: version {removed}.")
    champion = result["champion"]
    out.print("No champion yet." if champion is None else f"Champion: {champion}.")


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
        f"Most at risk, by version {result['model_version']}",
        Column("student", min_width=width, max_width=20, overflow="fold"),
        Column("course", min_width=8, max_width=20, overflow="fold"),
        right("day", min_width=3),
        right("risk", min_width=5),
        Column("", min_width=7),
        "main reason",
    )
    for number, course, one in zip(numbers, courses, students, strict=False):
        reasons = one.get("reasons") or [""]
        shown.add_row(
            number,
            course,
            str(one[names["particion"]]),
            Words().percent(one["probability"]),
            "flagged" if one["flagged"] else "",
            reasons[0],
        )
    out.print(shown)
    n_flagged = sum(one["flagged"] for one in students)
    out.print(
        f"Flagged: {n_flagged:,} of {count(len(students), 'student')} in a course."
    )
    for path in result["files"]:
        out.print(f"Wrote {path}", soft_wrap=True)


def show_reported(out: Console, result: dict[str, Any]) -> None:
    """Show the result of `edml report`."""
    out.print(f"Wrote {result['report']}", soft_wrap=True)
    if not result["same_rows"]:
        out.print("The versions were evaluated on different rows: do not compare them.")


def show_run(out: Console, result: dict[str, Any]) -> None:
    """Show the result of `edml run`."""
    for one in result["stages"]:
        out.print(f"{one['stage']}: {'done' if one['done_now'] else 'done before'}")
        if one["stage"] == "register":
            show_models(out, "Registered", one["result"]["versions"])
        if one["stage"] == "update":
            show_updated(out, one["result"])


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


def record_facts(record: "ModelRecord") -> dict[str, str]:
    """Return the facts about a version, by readable names."""
    facts: dict[str, Any] = {
        "stage": record.stage,
        "algorithm": record.algorithm,
        "parameters": _listed(record.parameters),
        "threshold": Words().percent(record.threshold),
        "stored": record.created_at,
        "parent": record.parent,
        "tags": _listed(record.tags),
        "columns": ", ".join(record.feature_names or ()),
        "trained on": record.data_fingerprint,
        "threshold from": record.threshold_fingerprint,
        "folds": record.split_plan_hash,
        "cross-validation": _listed(record.cross_validation or {}),
        "libraries": _listed(record.libraries),
        "comes from": _listed(record.origin or {}),
    }
    return {name: str(one) for name, one in facts.items() if one not in (None, "")}


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())
