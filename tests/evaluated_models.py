"""A registry for the tests of the models page, with versions of every kind."""

from functools import cache

from edml import (
    RiskClassifier,
    evaluate,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.registry import ModelRegistry


def events(n, random_state):
    """Return events of students in courses of three weeks."""
    return make_student_activity(
        n, n_courses=3, fail_rate=0.3, partitions=21, random_state=random_state
    )


@cache
def running():
    """Return the table of running courses, without an outcome."""
    return events(60, 9).drop(columns="nota_final_materia")


@cache
def held_out(random_state=5):
    X = events(150, random_state)
    return X, make_target(X)


@cache
def model(learner="lightgbm", random_state=1):
    X = events(150, random_state)
    pipeline = make_risk_pipeline(learner, every=3)
    pipeline.set_params(classify__n_estimators=10)
    return RiskClassifier(pipeline, cv=2).fit(X, make_target(X))


@cache
def evaluation_of(learner="lightgbm", random_state=1, side=5):
    return evaluate(model(learner, random_state), *held_out(side), n_resamples=50)


def make_evaluated_registry(folder):
    """Store a champion, one evaluated on the same rows, and one without evaluation."""
    registry = ModelRegistry(folder, who="ada")
    registry.register(model(), evaluation_of(), tags={"term": "1-2026"})
    registry.register(model("random_forest"), evaluation_of("random_forest"))
    registry.register(model(random_state=2))
    registry.promote(2, why="the first one")
    registry.promote(1, why="it is better")
    return registry
