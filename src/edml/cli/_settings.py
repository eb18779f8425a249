"""The settings of a project: what there is, of which kind, and with which default."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.fields import FieldInfo

from edml.cli._toml import write_value


def _told(default: Any, what: str, **limits: Any) -> Any:
    return Field(default, description=what, **limits)


AFile = Annotated[Path, Field(strict=False)]
MaybeFile = Annotated[Path | None, Field(strict=False)]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False
    )


class Paths(_Section):
    """Where things are; in the file, from the folder of the file on."""

    raw: MaybeFile = _told(None, "The events to learn from: CSV or Parquet.")
    new: MaybeFile = _told(None, "Later events, for `edml update` and `edml run`.")
    features: AFile = _told(Path("features.parquet"), "What `edml process` writes.")
    inferences: AFile = _told(Path("inferences"), "Folder of what is predicted.")
    report: AFile = _told(Path("report.html"), "What `edml report` writes.")
    importance: AFile = _told(Path("importance.csv"), "What `edml update` writes.")
    state: AFile = _told(Path(".edml"), "Folder in which `edml run` notes its work.")


class Data(_Section):
    """What fails, and which students are kept apart."""

    passing_grade: float = _told(4.0, "The lowest final grade that passes.")
    test_share: float = _told(
        0.2, "Share of the students on whom models are evaluated.", gt=0, lt=1
    )
    contest_share: float = _told(
        0.2, "Share of the students on whom contests are decided.", gt=0, lt=1
    )
    random_state: int = _told(
        0, "Draws the students, and rules the search.", ge=0, le=2**32 - 1
    )

    @model_validator(mode="after")
    def _leave_some(self) -> "Data":
        if self.test_share + self.contest_share >= 1:
            message = (
                "test_share and contest_share leave no student to train on; their "
                "sum must be below 1"
            )
            raise ValueError(message)
        return self


class Capacity(_Section):
    """A threshold by how many students can be contacted."""

    per_course: int = _told(15, "Students of a course at a time.", ge=1)


Algorithm = Literal["random_forest", "lightgbm", "xgboost"]
Balance = Literal["none", "weight", "smote", "over", "under"]
Rule = float | str | Capacity
_RULE = (
    'a probability in [0, 1], the name of a scorer such as "f1", "recall>=0.9", '
    '"precision>=0.5" or {per_course = 15}'
)


class Tune(_Section):
    """How models are searched for."""

    algorithms: list[Algorithm] = _told(
        ["random_forest", "lightgbm", "xgboost"], "What is tried.", min_length=1
    )
    scoring: str = _told("average_precision", "The scorer that the search raises.")
    folds: int = _told(4, "Student folds of the search.", ge=2)
    evaluations: int = _told(50, "Candidates that are tried, at most.", ge=1)
    timeout: float | None = _told(None, "Seconds for the search, at most.", gt=0)
    target_score: float | None = _told(None, "Stop the search at this score.")
    min_score: float | None = _told(None, "Keep no candidate below this score.")
    candidates: int = _told(10, "Candidates that are kept, at most.", ge=1)
    blended: int = _told(5, "Of how many the blends are made; 1 makes none.", ge=1)
    balance: list[Balance] = _told(
        ["none", "weight", "smote", "over", "under"],
        "Ways to balance the classes that are tried.",
        min_length=1,
    )
    threshold: Rule = _told(
        "f1", "From which probability on to flag.", json_schema_extra={"is": _RULE}
    )
    calibration: Literal["auto", "sigmoid", "isotonic", "none"] = _told(
        "auto", "How scores become probabilities."
    )
    n_jobs: int | None = _told(None, "Processes of the search; -1 is all.")


class Update(_Section):
    """What is done with registered models when new events come."""

    refit: bool = _told(False, "Train the best anew on some of the new students.")
    retune: bool = _told(False, "Choose the thresholds of the best anew.")
    threshold: Rule | None = _told(
        None,
        "The rule for that; without one, that of each model.",
        json_schema_extra={"is": _RULE},
    )
    importance: bool = _told(True, "Compute the importance of features anew.")
    candidates: int = _told(3, "Models that meet the champion, at most.", ge=1)
    metric: Literal[
        "roc_auc",
        "average_precision",
        "brier",
        "log_loss",
        "calibration_error",
        "f1",
        "precision",
        "recall",
        "accuracy",
    ] = _told("average_precision", "The figure that decides.")
    min_gain: float = _told(0.0, "What the gain must exceed.", ge=0)
    confidence: float = _told(0.95, "Of the interval of the gain.", gt=0, lt=1)
    promote: bool = _told(True, "Give the winner the champion's place.")


class Registry(_Section):
    """Where models are kept."""

    path: AFile = _told(Path("registry"), "Folder of all registries.")
    name: str = _told("risk", "Which registry in it.")


class Endpoint(_Section):
    """The served champion, for `edml predict` and `edml serve`."""

    url: str | None = _told(None, "Ask this endpoint, not the registry.")
    timeout: float = _told(30.0, "Seconds to wait for it.", gt=0)
    host: str = _told("127.0.0.1", "The address that `edml serve` listens on.")
    port: int = _told(8000, "Its port.", ge=0, le=65535)
    token_file: MaybeFile = _told(None, "File of the tokens that it takes.")


class Mlflow(_Section):
    """Where searches are shown, beside the registry."""

    uri: str | None = _told(
        None, "Log searches to this server; `local` is the file mlflow.db."
    )
    experiment: str = _told("edml", "The experiment that they belong to.")


class Config(_Section):
    """The whole configuration."""

    paths: Paths = Paths()
    columns: dict[str, str] = _told({}, "Your column names, by canonical name.")
    exam_kinds: dict[str, list[str]] = _told({}, "The exam names of each kind.")
    data: Data = Data()
    tune: Tune = Tune()
    update: Update = Update()
    registry: Registry = Registry()
    endpoint: Endpoint = Endpoint()
    mlflow: Mlflow = Mlflow()


_EXAMPLES = {  # of what has no default
    "columns": ['user_uuid = "student"'],
    "exam_kinds": ['integradores = ["INTEGRADOR(30)"]'],
    "paths.raw": ['"events.csv"'],
    "paths.new": ['"events_of_the_next_term.csv"'],
    "tune.timeout": ["600"],
    "tune.target_score": ["0.6"],
    "tune.min_score": ["0.3"],
    "tune.n_jobs": ["2"],
    "update.threshold": ['"recall>=0.9"'],
    "endpoint.url": ['"http://127.0.0.1:8000"'],
    "endpoint.token_file": ['"tokens.txt"'],
    "mlflow.uri": ['"http://127.0.0.1:5000"'],
}


def field_of(section: str, key: str) -> FieldInfo | None:
    """Give what is known of a key.

    Parameters
    ----------
    section, key : str
        Its names.

    Returns
    -------
    field : FieldInfo or None
        None in sections whose keys are names of the user's table.
    """
    annotation = Config.model_fields[section].annotation
    fields = getattr(annotation, "model_fields", {})
    return fields.get(key)


def write_template() -> str:
    """Write a configuration file with every key at its default.

    Returns
    -------
    text : str
        Keys without a default are commented out; to be read back it must parse.
    """
    parts = ["# The settings of edml; `edml config show` tells which hold.\n"]
    for section, field in Config.model_fields.items():
        parts.append(f"\n[{section}]\n")
        if field.description:
            parts.append(f"# {field.description}\n")
            parts += [f"# {example}\n" for example in _EXAMPLES[section]]
        for key, value, what in list_section(section):
            parts.append(f"# {what}\n")
            shown = "# " if value is None else ""
            example = _EXAMPLES.get(f"{section}.{key}", [""])[0]
            parts.append(
                f"{shown}{key} = {example if value is None else write_value(value)}\n"
            )
    return "".join(parts)


def list_section(
    section: str, config: Config | None = None
) -> Iterator[tuple[str, Any, str]]:
    """List the keys of a section.

    Parameters
    ----------
    section : str
        Its name.
    config : Config or None, default=None
        Whose values; None is the defaults.

    Yields
    ------
    key, value, what : str, object, str
        The value as TOML and JSON can hold it, and what it means.
    """
    body = getattr(config or Config(), section)
    if isinstance(body, dict):
        for key, value in body.items():
            yield key, value, ""
        return
    values = body.model_dump(mode="json")
    for key, field in type(body).model_fields.items():
        yield key, values[key], str(field.description)
