"""Three processes that change one registry, killed again and again."""

import os

import pytest

from registry_storm import storm

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.mark.parametrize(
    "n_kills", [5, pytest.param(60, marks=pytest.mark.slow)], ids=str
)
def test_kills_lose_nothing(tmp_path, n_kills):
    assert storm(tmp_path, n_kills, seed=n_kills) > 0
