"""A client of an endpoint that answers from a model, for the tests of the app."""

import json

import pandas as pd
from packaging.version import Version

from edml.exceptions import ServingError

# from 3.1 on, pandas reads numbers to the last bit by default
EXACT_FLOATS = (
    {"float_precision": "round_trip"}
    if Version(pd.__version__) < Version("3.1.dev0")
    else {}
)


class Client:
    """Answers like an endpoint, in another order; records what it was sent."""

    def __init__(self, model):
        self.answers = model
        self.sent = []
        self.away = False

    def predict(self, X, explain=False, language="en"):
        self._check()
        self.sent.append(X)
        students = self.answers.score_students(
            X, n_reasons=3 if explain else 0, language=language
        )
        students = students.drop(columns=["change", "legajo", "course_name"])
        students["threshold"] = self.answers.threshold_
        students["model_version"] = 7
        records = json.loads(json.dumps(students.to_dict("records")))
        return pd.DataFrame(records).sample(frac=1, random_state=0)

    def model(self):
        self._check()
        return {"version": 7, "threshold": float(self.answers.threshold_)}

    def _check(self):
        if self.away:
            message = (
                "Expected an answer of http://risk.example.org; found Connection "
                "refused. Check the address, and that the endpoint runs."
            )
            raise ServingError(message)
