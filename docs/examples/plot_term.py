"""
Through a term, week by week
============================

A model scores the students of a running course. Is it still right? This page walks
through a term of real students: each week a list, an entry in the ledger, and a look at
the model. A feed breaks, a deadline moves, and students leave. In the end the outcomes
arrive, and a newer model challenges the champion.
"""

# %%
# The data
# --------
#
# The module DDD of the Open University Learning Analytics Dataset (Kuzilek, Hlosta and
# Zdrahal, :doi:`10.1038/sdata.2017.171`, CC BY 4.0) began in October 2013 and in
# February 2014. This part is in ``docs/examples/oulad`` of edml's sources.
# With the whole dataset in the folder ``oulad``, the script shows the same.

import pandas as pd

from edml import load_oulad

X, y = load_oulad("oulad", return_X_y=True, grading_days={"TMA": 14})
X = X[X["course_name"] == "DDD"]
is_term = X["periodo"] == "01-2014"
term, y_term = X[is_term], y[X.index[is_term]]

# students who take the module again are not in both
is_past = (X["periodo"] == "02-2013") & ~X["user_uuid"].isin(term["user_uuid"])
past, y_past = X[is_past], y[X.index[is_past]]

for name, events in (("2013", past), ("2014", term)):
    fails = y[events.index].groupby(events["user_uuid"]).first()
    print(f"{name}: {len(fails):,} students, {fails.mean():.0%} fail or withdraw")

# %%
# Who withdraws counts as failing. The events are six assignments and who handed them
# in. The dataset does not say when a mark came; here it takes two weeks. (The two terms
# overlap by more than four months; a team in 2014 would have trained on an earlier
# one.)
#
# Before the term
# ---------------
#
# A fitted model has a summary of its training data, without any student. It holds what
# the features and scores looked like in each week of the course. The registry stores
# this *reference* with the model.

from pathlib import Path
from tempfile import TemporaryDirectory

from edml import Ledger, ModelRegistry, RiskClassifier

folder = TemporaryDirectory()
registry = ModelRegistry(Path(folder.name, "registry"))
record = registry.register(RiskClassifier(threshold=0.6).fit(past, y_past))
champion = registry.promote(record.version, why="trained on the term of 2013")
model = registry.load("production")
registry.reference("production")

# %%
# Each week
# ---------
#
# On Saturdays the team reads the new events, looks at the model, and makes the list.
# :func:`~edml.monitoring.monitor` compares the last seven days with the same week of
# training. :class:`~edml.ledger.Ledger` keeps what was said about each student. The
# team can contact 60 of them.

from edml import as_of
from edml.monitoring import monitor

ledger = Ledger(Path(folder.name, "ledger.db"))
reference = registry.reference("production")
start = pd.Timestamp("2014-02-01")  # a Saturday


def look(events, day):
    """Compare the last week with training."""
    return monitor(
        model, events, since=day - 7, until=day, reference=reference, ledger=ledger
    )


def make_list(events, day):
    """List the students who are still enrolled, and record the list."""
    students = model.score_students(events, since=day - 7, n_reasons=2)
    students = students[students["particion"] == day]
    ledger.append(
        students,
        version=champion.version,
        model_hash=champion.model_hash,
        events=events,
        threshold=model.threshold_,
        capacity=60,
        time=start + pd.Timedelta(days=day),
    )
    return students


# %%
# The first assignment is due on day 25. Before, the model cannot tell students apart.
# By the end of week 4 it knows who did not hand in, and in week 6 the first marks come.
# These are the first three on the list of week 9:

reports = {}
for week in range(4, 10):
    events = as_of(term, 7 * week)
    reports[week] = look(events, 7 * week)
    students = make_list(events, 7 * week)

columns = ["probability", "change", "flagged", "reasons"]
styles = {"probability": "{:.0%}", "change": "{:+.0%}", "reasons": "<br>".join}
students[columns].head(3).style.hide().format(styles)

# %%
# The verdicts on these weeks:


def show(reports):
    """Lay out the verdicts, a row for each week."""
    rows = {
        week: {name: part.verdict for name, part in report.parts.items()}
        for week, report in reports.items()
    }
    bold = {"look": "font-weight: bold", "act": "font-weight: bold; color: #d55e00"}
    table = pd.DataFrame(rows).T.rename_axis("week").reset_index()
    return table.style.hide().map(lambda verdict: bold.get(verdict, ""))


show(reports)

# %%
# *Cannot tell* is an answer, too: there are no outcomes yet, and in week 4 no earlier
# list.
#
# A broken feed
# -------------
#
# In week 10 the marks of the second assignment come in. On the same day the platform
# was updated, and exports marks out of 50. Nobody has told the team:

events = as_of(term, 70)
broken = events.assign(score=events["score"] / 2)
look(broken, 70)

# %%
# *Act*: no list today. The first line names the column and its scale. The feed is
# corrected, and the list is made. Without the look, tutors would have read that nearly
# everybody is at risk:

reports[10] = look(events, 70)
students = make_list(events, 70)
wrong = model.score_students(broken, n_reasons=0)
wrong = wrong[wrong["particion"] == 70]
print(f"flagged with marks out of 50: {wrong['flagged'].mean():.0%}")
print(f"flagged in the list: {students['flagged'].mean():.0%}")

# %%
# A deadline that moved
# ---------------------
#
# The weeks go on, to the end of the term:

for week in range(11, 35):
    events = as_of(term, 7 * week)
    reports[week] = look(events, 7 * week)
    students = make_list(events, 7 * week)

show({week: reports[week] for week in range(10, 14)})

# %%
# In week 11 the features move, and so do the scores:

for sign in reports[11].parts["drift"].signs:
    print(*sign.describe(), sep="\n")

# %%
# This is no fault. The third assignment was due two weeks earlier than in 2013, and the
# others one week:

due = X.dropna(subset="ass_name").groupby(["periodo", "ass_name"])["particion"].first()
print(due.groupby("periodo").agg(list).to_string())

# %%
# The scores are too high in the weeks after a deadline that came early in 2014. So the
# team goes on, and calls the first 60 of the list rather than all who are flagged. How
# good the model is now, *cannot tell*: the expected figures assume that a risk means
# what it meant in 2013.
#
# What the lists said
# -------------------
#
# The ledger has it all. The upper picture shows the risk, the lower one how many of the
# flags changed within the week. They change when the first marks come, in week 6, and
# whenever a deadline has passed:

from matplotlib import pyplot as plt

weeks = ledger.changes()
axes = plt.subplots(2, sharex=True, layout="constrained", height_ratios=[2, 1])[1]
axes[0].plot(weeks["week"], weeks["median"])
axes[0].fill_between(
    weeks["week"], weeks["lower_quartile"], weeks["upper_quartile"], alpha=0.2
)
axes[0].set_title("What the lists said", fontsize="medium")
axes[0].set_ylabel("risk: median, quartiles")
axes[1].bar(weeks["week"], weeks["flip_rate"], width=5)
axes[1].set_ylabel("flags changed")
axes[1].tick_params(axis="x", rotation=30)

# %%
# Who leaves first
# ----------------
#
# Students who withdraw are the first outcomes. By week 20 a quarter has left. How long
# before were they flagged?

last_day = term.groupby("user_uuid")["particion"].transform("max")
left = term[last_day < 140].drop_duplicates("user_uuid", keep="last")
outcomes = pd.DataFrame(
    {
        "student": left["user_uuid"],
        "course": left["course_uuid"],
        "fails": 1,
        "date": start + pd.to_timedelta(left["particion"], unit="D"),
    }
)
lead = ledger.lead_time(outcomes)
lead = lead[lead["n_told"] > 0]  # others left before the first list
print(f"{len(left)} left, {len(lead)} of them after the first list")
print(f"{lead['lead_days_flagged'].notna().mean():.0%} of these were flagged,")
print(f"half of them at least {lead['lead_days_flagged'].median():.0f} days before,")
print(f"{lead['lead_days_within_capacity'].notna().mean():.0%} were among the first 60")

# %%
# What they say about the model is another matter. All of them fail, so figures from
# their outcomes would be wrong. Monitoring waits:

events = as_of(term, 140)
known = y_term.where(last_day < 140)[events.index]
report = monitor(model, events, known, since=133, reference=reference)
print(*report.parts["realised"].signs[0].describe(), sep="\n")

# %%
# Expected and realised
# ---------------------
#
# The term is over, and all outcomes are known:

report = monitor(model, term, y_term, reference=reference, ledger=ledger)
axes = report.plot()

# %%
# On the left, the realised ROC AUC stays close to what was expected, although from week
# 11 on monitoring could not promise it. On the right are the features that moved most.
# (Before the first marks all risks are nearly the same, and a tiny change of them is a
# large shift. It takes three points of probability to be reported.)
#
# What was off in the end is the level of the risk:

auc = report.realised.query("figure == 'roc_auc'")
held = auc["realised"].between(auc["low"], auc["high"])
print(f"ROC AUC was within its interval in {held.sum()} of {len(auc)} weeks.")
for name in ("realised", "lists"):
    for sign in report.parts[name].signs:
        print(*sign.describe())

# %%
# A newer model
# -------------
#
# The next step was *refit*. Four in ten students of the term join those of 2013; the
# others, whom neither model has seen, are divided once more. The first of them show
# whether the new version may take part, and the last ones decide:

from edml import student_train_test_split

X_new, X_rest, y_new, y_rest = student_train_test_split(
    term, y_term, test_size=0.6, random_state=0
)
X_check, X_last, y_check, y_last = student_train_test_split(
    X_rest, y_rest, test_size=0.7, random_state=0
)
newer = registry.refit(
    "production", pd.concat([past, X_new]), pd.concat([y_past, y_new])
)
registry.reevaluate(X_check, y_check, newer.version, purpose="validation")
contest = registry.compete(X_last, y_last)
print(contest.why)
print("promoted" if contest.promoted else "the champion stays")

# %%
# The gain is small, but its interval is above zero. So the newer version is the
# champion of the next term, and its reference knows both terms. With an interval that
# reaches below zero, the old one would have stayed.

registry.reference("production")

# %%
# From the command line
# ---------------------
#
# The same, each week and at the end. :doc:`/user_guide/monitoring` has timers for it:
#
# .. code-block:: console
#
#    $ edml monitor week.csv --since 63 --until 70 --ledger ledger.db --html health.html
#    $ edml predict week.csv --ledger ledger.db
#    $ edml monitor ended.csv --outcomes grades.csv --ledger ledger.db
#    $ edml update ended.csv --refit
#
# What this page does not show
# ----------------------------
#
# - One module of one term is one example. :doc:`/user_guide/monitoring` measures how
#   often faults are found, and how often nothing is a false alarm.
# - Nobody was contacted here. If contact helps, those flagged fail less often, and a
#   good list looks worse: see :doc:`/user_guide/contacts`.
# - A ledger holds what was said about people. :doc:`/user_guide/ledger` shows how to
#   export and erase it.

folder.cleanup()
