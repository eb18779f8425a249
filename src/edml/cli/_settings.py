"""The settings of a project: their names, types and defaults."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.fields import FieldInfo

from edml._urls import as_path, is_url
from edml.cli._toml import write_value


def _setting(default: Any, what: str, **limits: Any) -> Any:
    return Field(default, description=what, **limits)


def _read_path(value: object, read: ValidatorFunctionWrapHandler) -> Any:
    return as_path(cast(str, value)) if is_url(value) else read(value)


def _check_local(value: object) -> object:
    if is_url(value):
        message = "a path on this machine"
        raise ValueError(message)
    return value


#: A file or a folder, which may be in an object store, or has to be on this machine.
AFile = Annotated[
    Path,
    WrapValidator(_read_path),
    Field(strict=False),
    PlainSerializer(str, when_used="json"),
]
MaybeFile = AFile | None
Local = Annotated[Path, BeforeValidator(_check_local), Field(strict=False)]
MaybeLocal = Local | None


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False
    )


# CSV takes far longer for a large table, but needs no extra
_FEATURES = Path("features.parquet" if find_spec("pyarrow") else "features.csv")


class Paths(_Section):
    """Where files are; relative paths begin at the folder of this file."""

    raw: MaybeFile = _setting(None, "The events to learn from, in a file.")
    new: MaybeFile = _setting(None, "Later events, for `edml update` and `edml run`.")
    features: AFile = _setting(_FEATURES, "Output of `edml process`.")
    inferences: AFile = _setting(Path("inferences"), "Folder of the predictions.")
    report: AFile = _setting(Path("report.html"), "Output of `edml report`.")
    importance: AFile = _setting(Path("importance.csv"), "Output of `edml update`.")
    contacts: MaybeLocal = _setting(
        None, "Whom `edml app` records as contacted; default: beside the ledger."
    )
    state: Local = _setting(Path(".edml"), "Folder of the state of `edml run`.")


class Source(_Section):
    """The form of files of events; what is not set is detected."""

    sep: str | None = _setting(
        None, "Separator of the columns of CSV.", min_length=1, max_length=1
    )
    decimal: Literal[".", ","] | None = _setting(None, "Decimal mark of CSV.")
    encoding: str | None = _setting(None, "Encoding of CSV and JSON.")
    date_unit: Literal["s", "ms", "us", "ns"] | None = _setting(
        None, "Unit of dates that are numbers, since 1970."
    )
    date_format: str | None = _setting(
        None, "How dates are written as text that is not ISO 8601."
    )
    timezone: str | None = _setting(
        None, "Time zone of dates that have none, such as America/Bogota."
    )
    sheet: str | None = _setting(None, "Sheet of an Excel workbook.")
    na_values: list[str] = _setting([], "Words that mean a missing value, as in R: NA.")


class Signals(_Section):
    """What models are shown."""

    features: Literal["classic", "progress", "full"] = _setting(
        "classic",
        "The 44; progress: also what was due; full: also activity_... columns.",
    )
    context: bool = _setting(
        False, "Compare students with their course (progress and full)."
    )
    numeric: list[str] = _setting([], "Columns of numbers about the student.")
    categorical: list[str] = _setting([], "Columns of categories about the student.")
    sensitive_ok: list[str] = _setting(
        [], "Columns of these that may describe a protected attribute."
    )


class Data(_Section):
    """Who fails, and how students are divided."""

    passing_grade: float = _setting(4.0, "The lowest final grade that passes.")
    exam_names: Literal["original", "english"] = _setting(
        "original", "Names of the exams of each kind that is not in [exam_kinds]."
    )
    partition_days: float = _setting(
        1.0, "Length of a partition in days, 7 in a weekly table.", gt=0
    )
    test_share: float = _setting(
        0.2, "Share of the students to evaluate models on.", gt=0, lt=1
    )
    contest_share: float = _setting(
        0.2, "Share of the students to decide contests on.", gt=0, lt=1
    )
    max_rows: int = _setting(
        2_000_000, "Of a larger store, the rows to draw whole students of.", ge=1
    )
    n_jobs: int = _setting(1, "Processes that work on a store; -1 is all cores.")
    random_state: int = _setting(
        0, "Seed of the division and of the search.", ge=0, le=2**32 - 1
    )

    @model_validator(mode="after")
    def _leave_some(self) -> "Data":
        if self.test_share + self.contest_share >= 1:
            message = (
                "test_share and contest_share leave no students to train on; their "
                "sum must be below 1"
            )
            raise ValueError(message)
        return self


class Capacity(_Section):
    """A threshold by the number of students who can be contacted."""

    per_course: int = _setting(15, "Students of a course at a time.", ge=1)


Algorithm = Literal["random_forest", "lightgbm", "xgboost"]
Balance = Literal["none", "weight", "smote", "over", "under"]
Rule = float | str | Capacity
_RULE = (
    'a probability in [0, 1], the name of a scorer such as "f1", "recall>=0.9", '
    '"precision>=0.5" or {per_course = 15}'
)


class Tune(_Section):
    """How models are searched for."""

    algorithms: list[Algorithm] = _setting(
        ["lightgbm", "xgboost", "random_forest"],
        "Algorithms to try, in order.",
        min_length=1,
    )
    scoring: str = _setting("average_precision", "The scorer to maximize.")
    folds: int = _setting(4, "Student folds of the search.", ge=2)
    evaluations: int = _setting(50, "Maximum number of candidates to try.", ge=1)
    timeout: float | None = _setting(
        None, "Maximum duration of the search in seconds.", gt=0
    )
    target_score: float | None = _setting(None, "Stop the search at this score.")
    min_score: float | None = _setting(
        None, "Lowest score of a candidate that is kept."
    )
    candidates: int = _setting(10, "Maximum number of candidates to keep.", ge=1)
    balance: list[Balance] = _setting(
        ["none", "weight", "smote", "over", "under"],
        'Ways to balance the classes; weight is class_weight="balanced".',
        min_length=1,
    )
    threshold: Rule = _setting(
        "f1",
        "How to choose the probability at and above which to flag.",
        json_schema_extra={"is": _RULE},
    )
    calibration: Literal["auto", "sigmoid", "isotonic", "none"] = _setting(
        "auto", "How scores become probabilities."
    )
    warm_start: bool = _setting(
        True, "Begin the search with the parameters of the registry's champion."
    )
    n_jobs: int | None = _setting(None, "Processes of the search; -1 is all.")


class Update(_Section):
    """What to do with registered models when new events arrive."""

    refit: bool = _setting(False, "Refit the best models on some of the new students.")
    retune: bool = _setting(False, "Choose new thresholds for the best models.")
    threshold: Rule | None = _setting(
        None,
        "The rule for new thresholds; default: that of each model.",
        json_schema_extra={"is": _RULE},
    )
    importance: bool = _setting(True, "Compute the importance of the features.")
    candidates: int = _setting(3, "Maximum number of challengers.", ge=1)
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
    ] = _setting("average_precision", "The metric that decides.")
    min_gain: float = _setting(0.0, "The gain that a challenger must exceed.", ge=0)
    confidence: float = _setting(
        0.95, "Confidence level of the gain's interval.", gt=0, lt=1
    )
    method: Literal["bootstrap", "plain"] = _setting(
        "bootstrap", "plain: any gain above min_gain will do, however uncertain."
    )
    promote: bool = _setting(True, "Promote the winner to champion.")
    keep: int = _setting(
        10, "Development versions to keep; older ones are removed.", ge=0
    )


class Registry(_Section):
    """Where models are kept."""

    path: AFile = _setting(Path("registry"), "Folder of all registries.")
    name: str = _setting("risk", "Registry in that folder.")
    private_key: MaybeLocal = _setting(None, "Ed25519 private key that signs, in PEM.")
    public_keys: list[Local] = _setting([], "Public keys whose signatures are trusted.")
    memory: MaybeLocal = _setting(
        None, "File, elsewhere, of the newest change that was read, against replay."
    )


class Ledger(_Section):
    """Where `edml predict` records its lists; nowhere unless ``path`` is set."""

    path: MaybeLocal = _setting(None, "File of the ledger.")
    key_file: MaybeLocal = _setting(
        None, "File of the secret key under which students' ids are pseudonyms."
    )
    capacity: int | None = _setting(
        None,
        "Students of a course who can be contacted; default: per_course of "
        "tune.threshold.",
        ge=1,
    )


class Endpoint(_Section):
    """The served champion, for `edml predict` and `edml serve`."""

    url: str | None = _setting(None, "Use this endpoint instead of the registry.")
    timeout: float = _setting(30.0, "Seconds to wait for an answer.", gt=0)
    host: str = _setting("127.0.0.1", "Address on which `edml serve` listens.")
    port: int = _setting(8000, "Its port.", ge=0, le=65535)
    token_file: MaybeLocal = _setting(
        None, "File of the tokens that it accepts; clients send the first."
    )


class Mlflow(_Section):
    """Where searches are logged, besides the registry."""

    uri: str | None = _setting(
        None, "Log searches to this server; `local` is the file mlflow.db."
    )
    experiment: str = _setting("edml", "Experiment of the searches.")


class Config(_Section):
    """The whole configuration."""

    paths: Paths = Paths()
    source: Source = Source()
    columns: dict[str, str] = _setting({}, "Your column names, by canonical name.")
    exam_kinds: dict[str, list[str]] = _setting({}, "The exam names of each kind.")
    data: Data = Data()
    signals: Signals = Signals()
    tune: Tune = Tune()
    update: Update = Update()
    registry: Registry = Registry()
    ledger: Ledger = Ledger()
    endpoint: Endpoint = Endpoint()
    mlflow: Mlflow = Mlflow()

    @property
    def contacts(self) -> int | None:
        """How many students of a course can be contacted; None if unknown."""
        rule = self.tune.threshold
        return self.ledger.capacity or (
            rule.per_course if isinstance(rule, Capacity) else None
        )

    def name_exams(self) -> dict[str, list[str]] | str | None:
        """Return the names of exams, as `exam_kinds=` takes them."""
        preset = self.data.exam_names
        if not self.exam_kinds or preset == "original":
            return self.exam_kinds or (None if preset == "original" else preset)
        from edml.schema import EXAM_KIND_PRESETS  # noqa: PLC0415 - slow to import

        names = {kind: list(of) for kind, of in EXAM_KIND_PRESETS[preset].items()}
        return names | self.exam_kinds


_EXAMPLES = {  # for keys without a default
    "columns": 'user_uuid = "student"',
    "exam_kinds": 'integradores = ["INTEGRADOR(30)"]',
    "paths.raw": '"events.csv"',
    "paths.new": '"events_of_the_next_term.csv"',
    "paths.contacts": '"contacts.csv"',
    "source.sep": '";"',
    "source.decimal": '","',
    "source.encoding": '"cp1252"',
    "source.date_unit": '"ms"',
    "source.date_format": '"%d/%m/%Y %H:%M"',
    "source.timezone": '"America/Bogota"',
    "source.sheet": '"Events"',
    "tune.timeout": "600",
    "tune.target_score": "0.6",
    "tune.min_score": "0.3",
    "tune.n_jobs": "2",
    "update.threshold": '"recall>=0.9"',
    "registry.private_key": '"trainer.pem"',
    "registry.memory": '"../registry-memory.json"',
    "ledger.path": '"ledger.db"',
    "ledger.key_file": '"../ledger.key"',
    "ledger.capacity": "15",
    "endpoint.url": '"http://127.0.0.1:8000"',
    "endpoint.token_file": '"tokens.txt"',
    "mlflow.uri": '"http://127.0.0.1:5000"',
}


def field_of(section: str, key: str) -> FieldInfo | None:
    """Return the field of a key; None in sections with user-defined names."""
    annotation = Config.model_fields[section].annotation
    fields = getattr(annotation, "model_fields", {})
    return fields.get(key)


def write_template() -> str:
    """Return a file with every key at its default; keys without one are comments."""
    parts = ["# The settings of edml; `edml config show` shows those in force.\n"]
    for section, field in Config.model_fields.items():
        parts.append(f"\n[{section}]\n")
        if field.description:
            parts.append(f"# {field.description}\n")
            parts.append(f"# {_EXAMPLES[section]}\n")
        body = getattr(Config(), section)
        values = {} if isinstance(body, dict) else body.model_dump(mode="json")
        for key, value in values.items():
            parts.append(f"# {type(body).model_fields[key].description}\n")
            mark = "# " if value is None else ""
            parts.append(f"{mark}{write_setting(section, key)}\n")
    return "".join(parts)


def write_setting(section: str, key: str) -> str:
    """Return the line that sets a key to its default, or else to an example."""
    if field_of(section, key) is None:
        return _EXAMPLES[section]
    value = getattr(Config(), section).model_dump(mode="json")[key]
    written = _EXAMPLES[f"{section}.{key}"] if value is None else write_value(value)
    return f"{key} = {written}"
