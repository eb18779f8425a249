"""How the results of commands are shown to people."""

from typing import Any

from rich.console import Console

from edml.cli._terminal import HEADLINES, empty_table, figure

_MOST = 10  # students on the screen; the files have all


def show_processed(out: Console, result: dict[str, Any]) -> None:
    """Show what `edml process` did.

    Parameters
    ----------
    out : Console
        Where.
    result : dict
        From `edml.cli._process.process`.
    """
    out.print(
        f"Wrote {result['features']}: {result['n_snapshots']:,} snapshots of "
        f"{result['n_students']:,} students, from {result['n_rows']:,} rows."
    )


def show_tuned(out: Console, result: dict[str, Any]) -> None:
    """Show what `edml tune` found.

    Parameters
    ----------
    out : Console
        Where.
    result : dict
        From `edml.cli._tune.tune`.
    """
    students = result["students"]
    out.print(
        f"Tried {result['n_evaluations']:,} candidates on {students['train']:,} "
        f"students. The figures are of {students['test']:,} others; "
        f"{students['contest']:,} are kept for a contest."
    )
    _show_figures(out, "Registered", result["versions"])


def show_updated(out: Console, result: dict[str, Any]) -> None:
    """Show what `edml update` did.

    Parameters
    ----------
    out : Console
        Where.
    result : dict
        From `edml.cli._update.update`.
    """
    if result["evaluations"]:
        _show_figures(out, "On the new students", result["evaluations"])
    for what, made in (("Refitted", "refitted"), ("Threshold of", "retuned")):
        for old, new in result[made].items():
            out.print(f"{what} version {old}: it is version {new}.")
    if result["importance"] is not None:
        out.print(f"Wrote {result['importance']}: what moved the scores.")
    if result["contest"] is not None:
        out.print(f"The contest: {result['contest']['why']}")
    champion = result["champion"]
    told = "There is no champion." if champion is None else f"Champion: {champion}."
    out.print(told)


def show_predicted(out: Console, result: dict[str, Any]) -> None:
    """Show what `edml predict` gave.

    Parameters
    ----------
    out : Console
        Where.
    result : dict
        Predictions, files and the model's version.
    """
    students = result["predictions"]
    shown = empty_table(f"Most at risk, by version {result['model_version']}")
    shown.add_column("student", min_width=8, max_width=12, no_wrap=True)
    shown.add_column("course", min_width=8, max_width=18, no_wrap=True)
    shown.add_column("day", justify="right", min_width=3)
    shown.add_column("risk", justify="right", min_width=5)
    shown.add_column("", min_width=7)
    shown.add_column("the weightiest reason")
    for one in students[:_MOST]:
        reasons = one.get("reasons") or [""]
        shown.add_row(
            str(one.get("legajo") or one["user_uuid"]),
            str(one.get("course_name") or one["course_uuid"]),
            str(one["particion"]),
            figure(one["probability"]),
            "flagged" if one["flagged"] else "",
            reasons[0],
        )
    out.print(shown)
    n_flagged = sum(one["flagged"] for one in students)
    out.print(f"{n_flagged:,} of {len(students):,} students in a course are flagged.")
    for path in result["files"]:
        out.print(f"Wrote {path}", soft_wrap=True)


def show_reported(out: Console, result: dict[str, Any]) -> None:
    """Show what `edml report` wrote.

    Parameters
    ----------
    out : Console
        Where.
    result : dict
        From `edml.cli._report.report`.
    """
    out.print(f"Wrote {result['report']}", soft_wrap=True)
    if not result["same_rows"]:
        out.print("The versions were judged on different rows: do not compare them.")


def show_run(out: Console, result: dict[str, Any]) -> None:
    """Show what `edml run` did.

    Parameters
    ----------
    out : Console
        Where.
    result : dict
        From `edml.cli._run.run`.
    """
    for one in result["stages"]:
        out.print(f"{one['stage']}: {'done' if one['done_now'] else 'done before'}")
        if one["stage"] == "register":
            _show_figures(out, "Registered", one["result"]["versions"])
        if one["stage"] == "update":
            show_updated(out, one["result"])


def show_config(out: Console, result: dict[str, Any]) -> None:
    """Show the settings that hold, and where they come from.

    Parameters
    ----------
    out : Console
        Where.
    result : dict
        From `edml config show`.
    """
    shown = empty_table("Settings")
    for name in ("key", "value", "from"):
        shown.add_column(name, overflow="fold")
    for section, keys in result["settings"].items():
        for key, value in keys.items():
            name = f"{section}.{key}"
            origin = result["origins"].get(name, "")
            style = "bold" if origin else None
            text = "-" if value is None else str(value)
            shown.add_row(name, text, origin or "default", style=style)
    out.print(shown)


def _show_figures(out: Console, title: str, versions: list[dict[str, Any]]) -> None:
    shown = empty_table(title)
    shown.add_column("", justify="right")
    shown.add_column("algorithm")
    for heading in HEADLINES.values():
        shown.add_column(heading, justify="right")
    for one in versions:
        figures = [figure(one["metrics"][name]) for name in HEADLINES]
        shown.add_row(str(one["version"]), one["algorithm"], *figures)
    out.print(shown)
