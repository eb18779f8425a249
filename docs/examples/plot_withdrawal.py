"""
Another target: who will stop handing in?
=========================================

edml does not know what failing means: ``y`` is yours. This page predicts withdrawal
instead, that is, which students will hand in nothing more in the last quarter of a
course. It shows what to change for another target, and how honest the result is.

The data are synthetic and ship with edml. Nobody withdraws from this sample, so the
page calls a student withdrawn who still had work to do and did not hand any in.
"""

# %%
# The outcome
# -----------
#
# All rows of a history, one student in one course, share one outcome. Here it is 1 for
# students without a submission after three quarters of the course, although assignments
# were still due.

from edml import load_activity

X = load_activity()
keys = [X["user_uuid"], X["course_uuid"]]
length = X.groupby("course_uuid")["particion"].transform("max")
late = X["particion"] > 0.75 * length
sent = (late & X["ass_name_sub"].notna()).groupby(keys).transform("any")
withdrew = (~sent).astype(int)

histories = withdrew.groupby(keys).first()
print(f"{histories.sum()} of {len(histories)} enrolments end without a late submission")

# %%
# The outcome is known once the last quarter has passed, so the later rows would only
# repeat it. A useful prediction comes early: keep the first half of each course.

early = X["particion"] <= 0.5 * length
X, y = X[early], withdrew[early]

# %%
# The model
# ---------
#
# Nothing else changes. Labels that are text need ``fail_label="withdrew"``.

from edml import Capacity, RiskClassifier, student_train_test_split

X_train, X_test, y_train, y_test = student_train_test_split(
    X, y, test_size=0.5, random_state=0
)
model = RiskClassifier(threshold=Capacity(per_course=8)).fit(X_train, y_train)
students = model.score_students(X_test, at=35)
columns = ["course_name", "probability", "reasons"]
students[columns].head(3).style.hide().format({"probability": "{:.0%}"})

# %%
# How good is it?
# ---------------
#
# The intervals resample students. Compare ``average_precision`` with the share
# of students who withdraw, which a list drawn by lot would reach.

from edml import evaluate

evaluation = evaluate(model, X_test, y_test)
for metric in ("roc_auc", "average_precision"):
    low, high = evaluation.intervals[metric]
    print(f"{metric:18}{evaluation.metrics[metric]:.2f} [{low:.2f}, {high:.2f}]")
print(f"{'drawn by lot':18}{y_test.mean():.2f}")

# %%
# Does it get better with time?

from edml import EarlinessDisplay

EarlinessDisplay.from_estimator(model, X_test, y_test)

# %%
# What to keep in mind
# --------------------
#
# - Reasons say what moves the score up, here towards withdrawal.
# - The phrase "at risk" now means something else. State the target wherever the list
#   is shown.
# - A target that is known before the course ends, as this one, needs rows from before
#   that day only. With later rows, the figures would flatter the model.
# - The sample was made to study failing, not withdrawal. The page shows the way, not a
#   result about students. :func:`~edml.datasets.load_oulad` has real withdrawals.
