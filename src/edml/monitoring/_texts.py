"""What monitoring finds, by code, and the next step."""

from edml._translation import N_

_CORRECT = N_("Correct the feed before anyone uses the scores.")
_LATE = N_("Check whether the feed is late or a part of it is gone.")
_SCORES = N_(
    "Look for the features behind it. If the students differ, choose the threshold "
    "again or flag by capacity; if the feed differs, correct it."
)

#: What was found, with placeholders, and the next step; "" where there is none. What
#: follows a slash distinguishes the texts of one code.
TEXTS = {
    "input-whole": (
        N_("The feed looks like the one the model was trained on."),
        "",
    ),
    "columns-absent": (
        N_("Columns that the model was trained with are absent: {columns}."),
        _CORRECT,
    ),
    "columns-constant": (
        N_("Columns hold one value only: {columns}."),
        _CORRECT,
    ),
    "unit-of-dates": (
        N_("The dates in {column} are not all epoch seconds of 1990 to 2100."),
        N_("Convert them to seconds where the feed is made."),
    ),
    "values-missing": (
        N_(
            "In week {week}, {column} is missing in {share} of the rows that should "
            "hold it, from {share_before} in training."
        ),
        _CORRECT,
    ),
    "scale": (
        N_("{column} is {ratio} times as high as in training."),
        N_("Check the scale of the grades: points, percent or fractions."),
    ),
    "grading-late": (
        N_("Grades come {days} days after submission, from {days_before} in training."),
        N_("Check the grading dates of the feed."),
    ),
    "exams-unknown": (
        N_("Exams have names that training did not have: {names}."),
        N_("Name their kind with exam_kinds, or rename them."),
    ),
    "courses-unknown": (
        N_(
            "Courses that training did not have, or with fewer than ten students: "
            "{names} ({n} of {all})."
        ),
        N_(
            "Use their scores with care, and train again with these courses when their "
            "outcomes are known."
        ),
    ),
    "courses-all-new": (
        N_(
            "No course has a name that training knows, so all courses are compared "
            "together."
        ),
        "",
    ),
    "feed-late": (
        N_(
            "In the last week there are {found} events; at this time of the courses, "
            "training had {expected} for as many students."
        ),
        _LATE,
    ),
    "days-missing": (
        N_("Courses without a row on day {day} or later: {n} of {all}."),
        _LATE,
    ),
    "unreadable": (
        N_("The model cannot read these events: {error}"),
        _CORRECT,
    ),
    "no-reference": (
        N_("The model has no reference, and none was passed."),
        N_(
            "Pass that of the registry. A version that an earlier edml stored has none "
            "there: register it again, or make one with make_reference."
        ),
    ),
    "no-scores": (
        N_("The model cannot read these events."),
        _CORRECT,
    ),
    "too-early": (
        N_(
            "No course has completed a week that training had, with at least twenty "
            "students."
        ),
        N_("Come back when the first week of the courses is over."),
    ),
    "no-drift": (
        N_("No feature that the model uses, nor the score, has moved beyond chance."),
        "",
    ),
    "score-drift/higher": (
        N_(
            "The scores are higher than in training, by {points} percentage points on "
            "average in week {week}."
        ),
        _SCORES,
    ),
    "score-drift/lower": (
        N_(
            "The scores are lower than in training, by {points} percentage points on "
            "average in week {week}."
        ),
        _SCORES,
    ),
    "feature-drift": (
        N_(
            "Features that have moved: {features}. All {n} make {share} of what the "
            "model uses."
        ),
        N_(
            "Compare them with the platform. If the courses have changed, refit the "
            "model when outcomes are known."
        ),
    ),
    "no-estimate": (
        N_("No complete week has enough students of each outcome in training."),
        N_("Wait for outcomes."),
    ),
    "expected": (
        N_(
            "If probabilities hold for these students as they held in training, ROC "
            "AUC is {expected} ({low} to {high}) this week."
        ),
        "",
    ),
    "expected-worse": (
        N_(
            "The model is expected to rank worse than in training: ROC AUC {expected} "
            "({low} to {high}), from {reference}."
        ),
        N_("Find out which features have moved, and refit when outcomes come."),
    ),
    "expected-unknown-courses": (
        N_(
            "{share} of the students are in courses that training did not have, of "
            "which nothing can be expected."
        ),
        N_("Wait for the outcomes of these courses."),
    ),
    "expected-after-drift": (
        N_(
            "The students or the courses have moved away from the training, so the "
            "probabilities may not hold."
        ),
        N_("Read the estimate with care, and wait for outcomes."),
    ),
    "expected-broken-feed": (
        N_(
            "The feed is not like the one the model was trained on, so the "
            "probabilities may not hold."
        ),
        _CORRECT,
    ),
    "no-outcomes": (
        N_("Courses whose outcomes are known: {n} of {all}."),
        N_(
            "Pass outcomes as they come. A course counts when the outcomes of nearly "
            "all its students are known, because those who leave are known first."
        ),
    ),
    "as-expected": (
        N_("ROC AUC is {realised}; {low} to {high} was expected."),
        "",
    ),
    "ranks-worse": (
        N_("ROC AUC is {realised}, below the expected {low} or more."),
        N_("Refit the model on the new outcomes, and let the two compete."),
    ),
    "share-differs": (
        N_(
            "{share} of the students fail; {share_expected} were expected ({share_low} "
            "to {share_high})."
        ),
        N_(
            "The probabilities are off: choose the threshold again, or refit the model "
            "on the new outcomes."
        ),
    ),
    "no-lists": (
        N_("The ledger holds no list of these courses."),
        N_("Record the lists, for example with edml predict --ledger."),
    ),
    "lists": (
        N_(
            "Weeks with lists: {n_weeks}. In the last one, {n} students have a mean "
            "risk of {share_mean}, and {share} are flagged."
        ),
        "",
    ),
    "lists-flip": (
        N_("The flags of {share} of {n} students changed within the last week."),
        N_(
            "Compare the two lists before anyone acts on them: look for another model, "
            "another threshold or a fault of the feed."
        ),
    ),
    "lists-move": (
        N_("The mean risk of {n} students moved by {share} in the last week."),
        N_("Look for an exam, another model or a fault of the feed."),
    ),
    "never-flagged": (
        N_("None of the {n} students who fail was flagged on a list."),
        N_("Look at the threshold of the model."),
    ),
    "lead-time": (
        N_(
            "Of {n} students who fail, {n_flagged} were flagged on a list, half of "
            "them at least {days} days before their last one."
        ),
        "",
    ),
}
