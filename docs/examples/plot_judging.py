"""
How good is a model, really?
============================

A single figure says little about a risk model. It does not show its uncertainty, the
course day on which predictions become useful, whether they are equally good for all
students, or whether the split was fair. This page answers these four questions.

The data are synthetic and ship with edml.
"""

# %%
# A model, and students it has not seen
# -------------------------------------
#
# All rows of a student are on one side of the split. The model uses the default
# threshold, which has the highest F1 on out-of-fold predictions of the training
# students.

from edml import RiskClassifier, load_activity, student_train_test_split

X, y = load_activity(return_X_y=True)
X_train, X_test, y_train, y_test = student_train_test_split(
    X, y, test_size=0.5, random_state=0
)
model = RiskClassifier().fit(X_train, y_train)

# %%
# All figures at once
# -------------------
#
# :func:`~edml.inspection.evaluate` measures everything. The unit is a student in a
# course on a day, a *snapshot*, however many events the day had. The intervals come
# from a bootstrap over students, because the days of one student are correlated. Many
# snapshots of few failing students are still little evidence.
# ``evaluation.to_html("page.html")`` writes the evaluation as a page.

from edml import evaluate

evaluation = evaluate(model, X_test, y_test, by="course_name")
evaluation

# %%
# How soon, and how steadily
# --------------------------
#
# An alert is useful if it comes early and does not flicker.

lead = evaluation.lead_time
print(f"enrolments that fail       {lead['n_failing']:5}")
print(f"of these, flagged some day {lead['share_alerted']:5.0%}")
print(f"days before the end, median{lead['median']:5.0f}")
print(f"flags that change overnight{evaluation.flip_rate:5.0%}")

# %%
# A very low threshold flags everyone on the first day, and makes all of these figures
# look excellent. (Here ``threshold="recall>=0.8"`` nearly does so.) Look at the ranking
# too, day by day. The dashed line is the level of random predictions; for average
# precision this is the share that fails.

from edml import EarlinessDisplay

EarlinessDisplay.from_estimator(model, X_test, y_test, metric="average_precision")

# %%
# The cost of a threshold
# -----------------------
#
# A threshold that catches more failing students also flags more passing ones. The strip
# above shows the mean number of students flagged in a course on a day, on a logarithmic
# scale. Half of each course was held out, so a whole course has about twice as many.

from edml import ThresholdDisplay

ThresholdDisplay.from_estimator(model, X_test, y_test)

# %%
# Equally good for all?
# ---------------------
#
# ``by=`` measures each group separately. With real data, group by campus or year of
# study. A group with one outcome, or fewer than 30 students, has no figures.

columns = ["group", "n_students", "n_failing", "roc_auc", "roc_auc_low", "roc_auc_high"]
evaluation.by_group["course_name"][columns].style.hide().format(precision=2)

# %%
# The intervals overlap, and with so few failing students only a large difference would
# show. The groups may still differ.
#
# Was the split fair?
# -------------------
#
# :func:`~edml.inspection.honesty_report` trains one pipeline under four splits, and
# evaluates it on the same students of the last period. *Forward* trains on earlier
# periods, as in practice, and shows the honest figure. The row-random split has other
# days of each student in training, and promises too much. To be quick, training here
# uses only every tenth day; :doc:`/user_guide/optimism` has the full figures, also for
# real data.

from edml import honesty_report, make_risk_pipeline

report = honesty_report(make_risk_pipeline(every=10), X, y, n_splits=3, n_resamples=300)
report

# %%
# The dots are the figures, the lines are their intervals, and the dashed line marks the
# honest figure.

axes = report.plot()

# %%
# Before you trust a figure
# -------------------------
#
# - Ask which students it was measured on. If the model has seen them, it means little.
# - Read the interval first. Here it rests on few failing students.
# - Ask for the day. The last days of a course are easy to predict, but too late to
#   help.
# - A good ranking can come with bad probabilities, and vice versa; look at
#   :class:`~edml.inspection.ReliabilityDisplay` too.
# - These figures describe a synthetic sample. Measure your own courses.
