"""What `check_events` can find: how bad it is, what it costs, and what to do."""

from typing import Any

from edml._translation import N_
from edml._words import say
from edml.inspection._events_report import Finding

_UNREADABLE = N_("edml raises an error instead of guessing.")
_UNTRAINED = N_("The table can be scored, but a model cannot be trained on it.")
_ADD_GRADES = N_("Add the final grade of courses that have ended.")
_ADD_DATES = N_("Add the dates if the platform has them.")
_PASS_GRADE = N_("Pass the passing grade of your scale as passing_grade.")
_NAME_KINDS = N_(
    "Pass exam_kinds={{kind: [names]}}, or write a section [exam_kinds] in edml.toml."
)
_WRONG_ORDER = (
    N_("Timings are negative, or a score counts from its submission."),
    N_("Check that both columns have the same unit and time zone."),
)
_NOTHING = N_("There is nothing to predict.")

#: By code: the severity, what was found, what it costs, and what to do. What follows a
#: slash distinguishes texts of one code.
_TEXTS = {
    "repeated-column": (
        "error",
        N_("Columns with the same name: {name}."),
        N_("edml cannot know which of them is meant."),
        N_("Drop or rename all but one of them."),
    ),
    "unreadable-column": (
        "error",
        "{error}",
        _UNREADABLE,
        N_("Correct the rows in the source of the table."),
    ),
    "missing-columns/keys": (
        "error",
        "{error}",
        _UNREADABLE,
        N_("Map the columns with columns={{canonical: actual}}."),
    ),
    "missing-columns": (
        "warning",
        "{error}",
        N_("A model has less to learn from."),
        N_("Add the columns if the platform has them, or map their names."),
    ),
    "no-rows": (
        "error",
        N_("The table has no rows."),
        N_("There is nothing to learn from."),
        N_("Check the export."),
    ),
    "repeated-course": (
        "warning",
        N_("Enrolments with rows in several periods: {n}."),
        N_(
            "A student's second run of a course continues the first: old exams and "
            "assignments count in it."
        ),
        N_("Use one id of {column} for each run of a course."),
    ),
    "ids-spelled-differently": (
        "warning",
        N_(
            "Ids in {column} that are spelled like another but for white space, case, "
            "leading zeros or a final '.0': {n} of {all}."
        ),
        N_("Rows of one student or course are counted as those of several."),
        N_("Write each id in one way."),
    ),
    "no-quiet-days": (
        "warning",
        N_("Enrolments have rows on {share} of their days."),
        N_(
            "On a day without a row, a student is neither scored nor used in training: "
            "the quiet students, who are most at risk, are missing."
        ),
        N_("Add an empty row for each student, course and day (or week)."),
    ),
    "length-of-partitions": (
        "warning",
        N_(
            "Submission dates advance by about {estimate} days per partition; "
            "partition_days is {days}."
        ),
        N_(
            "Grading delays are converted wrongly: features know grades too early or "
            "too late."
        ),
        N_("Pass partition_days={whole}, or set data.partition_days in edml.toml."),
    ),
    "no-outcomes/column": (
        "note",
        N_("There is no column {column}: no outcome is known."),
        _UNTRAINED,
        _ADD_GRADES,
    ),
    "no-outcomes": (
        "note",
        N_("No enrolment has a final grade."),
        _UNTRAINED,
        _ADD_GRADES,
    ),
    "small-courses": (
        "note",
        N_("Courses with fewer than {few} students: {n} of {all}."),
        N_("Figures of a course by itself are not shown or have wide intervals."),
        N_("Evaluate the model on all courses together."),
    ),
    "students-in-several-courses": (
        "note",
        N_("Students in more than one course: {n} of {all}."),
        N_("A split by rows or by courses would have them on both sides."),
        N_(
            "edml run keeps them on one side; in Python, split with "
            "student_train_test_split."
        ),
    ),
    "running-courses": (
        "note",
        N_("Enrolments without a final grade: {n} of {all}."),
        N_("They can be scored but not used in training."),
        N_("Train on X.dropna(subset=[{name}])."),
    ),
    "several-final-grades": (
        "error",
        N_("Enrolments with several final grades: {n} of {all}."),
        N_("Rows of one enrolment would have different outcomes."),
        N_("Use one id of {column} for each run of a course, or correct the grades."),
    ),
    "passing-grade/fails": (
        "error",
        N_(
            "With a passing grade of {grade} everyone fails: final grades lie between "
            "{low} and {high}."
        ),
        _NOTHING,
        _PASS_GRADE,
    ),
    "passing-grade/passes": (
        "error",
        N_(
            "With a passing grade of {grade} everyone passes: final grades lie between "
            "{low} and {high}."
        ),
        _NOTHING,
        _PASS_GRADE,
    ),
    "few-outcomes": (
        "warning",
        N_("Few enrolments of one outcome: {failing} fail, and {passing} pass."),
        N_("A model of so few is uncertain, and so is every figure about it."),
        N_("Add past periods of the same courses."),
    ),
    "repeated-rows": (
        "warning",
        N_("Repeated rows among those with an exam or a submission: {n} of {all}."),
        N_("Each counts as a part of its exam or submission, as if done twice."),
        N_("If the export repeats rows, remove them (pandas: X.drop_duplicates())."),
    ),
    "grades-above-the-scale/final": (
        "warning",
        N_(
            "Final grades reach {high}; the scale of edml's original platform ends at "
            "10."
        ),
        N_("A passing grade of {grade} may not be what you mean."),
        _PASS_GRADE,
    ),
    "grades-above-the-scale": (
        "warning",
        N_("Values of {column} above {top}: {n} of {all}; the largest is {high}."),
        N_("Models of tables in another unit do not apply, and reasons read wrongly."),
        N_("Convert them to a scale from 0 to {top}."),
    ),
    "scores-in-fractions": (
        "warning",
        N_("All values of {column} lie between 0 and 1."),
        N_(
            "Scores are expected on a scale from 0 to {top}: reasons name scores of 1, "
            "and models of other tables do not apply."
        ),
        N_("Multiply them by 100."),
    ),
    "negative-grades": (
        "warning",
        N_("Values of {column} below 0: {n} of {all}."),
        N_("Codes such as -1 for 'absent' count as very low grades."),
        N_("Make these codes null; keep real negative marks."),
    ),
    "no-due-date": (
        "warning",
        N_("Assignments without a due date: {n} of {all}."),
        N_("These assignments have no timing: hours before the deadline stay empty."),
        _ADD_DATES,
    ),
    "no-submission-date": (
        "warning",
        N_("Submissions without a submission date: {n} of {all}."),
        N_("Whatever has neither date nor score counts as not handed in."),
        _ADD_DATES,
    ),
    "no-grading-date": (
        "warning",
        N_("Scores without a grading date: {n} of {all}."),
        N_(
            "Their scores count as known on the day of submission, which may be "
            "earlier than they were."
        ),
        _ADD_DATES,
    ),
    "dates-in-wrong-order/due": (
        "warning",
        N_("Assignments due before opening: {n}."),
        *_WRONG_ORDER,
    ),
    "dates-in-wrong-order/graded": (
        "warning",
        N_("Submissions graded before their date: {n}."),
        *_WRONG_ORDER,
    ),
    "dates-far-apart": (
        "warning",
        N_("The dates of {column} lie {years} years from those of the other columns."),
        N_("Timings are meaningless."),
        N_("Check the unit: dates are epoch seconds, or datetimes."),
    ),
    "exams-without-kind": (
        "warning",
        N_("Exam names without a kind: {n} of {all}, {names}."),
        N_("They count in the overall grades only."),
        _NAME_KINDS,
    ),
    "exams-without-kind/empty": (
        "warning",
        N_("Exam names without a kind: {n} of {all}, {names}."),
        N_(
            "They count in the overall grades only, and the features of {kinds} stay "
            "empty."
        ),
        _NAME_KINDS,
    ),
    "constant-features": (
        "note",
        N_("Features that would be constant: {n} of {all}, {names}."),
        N_("They cannot help a model."),
        N_("Check that the columns they come from are filled."),
    ),
}


def find(code: str, *columns: str, **values: Any) -> Finding:
    """Return a finding about columns of the table; ``values`` are those of its texts.

    Without a value ``column``, it is the first of the columns.
    """
    severity, *texts = _TEXTS[code]
    values = {"column": columns[0] if columns else "", **values}
    found, cost, remedy = (say(text, **values) for text in texts)
    kind: Any = severity
    return Finding(code.partition("/")[0], kind, found, cost, remedy, columns)
