"""The successive grades of each student's work, and the days they were known from."""

import numpy as np
import pandas as pd

from edml.sources._assignments import leave_out
from edml.sources._moodle._handed_in import KEYS
from edml.sources._moodle._work import Site

_DELETED = 3  # an action in Moodle's history of grades
_AVERAGE, _FIRST, _LAST = 2, 3, 4  # a quiz's method of grading; 1 is the highest
_SAME = 1e-3  # Moodle rounds grades to five decimals


def read_gradebook(site: Site, grades: pd.DataFrame) -> pd.DataFrame:
    """Return the present grades: work, student, graded, score, hidden, excluded."""
    found = site.find_work(grades[grades["student"] != 0], "itemid", "item")
    found = site.keep_enrolled(found, "grades")
    found["graded"] = found["overridden"].where(
        found["overridden"] > 0, found["timemodified"]
    )
    found["score"] = _score(site, found["work"], found["finalgrade"])
    found = found[[*KEYS, "graded", "score", "hidden", "excluded"]]
    return found.fillna({"hidden": 0, "excluded": 0}).drop_duplicates(KEYS)


def read_totals(items: pd.DataFrame, grades: pd.DataFrame) -> pd.DataFrame:
    """Return student, course and share: each course total's share of the highest."""
    totals = items[items["itemtype"] == "course"]
    found = grades.merge(totals, left_on="itemid", right_on="id")
    low, high = found["grademin"].fillna(0), found["grademax"]
    found["share"] = (found["finalgrade"] - low) / (high - low).where(high > low)
    found = found[found["share"].notna()].drop_duplicates(["student", "course"])
    return found[["student", "course", "share"]]


def read_pass_marks(items: pd.DataFrame) -> pd.Series:
    """Return the pass marks of the courses that have one, as a share of the highest."""
    totals = items[(items["itemtype"] == "course") & (items["gradepass"] > 0)]
    low = totals["grademin"].fillna(0)
    return (totals["gradepass"] - low) / (totals["grademax"] - low)


def read_versions(
    site: Site, attempts: pd.DataFrame, gradebook: pd.DataFrame
) -> pd.DataFrame:
    """Return work, student, graded, score: a row per version of a grade, in order."""
    history = _read_history(site)
    activity = pd.concat(
        [_grade_assignments(site, gradebook), _grade_quizzes(site, attempts)],
        ignore_index=True,
    )
    activity = site.keep_enrolled(activity, "grades")
    activity = leave_out(activity, history, KEYS)
    unreleased = gradebook[gradebook["score"].isna()]
    kept = leave_out(activity, unreleased, KEYS)
    site.tally.add(
        "grades that the gradebook lacks were left out", len(activity) - len(kept)
    )
    kept = _hide(kept, gradebook)
    now = _hide(gradebook[gradebook["score"].notna()], gradebook)
    quizzes = site.keep_enrolled(_read_quiz_grades(site), "grades")
    now = pd.concat([now, leave_out(quizzes, gradebook, KEYS)], ignore_index=True)
    versions = pd.concat([history, kept], ignore_index=True)
    versions = _append_present(site, versions, now)
    versions = _hide_items(site, versions)
    undated = versions["graded"] == 0
    site.tally.add("grades without a date were left out", undated.sum(), doubt=True)
    versions = versions[~undated]
    n_dated = len(leave_out(versions, history, KEYS).drop_duplicates(KEYS))
    site.tally.add(
        "grades without history count from the day of their last change",
        n_dated,
        doubt=True,
    )
    if n_dated:
        site.tally.unknown.append(
            "Earlier values of the grades without history, which a re-grade overwrote: "
            "each grade counts from the day on which it was last changed."
        )
    return versions


def _score(site: Site, codes: pd.Series, grades: pd.Series) -> pd.Series:
    """Return grades as a percentage of the range of their work."""
    low, high = (site.works[n].reindex(codes).to_numpy() for n in ("low", "high"))
    return 100 * (grades - low) / (high - low)


def _read_history(site: Site) -> pd.DataFrame:
    found = site.tables.read("grade_grades_history")
    found = site.find_work(found[found["action"] != _DELETED], "itemid", "item")
    found = site.keep_enrolled(found, "versions of grades")
    found = found.sort_values([*KEYS, "timemodified", "id"], kind="stable")
    begun = found[~found.duplicated(KEYS)]
    cut = int((begun["action"].fillna(1) != 1).sum())
    site.tally.add(
        "grades lack their oldest versions, which Moodle deleted", cut, doubt=True
    )
    if cut:
        site.tally.unknown.append(
            "Versions that Moodle deleted from its history of grades after the number "
            "of days that the site sets."
        )
    hidden = found["hidden"].fillna(0)
    found["graded"] = np.maximum(found["timemodified"], hidden).astype("int64")
    found["score"] = _score(site, found["work"], found["finalgrade"])
    withdrawn = found["score"].isna() & found.groupby(KEYS)["score"].ffill().notna()
    site.tally.add(
        "grades that were withdrawn count until the next one", withdrawn.sum()
    )
    shown = found[(hidden != 1) & found["score"].notna()]
    shown = shown.sort_values([*KEYS, "graded"], kind="stable")
    # of the changes within one second, the last one is the grade that was seen
    shown = shown.drop_duplicates([*KEYS, "graded"], keep="last")
    shown = _drop_repeated(shown)
    again = int(shown.duplicated(KEYS).sum())
    site.tally.add("re-grades from the history count from their day", again)
    return shown[[*KEYS, "graded", "score"]]


def _drop_repeated(versions: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows in which a grade changes."""
    before = versions.groupby(KEYS)["score"].shift()
    return versions[~((versions["score"] - before).abs() < _SAME)]


def _grade_assignments(site: Site, gradebook: pd.DataFrame) -> pd.DataFrame:
    """Read the grade of each attempt at an assignment."""
    found = site.tables.read("assign_grades")
    # -1 or null is a grade that a teacher opened and did not give
    found = found[found["grade"] >= 0]
    found = site.find_work(found, "assignment", "assign")
    found["score"] = _score(site, found["work"], found["grade"])
    found = found[found["score"].notna()]
    flags = site.tables.read("assign_user_flags")
    flags = site.find_work(flags, "assignment", "assign")
    released = flags.loc[flags["workflowstate"] == "released", KEYS]
    chosen = site.works.reindex(found["work"])
    in_workflow = (chosen["markingworkflow"] == 1).to_numpy()
    blind = (chosen["blindmarking"] == 1) & (chosen["revealidentities"] != 1)
    waiting = leave_out(found[in_workflow], released, KEYS).index.union(
        found.index[blind.to_numpy()]
    )
    # where there is a gradebook, its own grade says what was released
    waiting = waiting.intersection(leave_out(found, gradebook, KEYS).index)
    site.tally.add("grades that are not released were left out", len(waiting))
    found = found.drop(index=waiting)
    found = found.sort_values([*KEYS, "graded", "attemptnumber"], kind="stable")
    return _drop_repeated(found)[[*KEYS, "graded", "score"]]


def _grade_quizzes(site: Site, attempts: pd.DataFrame) -> pd.DataFrame:
    """Compute a quiz's grade after each attempt by the quiz's method."""
    found = attempts[attempts["sumgrades"].notna()].copy()
    found["graded"] = np.maximum(found["submitted"], found["timemodified"])
    quizzes = site.works.reindex(found["work"])
    total = quizzes["sumgrades"].where(quizzes["sumgrades"] > 0).to_numpy()
    found["score"] = 100 * found["sumgrades"] / total
    found["method"] = quizzes["grademethod"].to_numpy()
    found = found[found["score"].notna()]
    found = found.sort_values([*KEYS, "graded", "attempt"], kind="stable")
    other = ~found["method"].isin([1, _AVERAGE, _FIRST, _LAST])
    site.tally.add(
        "attempts at quizzes with an unknown grading method: the highest counted",
        other.sum(),
        doubt=True,
    )
    by_student = found.groupby(KEYS)
    attempt = found["attempt"]
    first = attempt == by_student["attempt"].cummin()
    last = attempt == by_student["attempt"].cummax()
    mean = by_student["score"].cumsum() / (by_student.cumcount() + 1)
    highest = by_student["score"].cummax()
    method = found["method"]
    found["score"] = np.select(
        [method == _AVERAGE, method.isin([_FIRST, _LAST])],
        [mean, found["score"]],
        highest,
    )
    kept = ~((method == _FIRST) & ~first) & ~((method == _LAST) & ~last)
    return _drop_repeated(found[kept])[[*KEYS, "graded", "score"]]


def _read_quiz_grades(site: Site) -> pd.DataFrame:
    found = site.find_work(site.tables.read("quiz_grades"), "quiz", "quiz")
    total = site.works["grade"].reindex(found["work"]).to_numpy()
    total = np.where(total > 0, total, np.nan)
    found["score"] = 100 * found["grade"] / total
    found = found[found["score"].notna()]
    found = found.sort_values([*KEYS, "graded"], kind="stable")
    return found.drop_duplicates(KEYS, keep="last")[[*KEYS, "graded", "score"]]


def _hide(versions: pd.DataFrame, gradebook: pd.DataFrame) -> pd.DataFrame:
    """Drop hidden grades; one that is hidden until a date is known from then on."""
    hidden = gradebook.loc[gradebook["hidden"] > 0, [*KEYS, "hidden"]]
    columns = [*KEYS, "graded", "score"]
    merged = versions[columns].merge(hidden, on=KEYS, how="left")
    until = merged["hidden"].fillna(0)
    merged["graded"] = np.maximum(merged["graded"], until).astype("int64")
    return merged.loc[until != 1, columns]


def _hide_items(site: Site, versions: pd.DataFrame) -> pd.DataFrame:
    until = site.works["item_hidden"].reindex(versions["work"]).to_numpy()
    site.tally.add("grades of hidden grade items were left out", (until == 1).sum())
    graded = np.maximum(versions["graded"], until).astype("int64")
    return versions.assign(graded=graded)[until != 1]


def _append_present(
    site: Site, versions: pd.DataFrame, now: pd.DataFrame
) -> pd.DataFrame:
    """Append the present grade where it differs from the last known version."""
    last = versions.drop_duplicates(KEYS, keep="last")
    both = now.merge(last, on=KEYS, how="left", suffixes=("", "_last"))
    differs = ~((both["score"] - both["score_last"]).abs() < _SAME)
    added = both[differs]
    site.tally.add(
        "grades differ from the last version; the change counts from its date",
        added["score_last"].notna().sum(),
    )
    graded = np.maximum(added["graded"], added["graded_last"].fillna(0))
    added = added[[*KEYS, "score"]].assign(graded=graded.astype("int64"))
    joined = pd.concat([versions, added], ignore_index=True)
    joined = joined.sort_values([*KEYS, "graded"], kind="stable")
    return joined[[*KEYS, "graded", "score"]]
