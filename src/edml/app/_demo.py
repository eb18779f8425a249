"""The demonstration: the sample that comes with edml, and a model made on the spot."""

from functools import cached_property
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING
from weakref import finalize

import pandas as pd

from edml.app._source import RegistrySource

if TYPE_CHECKING:
    from edml.registry import ModelRegistry

_TEST_SHARE = 0.2
_N_RESAMPLES = 200  # a tenth of a second, and intervals that serve to be looked at

_Events = tuple[pd.DataFrame, pd.Series]


class DemoSource(RegistrySource):
    """A registry of its own, with a model that was trained on most of the sample.

    The model is made when it is asked for first. The registry's folder is the
    system's, and goes with the process; in it are the model and its figures, and no
    events.
    """

    kind = "demo"

    def __init__(self) -> None:
        super().__init__(self._make)
        self._folder = mkdtemp(prefix="edml-demo-")
        finalize(self, rmtree, self._folder, ignore_errors=True)

    def sample(self) -> pd.DataFrame:
        """Give the students that the model has not seen, without their grades."""
        return self._sides[1][0].drop(columns="nota_final_materia")

    def test_data(self, version: int) -> tuple[pd.DataFrame, pd.Series]:
        """Give what the demonstration's models are judged on."""
        return self._sides[1]

    @cached_property
    def _sides(self) -> tuple[_Events, _Events]:
        """The students to train on, and those to judge on and show."""
        from edml.datasets import load_activity  # noqa: PLC0415 - seconds
        from edml.model_selection import student_train_test_split  # noqa: PLC0415

        X, y = load_activity(return_X_y=True)
        X_train, X_test, y_train, y_test = student_train_test_split(
            X, y, test_size=_TEST_SHARE, random_state=0
        )
        return (X_train, y_train), (X_test, y_test)

    def _make(self) -> "ModelRegistry":
        from edml.classifier import RiskClassifier  # noqa: PLC0415 - seconds
        from edml.inspection import evaluate  # noqa: PLC0415
        from edml.registry import ModelRegistry  # noqa: PLC0415

        train, test = self._sides
        model = RiskClassifier(cv=3).fit(*train)
        evaluation = evaluate(model, *test, n_resamples=_N_RESAMPLES)
        registry = ModelRegistry(self._folder, who="edml app")
        record = registry.register(model, evaluation, tags={"trained on": "sample"})
        registry.promote(record.version, why="the demonstration's")
        return registry
