"""create_app and create_blueprint: the public entry points of the endpoint."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from edml._optional import import_optional
from edml.serving._limits import Limits
from edml.serving._logs import configure_logs
from edml.serving._tokens import TokenBook

if TYPE_CHECKING:
    import flask

    from edml.ledger import Ledger
    from edml.registry import ModelRegistry

_NEEDED = ("flask", "pyarrow", "prometheus_client", "orjson")


def create_app(
    registry: "ModelRegistry",
    *,
    tokens: Mapping[str, Iterable[str]] | Sequence[str] | None = None,
    limits: Limits | None = None,
    poll_seconds: float = 2.0,
    origins: Iterable[str] = (),
    ledger: "Ledger | None" = None,
) -> "flask.Flask":
    """Create a Flask app that serves the champion of a registry.

    Parameters
    ----------
    registry : ModelRegistry
        The registry whose production model is served; see `create_blueprint`.
    tokens : mapping of str to iterable of str, or sequence of str, default=None
        The accepted bearer tokens, as for `create_blueprint`; None requires no token.
    limits : Limits, default=None
        Limits of one request; None is ``Limits()``.
    poll_seconds : float, default=2.0
        Interval between checks for a new champion, in seconds, > 0.
    origins : iterable of str, default=()
        Origins whose pages may call the endpoint, as for `create_blueprint`.
    ledger : Ledger, default=None
        Where answers are recorded, as for `create_blueprint`.

    Returns
    -------
    app : flask.Flask
        The app, for a WSGI server. All error responses are RFC 9457 documents, also for
        unknown paths. It logs one line of JSON per request to standard error, unless
        the logger ``edml.serving`` already has a handler.

    Raises
    ------
    ServingError
        If a token is too short, a scope unknown, or an origin malformed.
    MissingExtraError
        If the extra "serve" is not installed.
    ValueError
        If ``poll_seconds`` is not above 0.

    See Also
    --------
    create_blueprint : Create the same routes for your own app.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from edml import ModelRegistry, RiskClassifier, load_activity
    >>> from edml.serving import create_app
    >>> X, y = load_activity(return_X_y=True)
    >>> model = RiskClassifier().fit(X, y)
    >>> events = X[X["user_uuid"] == X["user_uuid"].iloc[0]]
    >>> with TemporaryDirectory() as folder:
    ...     registry = ModelRegistry(folder)
    ...     record = registry.promote(registry.register(model).version)
    ...     client = create_app(registry).test_client()
    ...     answer = client.post(
    ...         "/predict", data=events.to_csv(index=False), content_type="text/csv"
    ...     )
    >>> answer.status, answer.json["model"]
    ('200 OK', {'name': 'risk', 'version': 1})
    >>> found = answer.json["predictions"][0]["probability"]
    >>> bool(found == model.score_students(events)["probability"][0])
    True
    """
    configure_logs()
    blueprint = create_blueprint(
        registry,
        tokens=tokens,
        limits=limits,
        poll_seconds=poll_seconds,
        origins=origins,
        ledger=ledger,
    )
    from edml.serving._endpoint import make_app  # noqa: PLC0415 - needs the extra

    return make_app(blueprint)


def create_blueprint(
    registry: "ModelRegistry",
    *,
    tokens: Mapping[str, Iterable[str]] | Sequence[str] | None = None,
    limits: Limits | None = None,
    poll_seconds: float = 2.0,
    name: str = "edml",
    origins: Iterable[str] = (),
    ledger: "Ledger | None" = None,
) -> "flask.Blueprint":
    """Create a blueprint that serves a registry's champion, for your own Flask app.

    Parameters
    ----------
    registry : ModelRegistry
        The registry whose production model is served. A newly promoted version takes
        over within ``poll_seconds``, without a failed request. A version that cannot be
        loaded, or cannot score synthetic students, is rejected, and the previous one
        stays; it also stays if the registry is deleted, damaged or unreadable.
    tokens : mapping of str to iterable of str, or sequence of str, default=None
        The accepted bearer tokens, each of 16 to 512 visible characters, and their
        scopes: "predict", "read" or both. Tokens in a sequence have both. None requires
        no token; use it only behind a proxy that authenticates.
    limits : Limits, default=None
        Limits of one request; None is ``Limits()``.
    poll_seconds : float, default=2.0
        Interval between checks for a new champion, in seconds, > 0.
    name : str, default="edml"
        The blueprint's name, unique within an app.
    origins : iterable of str, default=()
        Origins such as "https://tutors.example.org" whose pages may call the endpoint
        from a browser (CORS). By default no page of another origin may.
    ledger : edml.ledger.Ledger, default=None
        Where answers are recorded, without reasons and soon after they were sent. A
        ledger that is locked or full neither delays nor fails a request: what it cannot
        take is lost, counted in ``edml_ledger_lost`` and logged.

    Returns
    -------
    blueprint : flask.Blueprint
        With the routes POST /predict; GET /health, /ready, /model, /openapi.json,
        /docs and /metrics. /health, /ready and /docs require no token.

    Raises
    ------
    ServingError
        If a token is too short, a scope unknown, or an origin malformed.
    MissingExtraError
        If the extra "serve" is not installed.
    ValueError
        If ``poll_seconds`` is not above 0.

    See Also
    --------
    create_app : Create an app with the same routes.

    Notes
    -----
    Error responses are RFC 9457 documents [1]_ (application/problem+json). They name
    columns and rows, but never a value of the body. The logger ``edml.serving`` writes
    one line per request, without tokens or values.

    References
    ----------
    .. [1] Nottingham, M., Wilde, E. and Dalal, S. (2023). Problem Details for HTTP
       APIs. RFC 9457. https://doi.org/10.17487/RFC9457

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from flask import Flask
    >>> from edml.registry import ModelRegistry
    >>> from edml.serving import create_blueprint
    >>> app = Flask("tutors")
    >>> with TemporaryDirectory() as folder:
    ...     blueprint = create_blueprint(ModelRegistry(folder))
    ...     app.register_blueprint(blueprint, url_prefix="/risk")
    ...     answer = app.test_client().get("/risk/ready")
    >>> answer.status, answer.json["code"]
    ('503 SERVICE UNAVAILABLE', 'no-champion')
    """
    for module in _NEEDED:
        import_optional(module, extra="serve", purpose="Serving")
    from edml.serving._endpoint import make_blueprint  # noqa: PLC0415 - needs the extra

    if isinstance(poll_seconds, bool) or not 0 < poll_seconds < float("inf"):
        raise ValueError(
            f"Expected poll_seconds above 0; found {poll_seconds!r:.40}. Choose a few "
            "seconds."
        )
    return make_blueprint(
        registry,
        TokenBook(tokens),
        limits or Limits(),
        float(poll_seconds),
        name,
        origins,
        ledger=ledger,
    )
