"""
From raw events to the week's contact list
==========================================

A course team has time to contact eight students this week. Which eight, and what
should they talk about? This page leads from the events of the learning platform to that
list, and then measures how good the list is.

The data are synthetic and ship with edml. Nobody on this page is a real person.
"""

# %%
# The events
# ----------
#
# A table has one row per event, and its columns have the platform's Spanish names.
# ``user_uuid`` is the student, ``course_uuid`` the course, and ``particion`` the day of
# the course. The other columns describe the event: an assignment that opened, a
# submission and its score in percent, or an exam and its grade from 0 to 10. A row with
# none of these only records that the day passed.

from edml import load_activity

X, y = load_activity(return_X_y=True)
histories = X[["user_uuid", "course_uuid"]].drop_duplicates()
print(f"{len(X):,} rows, {X['user_uuid'].nunique()} students,")
print(f"{X['course_uuid'].nunique()} courses, {len(histories)} enrolments,")
print(f"of which {y.loc[histories.index].mean():.1%} end in failing the course")

# %%
# Few students fail, which is good news but makes them hard to find. Here are the first
# events of one student in one course:

student, course = X.loc[0, ["user_uuid", "course_uuid"]]
history = X[(X["user_uuid"] == student) & (X["course_uuid"] == course)]
what = ["ass_name", "ass_name_sub", "score", "nombre_examen", "nota_parcial"]
events = history.dropna(subset=what, how="all")[["particion", *what]]
events.head(8).convert_dtypes().style.hide().format(precision=1, na_rep="")

# %%
# An assignment opened before the course did, so its row has no day. The student handed
# it in on day 2, and so on.
#
# ``y`` says for each row whether the student failed the course in the end. It is the
# target, and never a feature.
#
# Students the model has not seen
# -------------------------------
#
# Half of the students train the model, and the other half appear below. All rows of a
# student go to one side: a model that has seen a student's Monday would only have to
# recognise that student on Tuesday.

from edml import student_train_test_split

X_train, X_test, y_train, y_test = student_train_test_split(
    X, y, test_size=0.5, random_state=0
)

# %%
# The model
# ---------
#
# :class:`~edml.classifier.RiskClassifier` turns events into features, trains LightGBM,
# and calibrates the probabilities on students that its trees have not seen.
# :class:`~edml.classifier.Capacity` sets how many students of a course you can contact
# on a day, and the model chooses its threshold accordingly.

from edml import Capacity, RiskClassifier

model = RiskClassifier(threshold=Capacity(per_course=8)).fit(X_train, y_train)
print(f"flags at a probability of {model.threshold_:.1%} or more")

# %%
# The list
# --------
#
# It is the evening of day 35 of a course in mathematics, and the team can contact eight
# students. With ``at=35`` the model sees what the platform showed that evening and
# nothing later: a submission that was not graded yet has no score
# (:func:`~edml.datasets.as_of` returns that table). ``since=28`` adds the change within
# a week, and ``capacity=8`` flags eight students.

mathematics = X_test[X_test["course_uuid"] == course]
students = model.score_students(mathematics, at=35, since=28, capacity=8)
print(f"{students['flagged'].sum()} of {len(students)} students are on the list")


def show(students):
    """Lay out a list for people: who, how likely, and why."""
    columns = ["legajo", "course_name", "probability", "change", "reasons", "facts"]
    styles = {
        "probability": "{:.0%}",
        "change": lambda change: f"{100 * change:+.0f}",
        "reasons": "<br>".join,
        "facts": "<br>".join,
    }
    left = [{"selector": cell, "props": "text-align: left"} for cell in ("th", "td")]
    words = dict.fromkeys(["course_name", "reasons", "facts"], left)
    return students[columns].style.hide().format(styles).set_table_styles(words)


show(students[students["flagged"]])

# %%
# ``legajo`` is the student's university number. ``change`` is in percentage points.
# *Reasons* moved the score most. A reason can be surprising, such as a good grade that
# raises the risk, because reasons show what the model relies on, not the student's
# problem. *Facts* describe what happened, and are not features.
#
# The same in Spanish, for the first student:

en_castellano = model.score_students(mathematics, at=35, since=28, language="es")
show(en_castellano.head(1))

# %%
# One student
# -----------
#
# Before you call the first student on the list, look at the previous weeks. The picture
# ends on day 35, as the list does. Days at or above the model's threshold are shaded.

from edml import TrajectoryDisplay, as_of

first = students.iloc[0]
who = {"student": first["user_uuid"], "course": course}
TrajectoryDisplay.from_estimator(model, as_of(mathematics, 35), **who)

# %%
# The bars show how much each feature moved the score on day 35. The reasons on the list
# combine the features of one topic, such as exam grades; here each feature has a bar.

from edml import ReasonsDisplay

ReasonsDisplay.from_estimator(model, as_of(mathematics, 35), **who, n_features=6)

# %%
# How good is the list?
# ---------------------
#
# These courses are over, so the outcome is known. How many on the list failed?

import pandas as pd

outcome = y_test.groupby([X_test["user_uuid"], X_test["course_uuid"]]).first()
outcome = outcome.rename("failed").reset_index()


def check(students):
    """Count the listed students, the failing students, and those in both."""
    known = students.merge(outcome, on=["user_uuid", "course_uuid"])
    found = known["failed"].eq(1) & known["flagged"]
    return {
        "students": len(known),
        "on the list": known["flagged"].sum(),
        "failed": known["failed"].sum(),
        "failed, and on the list": found.sum(),
    }


everywhere = model.score_students(X_test, at=35, capacity=8, n_reasons=0)
pd.DataFrame({"this course": check(students), "all ten": check(everywhere)}).T

# %%
# One course is a matter of luck, so the table also counts all ten. Most students on the
# lists did not fail: each list has eight places, but no course has eight failing
# students. That is why the list shows the probability of each student.
#
# :func:`~edml.inspection.evaluate` measures all days of all courses, each student and
# day once. The intervals show how much the figures would vary with other students. Here
# a student is flagged at or above the model's threshold.

from edml import evaluate

evaluation = evaluate(model, X_test, y_test, k=(1, 3, 8))
for metric in ("roc_auc", "precision", "recall"):
    low, high = evaluation.intervals[metric]
    print(f"{metric:10}{evaluation.metrics[metric]:.2f} [{low:.2f}, {high:.2f}]")

# %%
# With fewer places, the list is more often right. The table shows the share of failing
# students among the ``k`` highest of a course, over all courses and days:

evaluation.precision_at_k.style.hide().format(precision=2)

# %%
# The list also improves later in the course, when students have handed in more work.
# The strip above the picture and the width of the band show how few failing students
# are behind each point.

from edml import EarlinessDisplay

EarlinessDisplay.from_estimator(model, X_test, y_test)

# %%
# Are the probabilities right? If the points lie on the dashed line, one in five
# students with a predicted 20 % failed.

from edml import ReliabilityDisplay

ReliabilityDisplay.from_estimator(model, X_test, y_test, n_bins=8)

# %%
# How to use the number, and how not to
# -------------------------------------
#
# - It is the probability of failing the course *as of that day*, if the course goes as
#   it did for earlier students. It can change: you contact a student to prove it wrong.
# - Use it to decide whom to talk to first. Do not use it to grade, to exclude, or to
#   predict a student's result to their face.
# - Reasons show what the model relies on. They are not causes. Ask; the student knows
#   more than the table.
# - Students who are not on the list may fail too, as the counts above show.
# - The figures describe a synthetic sample. Measure your own courses:
#   :doc:`plot_judging` shows how to do so with more care, and
#   :doc:`/user_guide/optimism` how a careless split flatters. Here both halves took the
#   same courses; a real list is for a course that nobody has finished yet.
