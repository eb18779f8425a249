"""Moodle's tables become the event table that the same history gives directly."""

import pytest

from edml.sources import read_moodle
from moodle_schema import write_folder
from moodle_site import Site, assert_same_features


@pytest.mark.parametrize("history", [True, False], ids=["history", "no history"])
@pytest.mark.parametrize("seed", range(3))
def test_folder_gives_features_of_history(tmp_path, seed, history):
    site = Site(seed, history=history)
    write_folder(tmp_path, site.rows, "mdl_")
    assert_same_features(read_moodle(tmp_path), site)
