"""
What does a click log bring?
============================

Exams and assignments are in every event table. Who comes to class, what a student
knew before and what they click on may say more, and sooner. This page adds an
attendance list, a table of students and a click log in three lines, compares in one
table what each brought, and serves the result.
"""

# %%
# Three tables
# ------------
#
# The events ship with edml. The other three are made up here, so that students who fail
# come less often, click less, and had a lower score at admission. Yours come from files
# or DataFrames with these columns. ``day`` counts from the start of the course; the log
# of a platform with dates is read by :func:`~edml.sources.read_moodle`,
# :func:`~edml.sources.read_canvas` or :func:`~edml.sources.make_event_table`.

import numpy as np
import pandas as pd

from edml import load_activity, make_target

X = load_activity()
rng = np.random.default_rng(0)
who = X.assign(fails=make_target(X)).groupby(
    ["user_uuid", "course_uuid"], as_index=False
)
who = who["fails"].first().set_axis(["student", "course", "fails"], axis=1)
days = who.merge(pd.DataFrame({"day": range(60)}), how="cross")

present = (days["day"] % 7 == 2) & (rng.random(len(days)) < 0.9 - 0.2 * days["fails"])
attendance = days.loc[present, ["student", "course", "day"]]

clicks = days[["student", "course", "day"]].assign(
    kind=rng.choice(["forum", "quiz", "content"], len(days)),
    count=rng.poisson(np.where(days["fails"] == 1, 1.7, 2)),
)

students = who.groupby("student", as_index=False)["fails"].max()
students["admission"] = rng.normal(7 - 0.7 * students.pop("fails"), 1).round(1)

attendance.head(3)

# %%
# Three lines
# -----------
#
# The counts of each day become columns ``activity_<kind>`` of the event table, and what
# is known of a student a column of its name. The table stays a DataFrame, which every
# splitter, search and server takes.

from edml import add_activity, add_students

X = add_activity(X, attendance, kind="attendance")
X = add_activity(X, clicks)
X = add_students(X, students)

y = make_target(X)  # after adding, because new rows may have come
X.filter(regex="activity|admission").tail(3)

# %%
# One table
# ---------
#
# :func:`~edml.inspection.compare_models` trains each model on the same folds of
# students. The first row is what there was before. A gain is the difference to it, with
# an interval from resampling students. ``hide=`` keeps columns from a model, so that it
# shows what attendance brings without the clicks. The last row also compares students
# with the mean of their course by that day, which
# :func:`~edml.feature_extraction.add_course_context` adds.

from edml import (
    StaticColumns,
    StudentKFold,
    add_course_context,
    compare_models,
    make_risk_pipeline,
)

admission = StaticColumns(numeric=["admission"])
work = make_risk_pipeline(every=10)
online = make_risk_pipeline(features="full", every=10)
everything = make_risk_pipeline(features="full", static=admission, every=10)

clicked = ["activity_content", "activity_forum", "activity_quiz"]
compared = add_course_context(X)
context = [name for name in compared if name.startswith("context_")]
table = compare_models(
    {
        "exams and assignments": work,
        "and attendance": online,
        "and clicks": online,
        "and students": everything,
        "and their course": everything,
    },
    compared,
    y,
    hide={
        "and attendance": [*clicked, *context],
        "and clicks": context,
        "and students": context,
    },
    cv=StudentKFold(4, random_state=0),
    days=[20, 40],
    metrics=["average_precision"],
    n_resamples=300,
)
table.filter(regex="precision(?!_low|_high)").round(3)

# %%
# The names of the features that each table made:

fitted = everything.fit(X, y)
names = fitted["features"].get_feature_names_out()
[name for name in names if "attendance" in name or "admission" in name]

# %%
# Serve it
# --------
#
# A model asks for its columns by name, wherever it predicts: in
# :meth:`~edml.classifier.RiskClassifier.score_students`, at the endpoint, in ``edml
# predict`` and in the app. A table without them raises an error that names them.

import tempfile

from edml import RiskClassifier
from edml.registry import ModelRegistry
from edml.serving import create_app

model = RiskClassifier(everything, cv=3).fit(X, y)
registry = ModelRegistry(tempfile.mkdtemp(), "risk")
record = registry.register(model)
registry.promote(record.version, "production")

student, course = X.loc[0, ["user_uuid", "course_uuid"]]
history = X[(X["user_uuid"] == student) & (X["course_uuid"] == course)]
rows = history.astype(object).where(history.notna(), None).to_dict("records")

client = create_app(registry).test_client()
client.post("/predict", json=rows).get_json()

# %%
# Without the click log:

rows = [{k: v for k, v in row.items() if k not in clicked} for row in rows]
client.post("/predict", json=rows).get_json()

# %%
# From the command line
# ---------------------
#
# The same, with files. A kind that a file does not name is the file's name:
#
# .. code-block:: console
#
#    $ edml import events events.csv --activity attendance.csv --activity clicks.csv \
#          --students students.csv --out all.parquet
#    $ cat edml.toml
#    [paths]
#    raw = "all.parquet"
#    [signals]
#    features = "full"
#    numeric = ["admission"]
#    $ edml tune
#    $ edml registry promote 1 production
#    $ edml serve
#    $ edml predict all.parquet
#
# ``edml import moodle SOURCE --activity`` and ``edml import canvas FOLDER --activity``
# count the platform's own log.
