"""make_blueprint: which path leads where, and what answers a failure."""

import flask
from werkzeug.exceptions import HTTPException

from edml.registry import ModelRegistry
from edml.serving._exchange import Exchange
from edml.serving._limits import Limits
from edml.serving._problem import Problem
from edml.serving._tokens import TokenBook

EXTENSION = "edml.serving"


def make_blueprint(
    registry: ModelRegistry,
    book: TokenBook,
    limits: Limits,
    poll_seconds: float,
    name: str,
) -> flask.Blueprint:
    """Make the blueprint; see `create_blueprint`.

    Parameters
    ----------
    registry : ModelRegistry
        Where the champion is.
    book : TokenBook
        Who is let in.
    limits : Limits
        How much one request may ask.
    poll_seconds : float
        How often to look for another champion.
    name : str
        The blueprint's.

    Returns
    -------
    blueprint : flask.Blueprint
        An app that takes it has the watch of the registry, which can be stopped, among
        ``app.extensions["edml.serving"]``: a dict by the blueprint's name.
    """
    exchange = Exchange(registry, book, limits, poll_seconds)
    blueprint = flask.Blueprint(name, "edml.serving")
    blueprint.before_request(exchange.begin)
    blueprint.after_request(exchange.end)
    blueprint.register_error_handler(Problem, exchange.refuse)
    blueprint.register_error_handler(HTTPException, exchange.refuse_http)
    blueprint.register_error_handler(Exception, exchange.fail)
    blueprint.add_url_rule("/predict", "predict", exchange.predict, methods=["POST"])
    for path, endpoint, view in (
        ("/health", "health", exchange.health),
        ("/ready", "ready", exchange.ready),
        ("/model", "model", exchange.model),
        ("/openapi.json", "openapi", exchange.openapi),
        ("/metrics", "metrics", exchange.figures),
    ):
        blueprint.add_url_rule(path, endpoint, view)

    def remember(state: flask.blueprints.BlueprintSetupState) -> None:
        state.app.extensions.setdefault(EXTENSION, {})[state.name] = exchange

    blueprint.record(remember)
    return blueprint


def make_app(blueprint: flask.Blueprint) -> flask.Flask:
    """Make an app that has a blueprint, and nothing else.

    Parameters
    ----------
    blueprint : flask.Blueprint
        From `make_blueprint`.

    Returns
    -------
    app : flask.Flask
        It answers in the blueprint's way where no route of it does.
    """
    app = flask.Flask("edml.serving", static_folder=None)
    app.register_blueprint(blueprint)
    (exchange,) = app.extensions[EXTENSION].values()

    def refuse(error: HTTPException) -> flask.Response:
        response: flask.Response = exchange.end(exchange.refuse_http(error))
        return response

    app.register_error_handler(HTTPException, refuse)
    return app
