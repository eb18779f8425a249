"""``edml check``: one page about an event table, before anything is trained."""

from functools import partial
from typing import TYPE_CHECKING

from edml._urls import check_stores
from edml.cli._options import Page, Raw, Shown, with_settings
from edml.cli._terminal import stage, words
from edml.cli._views import show_page

if TYPE_CHECKING:
    from edml.cli._access import Project


@with_settings()
def check(project: "Project", raw: Raw = None, page: Page = None) -> Shown:
    """Check a table of events: what is missing, what looks wrong, what to do.

    The exit code is 1 if the table cannot be used.
    """
    events, config = project.find_events(raw), project.config
    check_stores(*filter(None, [page]))
    with stage("Loading the libraries"):
        from edml.cli._files import read_for_check  # noqa: PLC0415
        from edml.inspection import check_events  # noqa: PLC0415
    with stage("Reading the events"):
        X, unreadable = read_for_check(events, config)
    n = len(X)
    with stage(words.ngettext("Checking {n} row", "Checking {n} rows", n)):
        report = check_events(
            X,
            columns=config.columns,
            exam_kinds=config.name_exams(),
            partition_days=config.data.partition_days,
            passing_grade=config.data.passing_grade,
            unreadable=unreadable,
        )
    if page is not None:
        report.to_html(page, words.language)
    render = partial(show_page, text=report.to_text(words.language), page=page)
    return Shown(report.to_dict(), render, 0 if report.usable else 1)
