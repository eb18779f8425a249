"""Explain what moved a score, feature by feature, in words for a tutor."""

from edml.explanation._explain import explain
from edml.explanation._explanation import Explanation
from edml.explanation._facts import history_facts
from edml.explanation._own import own_importance
from edml.explanation._phrases import LANGUAGES, feature_name, feature_phrase

__all__ = [
    "LANGUAGES",
    "Explanation",
    "explain",
    "feature_name",
    "feature_phrase",
    "history_facts",
    "own_importance",
]
