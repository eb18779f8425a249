"""
Was a search worth it?
======================

:class:`~edml.tuning.ModelTuner` searches algorithm, parameters and balancing. This page
runs it for a few seconds, looks at what it tried, and checks what a search cannot
show: is its model better than one without a search, for students that neither has
seen?

The data are synthetic. Nobody on this page is a real person.
"""

# %%
# Students for the search, and for the test
# -----------------------------------------
#
# Half of the students are for the search. The others are kept out of it, and are not
# used to choose anything.

from edml import make_student_activity, make_target, student_train_test_split

X = make_student_activity(300, fail_rate=0.2, partitions=30, random_state=0)
X_train, X_test, y_train, y_test = student_train_test_split(
    X, make_target(X), test_size=0.5, random_state=0
)

# %%
# The search
# ----------
#
# Sixteen candidates are few, and quick. With ``n_iter=None, timeout=600`` the search
# would run for ten minutes.

from edml import ModelTuner

tuner = ModelTuner(n_iter=16, n_candidates=3, random_state=0).fit(X_train, y_train)
tried = tuner.history_.groupby(["algorithm", "status"]).size()
tried.unstack(fill_value=0).style

# %%
# The picture shows the score of each candidate, and when its evaluation ended:

from edml.tuning import ConvergenceDisplay

ConvergenceDisplay.from_tuner(tuner)

# %%
# The parameters of the best candidate; the ``warm_start`` of another search accepts
# them. After a longer search, :class:`~edml.tuning.ParameterImportanceDisplay` shows
# which parameters mattered for the score.

for name, value in tuner.best_params_.items():
    print(f"{name:30}{value:.3g}" if isinstance(value, float) else f"{name:30}{value}")

# %%
# Was it worth it?
# ----------------
#
# The score of the search chose the best candidate, so it is too high. The other
# students compare the candidates with the model that
# :class:`~edml.classifier.RiskClassifier` makes without a search:

import pandas as pd

from edml import RiskClassifier, evaluate

models = {"no search": RiskClassifier(random_state=0).fit(X_train, y_train)}
for place, candidate in enumerate(tuner.candidates_, start=1):
    models[f"candidate {place}"] = candidate

rows = {}
for name, model in models.items():
    evaluation = evaluate(model, X_test, y_test, n_resamples=300)
    low, high = evaluation.intervals["average_precision"]
    rows[name] = {
        "algorithm": type(model.pipeline_[-1]).__name__,
        "average precision": evaluation.metrics["average_precision"],
        "from": low,
        "to": high,
    }
pd.DataFrame(rows).T.style.format(precision=2)

# %%
# Look at the intervals before the ranks. Where they overlap, as they do with a few
# dozen failing students, the table does not show which model is better. That takes
# more students, not a longer search. The registry's
# :meth:`~edml.registry.ModelRegistry.compete` compares two models by a paired bootstrap
# of the same students, and keeps the champion unless the challenger is clearly better.
