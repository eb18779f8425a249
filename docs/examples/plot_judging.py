"""
How good is a model, really?
============================

A single figure says little of a risk model. It hides how uncertain it is, on which
day of the course the model begins to know something, whether it serves all students
alike, and whether the split that made it was fair. This page asks all four.

The data are made up, and ship with edml.
"""

# %%
# A model, and students it has not seen
# -------------------------------------
#
# All rows of a student are on one side of the split. The threshold is left as it is:
# the model takes the one with the highest F1 on training students, each scored by
# trees that had not seen them.

from edml import RiskClassifier, load_activity, student_train_test_split

X, y = load_activity(return_X_y=True)
X_train, X_test, y_train, y_test = student_train_test_split(
    X, y, test_size=0.5, random_state=0
)
model = RiskClassifier().fit(X_train, y_train)

# %%
# The whole of it
# ---------------
#
# :func:`~edml.inspection.evaluate` measures everything at once. The unit is a student
# in a course on a day, a *snapshot*, however many events the day had. The intervals
# come from drawing whole students, since the days of one student are alike: many
# snapshots of few failing students are still little to go by.
# ``evaluation.to_html("page.html")`` keeps it as a page of its own.

from edml import evaluate

evaluation = evaluate(model, X_test, y_test, by="course_name")
evaluation

# %%
# How soon, and how steadily
# --------------------------
#
# An alarm is of use while there is time left, and if it does not come and go.

lead = evaluation.lead_time
print(f"enrolments that fail       {lead['n_failing']:5}")
print(f"of these, flagged some day {lead['share_alerted']:5.0%}")
print(f"days before the end, median{lead['median']:5.0f}")
print(f"flags that change overnight{evaluation.flip_rate:5.0%}")

# %%
# Beware: a threshold that is low enough flags everyone on the first day, and all of
# these look splendid. (Here ``threshold="recall>=0.8"`` nearly does so.) Look at the
# ranking too, day by day. The dashed line is what a model that knows nothing reaches,
# for average precision the share that fails.

from edml import EarlinessDisplay

EarlinessDisplay.from_estimator(model, X_test, y_test, metric="average_precision")

# %%
# What a threshold costs
# ----------------------
#
# To find more of those who fail, more students must be flagged who do not. The strip
# above counts the flagged students of a course on the mean day, on a logarithmic
# scale. Half of each course was held out, so the whole course has about twice as many.

from edml import ThresholdDisplay

ThresholdDisplay.from_estimator(model, X_test, y_test)

# %%
# All alike?
# ----------
#
# ``by=`` measures each group apart. With real data that would be the campus, or the
# year of study. Where a group has one outcome only, or fewer than 30 students, no
# figure is given.

columns = ["group", "n_students", "n_failing", "roc_auc", "roc_auc_low", "roc_auc_high"]
evaluation.by_group["course_name"][columns].style.hide().format(precision=2)

# %%
# The intervals overlap, and with so few who fail a difference would have to be large
# to show. That no difference is seen does not say that there is none.
#
# Was the split fair?
# -------------------
#
# The same pipeline is trained under four splits, and judged on the same students of
# the last period. *Forward* trains on earlier periods, as in use, so it is what is
# true. The row-random split has other days of each student in training, and claims
# more than it can keep. Every tenth day is used for training here, to be quick;
# :doc:`/user_guide/optimism` has the full figures, of real data too.

from edml import honesty_report, make_risk_pipeline

report = honesty_report(make_risk_pipeline(every=10), X, y, n_splits=3, n_resamples=300)
report

# %%
# The dots are the figures, the lines their intervals, and the dashed line is what is
# true.

axes = report.plot()

# %%
# Before you trust a figure
# -------------------------
#
# - Ask which students it was measured on. If the model had seen them, it means little.
# - Read the interval first. Here it rests on few who fail.
# - Ask for the day. The last days of a course are the easier ones, and too late.
# - A good ranking can come with bad probabilities, and the other way round; look at
#   :class:`~edml.inspection.ReliabilityDisplay` too.
# - These figures are those of a made-up sample. Measure your own courses.
