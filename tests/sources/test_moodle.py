"""Moodle's tables become the event table that the same history gives directly."""

import pandas as pd
import pytest

from edml.feature_extraction import FeatureEngineer
from edml.sources import make_event_table, read_moodle
from moodle_schema import write_folder
from moodle_site import Site

KEYS = ["user_uuid", "course_uuid", "particion"]
EXAM_KINDS = {
    "parciales": ("Midterm exam",),
    "integradores": ("Final exam",),
    "recuperatorios": ("Oral exam",),
}


def snapshots(X):
    """Return the features of each student, course and day, and what people read."""
    engineer = FeatureEngineer(exam_kinds=EXAM_KINDS, fill_value=None)
    features = engineer.fit_transform(X)
    shown = ["nota_final_materia", "periodo", "legajo", "course_name"]
    features = features.assign(**{name: X[name] for name in shown})
    return features.drop_duplicates(KEYS).sort_values(KEYS).reset_index(drop=True)


def assert_same_features(X, site):
    expected = make_event_table(*site.tidy(), grade_scale=100, until=site.until)
    pd.testing.assert_frame_equal(snapshots(X), snapshots(expected), rtol=1e-9)


@pytest.mark.parametrize("history", [True, False], ids=["history", "no history"])
@pytest.mark.parametrize("seed", range(3))
def test_folder_gives_features_of_history(tmp_path, seed, history):
    site = Site(seed, history=history)
    write_folder(tmp_path, site.rows, "mdl_")
    assert_same_features(read_moodle(tmp_path), site)
