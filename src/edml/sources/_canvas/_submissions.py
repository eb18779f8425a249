"""Read what was handed in to Canvas, and when its score became known."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from edml.sources._canvas._tables import Tables, look_up
from edml.sources._import_report import Tally

_PAIR = ["student", "assignment"]
_COLUMNS = ["submission", *_PAIR, "submitted", "graded", "score", "kind"]


class Handed(NamedTuple):
    """Submissions, and the pairs of a student and an assignment that is (not) theirs.

    ``assigned`` has Canvas's own reckoning of the due date, ``cached_due_date``.
    """

    rows: pd.DataFrame
    exempt: pd.DataFrame
    assigned: pd.DataFrame


def read_submissions(tables: Tables, work: pd.DataFrame, tally: Tally) -> Handed:
    """Read the submissions of the assignments that are read, and scores in percent."""
    table = tables["submissions"]
    table = table[table["assignment"].isin(work["assignment"])]
    table = table.rename(columns={"id": "submission"})
    now = table["version"].eq(0)
    deleted = table[now & table["workflow_state"].eq("deleted")]
    excused = table[now & table["excused"] & ~table["workflow_state"].eq("deleted")]
    for state, rows in (("deleted", deleted), ("excused", excused)):
        tally.add(
            f"submissions that are {state}, and the assignments for their students, "
            "were left out",
            len(rows),
        )
    exempt = pd.concat([deleted, excused])
    table = table[~table["submission"].isin(exempt["submission"])]
    assigned = table.loc[table["version"].eq(0), [*_PAIR, "cached_due_date"]]
    rows = _with_scores(table, work, tally)
    quizzes = _read_quizzes(tables, work, tally)
    # a quiz that counts has a submission; others come from exports without that table
    taken = pd.concat([table[_PAIR], exempt[_PAIR]])
    taken = taken.drop_duplicates().assign(taken=True)
    known = quizzes.merge(taken, on=_PAIR, how="left")["taken"].notna().to_numpy()
    rows = pd.concat([rows, quizzes[~known]], ignore_index=True)
    rows = rows[_COLUMNS].merge(work[["assignment", "course"]], on="assignment")
    exempt = exempt[_PAIR].merge(assigned[_PAIR], on=_PAIR, how="left", indicator=True)
    exempt = exempt.loc[exempt["_merge"].eq("left_only"), _PAIR]
    return Handed(rows, exempt, assigned)


def _with_scores(table: pd.DataFrame, work: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Compute scores, and the date from which each is known."""
    points = look_up(table["assignment"], work, "points_possible", key="assignment")
    raw = table["published_score"].fillna(table["score"])
    tally.add(
        "scores of assignments without possible points were left out",
        (raw.notna() & points.isna()).sum(),
        doubt=True,
    )
    posted, graded = table["posted_at"], table["graded_at"]
    known = posted.where(~(graded > posted), graded).fillna(graded)
    tally.add(
        "scores that were changed after they had been posted count from the change",
        (raw.notna() & (graded // 86_400 > posted // 86_400)).sum(),
    )
    score = 100 * raw / points
    handed_in = table["submitted_at"].notna()
    tally.add(
        "submissions that nobody handed in or graded have no row",
        (~handed_in & score.isna() & table["version"].eq(0)).sum(),
    )
    missing = ~handed_in & known.isna() & score.eq(0)
    tally.add(
        "zeros for missing work without a date show as missing from the due day on",
        missing.sum(),
    )
    undated = score.notna() & known.isna() & ~missing
    tally.add(
        "scores without a date of grading or posting count from the last change",
        undated.sum(),
        doubt=True,
    )
    known = known.fillna(table["updated_at"])
    lost = score.notna() & known.isna() & ~handed_in
    tally.add(
        "scores without any date were left out", (lost & ~missing).sum(), doubt=True
    )
    tally.add(
        "scores hold the late policy's deduction", table["points_deducted"].gt(0).sum()
    )
    found = pd.DataFrame(
        {
            **{name: table[name] for name in ("submission", *_PAIR)},
            "submitted": table["submitted_at"],
            "graded": known.where(score.notna()),
            "score": score,
            "kind": table["submission_type"],
        }
    )
    found = found[(handed_in | score.notna()) & ~missing & ~lost]
    return found.drop_duplicates(_COLUMNS)


def _read_quizzes(tables: Tables, work: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Read the attempts at quizzes; an automatic score is known at once."""
    table = tables["quiz_submissions"]
    table = table.assign(
        assignment=look_up(table["quiz_id"], tables["quizzes"], "assignment")
    )
    table = table[table["assignment"].isin(work["assignment"])]
    real = (
        table["workflow_state"].isin(["complete", "pendingreview"])
        & ~table["was_preview"]
        & table["finished_at"].notna()
        & table["student"].notna()
    )
    tally.add("quizzes that are previews or not finished were left out", (~real).sum())
    table = table[real]
    points = table["quiz_points_possible"].fillna(
        look_up(table["assignment"], work, "points_possible", key="assignment")
    )
    raw = table["kept_score"].fillna(table["score"])
    raw = raw.mask(table["workflow_state"].eq("pendingreview"))
    if raw.max() <= 1 < points.min() and raw.gt(0).any():
        tally.guess(
            "The scores of quizzes lie in 0..1 although more points were possible: "
            "they were read as fractions."
        )
        points = points.mask(points.notna(), 1.0)
    changed = np.fmax(table["finished_at"], table["updated_at"])
    known = table["finished_at"].mask(table["manually_scored"], changed)
    return pd.DataFrame(
        {
            "submission": table["id"],
            "student": table["student"],
            "assignment": table["assignment"],
            "submitted": table["finished_at"],
            "graded": known.where(raw.notna()),
            "score": 100 * raw / points.where(points > 0),
            "kind": "online_quiz",
        },
        index=table.index,
    )


def make_exams(
    handed: pd.DataFrame, work: pd.DataFrame, own: pd.DataFrame
) -> pd.DataFrame:
    """Make the exams of the work that counts as one, dated when it was held."""
    exams = work.loc[work["exam"], ["assignment", "name", "due"]]
    found = handed[handed["score"].notna()].merge(exams, on="assignment")
    own = own.loc[own["set_due"], [*_PAIR, "due"]]
    found = found.merge(own, on=_PAIR, how="left", suffixes=("", "_own"))
    due = found["due_own"].fillna(found["due"])
    known = found["graded"].fillna(found["submitted"])
    held = found["submitted"].fillna(np.fmin(due, known))
    return pd.DataFrame(
        {
            "student": found["student"],
            "course": found["course"],
            "exam": found["name"],
            "date": held,
            "graded": known,
            "grade": found["score"],
        }
    )
