"""A registry whose models answer differently, for the tests of the mirror."""

import uuid
from functools import cache

from edml import RiskClassifier, make_risk_pipeline, make_student_activity, make_target
from edml.inspection import evaluate
from edml.registry import ModelRegistry


def students(random_state=7, n=40):
    """Return events of students, with their outcomes."""
    X = make_student_activity(
        n, n_courses=2, fail_rate=0.4, partitions=20, random_state=random_state
    )
    return X, make_target(X)


def make_model(random_state=1, **given):
    """Return a small model, not fitted yet."""
    pipeline = make_risk_pipeline("random_forest", every=5, random_state=0, **given)
    pipeline.set_params(classify__n_estimators=5, classify__min_samples_leaf=3)
    return RiskClassifier(pipeline, cv=2, random_state=random_state)


@cache
def fitted(random_state=1):
    return make_model(random_state).fit(*students(random_state))


@cache
def evaluated(random_state=1, on=20):
    return evaluate(fitted(random_state), *students(on), n_resamples=10)


def make_registry(folder, name=None, n_versions=1, **given):
    """Store versions, each with an evaluation; the first one is the champion."""
    name = name or f"risk-{uuid.uuid4().hex[:8]}"  # the server is shared by the tests
    registry = ModelRegistry(folder, name, **{"who": "ada", **given})
    for number in range(1, n_versions + 1):
        registry.register(fitted(number), evaluated(number), {"term": "1-2024"})
    registry.promote(1, why="the first one")
    return registry
