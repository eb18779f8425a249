"""Make earlier.zip; run once, with the edml that wrote format 1."""

import json
import sys
from pathlib import Path

from lightgbm import LGBMClassifier
from sklearn.linear_model import LogisticRegression

from edml import (
    ModelRegistry,
    RiskClassifier,
    evaluate,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.pipeline import Blend


def students(random_state, n=30):
    X = make_student_activity(n, fail_rate=0.3, random_state=random_state)
    return X, make_target(X)


def pipeline(classifier):
    return make_risk_pipeline(classifier, every=28)


out = Path(sys.argv[1])
registry = ModelRegistry(out, "risk", who="ada")
(X, y), (V, w), (N, z), (R, q) = (
    students(seed, n) for seed, n in ((1, 30), (2, 30), (3, 40), (4, 30))
)
trees = LGBMClassifier(
    n_estimators=8, num_leaves=4, verbose=-1, n_jobs=1, random_state=0
)
line = LogisticRegression(max_iter=5000)
given = {"cv": 3, "random_state": 0}
weak = RiskClassifier(
    pipeline(LogisticRegression(C=1e-4, max_iter=5000)),
    calibration=None,
    threshold=0.3,
    **given,
).fit(X, y)
strong = RiskClassifier(pipeline(trees), threshold="f1", **given).fit(X, y)
both = Blend([("a", pipeline(line)), ("b", pipeline(trees))])
blend = RiskClassifier(both, threshold=0.4, **given).fit(X, y)

registry.register(weak, evaluate(weak, V, w, n_resamples=50), tags={"term": "1"})
registry.promote(1, why="the first one")
for model in (strong, blend):
    registry.register(model, evaluate(model, V, w, n_resamples=50))
registry.register(weak)
contest = registry.compete(N, z, n_resamples=200)
for version in contest.candidates:
    registry.demote(version)
P, p = students(6)
registry.compete(P, p, metric="brier", method="plain", n_resamples=50)
registry.reevaluate(R, q, "production")
answers = {}
for version in (1, 2, 3, 4):
    risk = registry.load(version).predict_proba(R)[:, 1]
    answers[version] = risk[:: max(1, len(risk) // 20)].tolist()
registry.promote(1, why="a try")
registry.rollback("back")
registry.export(2, out / "export.zip")
(out / "answers.json").write_text(json.dumps(answers) + "\n")
# The folder was then packed with ZIP_LZMA, without risk/.lock.
