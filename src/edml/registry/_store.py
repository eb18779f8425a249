"""ModelStore: store and load models, with their records and evaluations."""

import os
import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

from edml.exceptions import MonitoringError, RegistryError
from edml.inspection import Evaluation
from edml.monitoring import Reference
from edml.registry import _model_file
from edml.registry._errors import registry_error
from edml.registry._evaluations import (
    VALIDATION,
    Headline,
    read_evaluation,
    read_headline,
    rows_of_contests,
    write_evaluation,
)
from edml.registry._golden import answers_of
from edml.registry._libraries import check_versions
from edml.registry._protocol import EVALUATIONS, MODEL
from edml.registry._record import ModelRecord, describe
from edml.registry._sandbox import load_model
from edml.registry._signing import NO_KEYS, Keys
from edml.registry._state import DEVELOPMENT
from edml.registry._versions import VersionStore

REFERENCE = "reference.json.z"


class ModelStore(VersionStore):
    """The models of one registry; ``trusted`` names the user's own classes."""

    def __init__(
        self,
        root: Path,
        name: str,
        keys: Keys = NO_KEYS,
        *,
        who: str | None = None,
        memory: Path | None = None,
        trusted: Sequence[str] = (),
        untrusted: bool = False,
    ) -> None:
        super().__init__(root, name, keys, who=who, memory=memory)
        self.trusted = tuple(trusted)
        self.untrusted = untrusted

    # -- models ----------------------------------------------------------------------

    def find(self, version: int | str) -> int:
        """Return the number of an existing version, given its number or name.

        A number is enough where the state is broken.
        """
        try:
            state = self.state()
        except RegistryError:
            if isinstance(version, Integral) and os.path.lexists(self.path(version)):
                return int(version)
            raise
        return state.find(version)

    def record(self, version: int | str) -> ModelRecord:
        """Read the record of a version, with its current stage."""
        state = self.state()
        number = state.find(version)
        return self.record_in(number, state.stages[number])

    def record_in(self, version: int, stage: str) -> ModelRecord:
        """Read the record of a version whose stage is known."""
        return ModelRecord.from_dict({**self.read_record(version), "stage": stage})

    def load(self, version: int) -> Any:
        """Load the model of a version."""
        record = self.record_in(version, DEVELOPMENT)
        data = self.read_file(version, MODEL)
        check_versions(record.libraries)
        return load_model(data, record, trusted=self.trusted, untrusted=self.untrusted)

    def add(
        self,
        model: Any,
        training: Mapping[str, Any] | None,
        *,
        evaluation: Evaluation | None = None,
        tags: Mapping[str, Any] | None = None,
        parent: int | None = None,
        reference: Reference | None = None,
        **known: Any,
    ) -> ModelRecord:
        """Store a deployable model; ``known`` holds record fields that it lacks."""
        data = _model_file.dumps(model, trusted=self.trusted)
        body = describe(model, parent=parent, tags=tags)
        # those of the file's model: a forest with several jobs adds in any order
        answers = answers_of(_model_file.loads(data, trusted=self.trusted))
        if answers is None:
            warnings.warn(
                f"The {body['algorithm']} cannot score made-up students, so its record "
                "keeps no answers to compare when it is loaded: nobody will notice a "
                "library that computes otherwise. Compare its predictions yourself "
                "after an update.",
                UserWarning,
                stacklevel=3,
            )
        body |= {"training": training, "answers": answers, **known}
        evaluations = []
        if evaluation is not None:
            _check_evaluation(evaluation, body)
            written = write_evaluation(evaluation, VALIDATION)
            evaluations.append(written)
            # The headline is also in the record, so that listing reads no curves.
            body["validation"] = {
                name: written["evaluation"][name]
                for name in ("metrics", "data_fingerprint", "intervals", "counts")
            }
        files = {MODEL: data}
        if reference is not None:
            files[REFERENCE] = _check_reference(reference).to_bytes()
        return self.find_or_add_model(files, body, evaluations)

    def find_or_add_model(
        self,
        files: Mapping[str, bytes],
        body: Mapping[str, Any],
        evaluations: Sequence[Mapping[str, Any]],
    ) -> ModelRecord:
        """Store a model file; if a version has it, add its new evaluations to that."""
        stored, is_new = self.find_or_add(files, body, evaluations, by=MODEL)
        record = self.record(stored["version"])
        if is_new:
            return record
        known = {(e.purpose, e.data_fingerprint) for e in self.headlines(record)}
        for evaluation in evaluations:
            one = read_headline(evaluation)
            if (one.purpose, one.data_fingerprint) not in known:
                self.add_evaluation(record.version, evaluation)
        warnings.warn(
            f"This model is version {record.version}, in {record.stage}, to the bit: "
            "it was not stored again.",
            UserWarning,
            stacklevel=4,
        )
        return record

    def reference(self, version: int) -> Reference | None:
        """Read the reference of a version; None if it has none."""
        if REFERENCE not in self.read_record(version)["files"]:
            return None
        return read_reference(self.read_file(version, REFERENCE))

    # -- evaluations -----------------------------------------------------------------

    def store_evaluation(
        self, version: int, evaluation: Evaluation, purpose: str
    ) -> None:
        """Store one more evaluation of a version."""
        self.add_evaluation(version, write_evaluation(evaluation, purpose))

    def load_evaluation(self, version: int, number: int) -> tuple[Headline, Evaluation]:
        """Read one evaluation of a version."""
        return read_evaluation(self.read_evaluation(version, number))

    def headlines(self, record: ModelRecord) -> list[Headline]:
        """Return the headlines of a version's evaluations, the oldest first."""
        version = record.version
        if record.validation is not None and self._has_one_evaluation(version):
            found = {"purpose": VALIDATION, "evaluated_at": record.created_at}
            return [read_headline({**found, "evaluation": record.validation})]
        numbers = self.evaluation_numbers(version)
        return [read_headline(self.read_evaluation(version, one)) for one in numbers]

    def _has_one_evaluation(self, version: int) -> bool:
        # They are numbered without gaps; two lookups are faster than listing the
        # folder.
        folder = self.path(version) / EVALUATIONS
        first, second = (os.path.lexists(folder / f"{one}.json") for one in (1, 2))
        return first and not second

    def fair_headline(self, record: ModelRecord) -> Headline | None:
        """Return the latest headline on rows that did not decide a contest."""
        headlines = self.headlines(record)
        used = rows_of_contests(headlines)
        fair = [one for one in headlines if one.data_fingerprint not in used]
        return fair[-1] if fair else None

    def validations(self, record: ModelRecord) -> list[Headline]:
        """Return the headlines by which a contest may choose, the oldest first."""
        return [one for one in self.headlines(record) if one.purpose == VALIDATION]


def read_reference(data: bytes) -> Reference:
    """Read a reference, which may come from an untrusted place."""
    try:
        return Reference.from_bytes(data)
    except MonitoringError as error:
        raise RegistryError(str(error)) from error


def _check_reference(reference: Any) -> Reference:
    if isinstance(reference, Reference):
        return reference
    raise RegistryError(
        "Expected reference=edml.monitoring.make_reference(model, X, y) or None; found "
        f"{type(reference).__name__}. Make one from students that the model has not "
        "seen."
    )


def check_unseen(record: Mapping[str, Any], data_fingerprint: str) -> None:
    """Raise if a model was trained, or its threshold chosen, on exactly these rows."""
    seen = seen_as(record, data_fingerprint)
    if seen is not None:
        raise registry_error(
            "seen_rows",
            f"Expected rows of students that the model has not seen; found that "
            f"{seen}. Pass other rows.",
        )


def seen_as(record: Mapping[str, Any], data_fingerprint: str) -> str | None:
    """Describe how a model has seen these rows; None if it is not known to have."""
    if data_fingerprint == record["data_fingerprint"]:
        return "it was trained on these rows"
    if data_fingerprint == record["threshold_fingerprint"]:
        return "its threshold was chosen on these rows"
    return None


def _check_evaluation(evaluation: Any, body: Mapping[str, Any]) -> None:
    if not isinstance(evaluation, Evaluation):
        raise RegistryError(
            "Expected evaluation=edml.evaluate(model, X, y) or None; found "
            f"{type(evaluation).__name__}. Evaluate the model on students that it has "
            "not seen."
        )
    if evaluation.threshold != body["threshold"]:
        raise RegistryError(
            f"Expected an evaluation of this model, whose threshold is "
            f"{body['threshold']:.6g}; found one of the threshold "
            f"{evaluation.threshold:.6g}. Evaluate the model that you register."
        )
    check_unseen(body, evaluation.data_fingerprint)
