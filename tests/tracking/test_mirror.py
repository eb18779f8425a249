"""sync with a real server: up to date, exactly once, keeping others' changes."""

import json
import uuid
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import mirrored
from edml.exceptions import TrackingError
from edml.inspection import evaluate
from edml.registry import ModelRegistry
from edml.tracking import SyncReport, load_model, log_model, sync
from edml.tracking._mirror import _Mirror

pytestmark = pytest.mark.slow  # they start a server

NOTHING = SyncReport(logged=(), changed=(), conflicts=(), resent=0)
X, y = np.arange(40.0)[:, None] % 7, np.arange(40) % 2


def plain(C=1.0):
    return LogisticRegression(C=C).fit(X, y)


class Server:
    """A server's mirror of a registry, as seen by the tests."""

    def __init__(self, uri, client, registry, outbox):
        self.uri = uri
        self.name = registry.name
        self.registry = registry
        self.outbox = outbox
        self.client = client

    def sync(self):
        return sync(self.registry, self.uri, outbox=self.outbox)

    def versions(self):
        """Return MLflow's versions by the registry's number."""
        found = self.client.search_model_versions(f"name = '{self.name}'")
        assert len({one.tags["edml.model_version"] for one in found}) == len(found)
        return {int(one.tags["edml.model_version"]): one for one in found}

    def tags(self, version):
        return self.versions()[version].tags

    def aliases(self):
        """Return the registry's number for each alias."""
        aliases = self.client.get_registered_model(self.name).aliases
        numbers = {str(one.version): v for v, one in self.versions().items()}
        return {alias: numbers[str(number)] for alias, number in aliases.items()}

    def count(self):
        """Count runs, logged models and versions."""
        experiment = self.client.get_experiment_by_name("edml-models").experiment_id
        runs = self.client.search_runs(
            [experiment], f"tags.`edml.registry` = '{self.name}'"
        )
        models = self.client.search_logged_models(
            [experiment], filter_string=f"tags.`edml.registry` = '{self.name}'"
        )
        assert {run.info.status for run in runs} <= {"FINISHED"}
        assert {str(model.status) for model in models} <= {"READY"}
        return len(runs), len(models), len(self.versions())

    def is_in_step(self):
        """Compare the server with the registry's present versions."""
        records = self.registry.records()
        stages = dict(zip(records["version"], records["stage"], strict=True))
        expected = {}
        for alias, stage in (("champion", "production"), ("challenger", "staging")):
            of_stage = [v for v, one in stages.items() if one == stage]
            if of_stage:
                expected[alias] = max(of_stage)
        assert self.aliases() == expected
        assert {
            version: one.tags["edml.stage"]
            for version, one in self.versions().items()
            if version in stages
        } == stages
        assert self.sync() == NOTHING
        return True


@pytest.fixture
def registry(tmp_path):
    """Return a registry of three versions; the first is the champion."""
    name = f"plain-{uuid.uuid4().hex[:8]}"
    registry = ModelRegistry(tmp_path / "registry", name, who="ada")
    for C in (1.0, 0.1, 0.01):
        registry.register(plain(C))
    registry.promote(1, why="the first one")
    return registry


@pytest.fixture
def server(mlflow_server, client, registry, tmp_path):
    return Server(mlflow_server.uri, client, registry, tmp_path / "outbox")


def test_everything_is_logged_once_and_a_second_call_changes_nothing(server):
    report = server.sync()
    assert [line.split(" was")[0] for line in report.logged] == [
        "Version 1",
        "Version 2",
        "Version 3",
    ]
    assert report.changed == ("Alias champion: from nothing to number 1.",)
    assert report.conflicts == ()
    assert server.count() == (3, 3, 3)
    assert server.sync() == NOTHING
    assert server.count() == (3, 3, 3)
    assert server.is_in_step()


def test_a_promotion_and_a_rollback_are_followed(server, registry):
    server.sync()
    registry.promote(3, "staging", why="to be tried")
    assert server.sync().changed == (
        "Version 3: from development to staging.",
        "Alias challenger: from nothing to number 3.",
    )
    assert server.is_in_step()
    registry.promote(3, why="better on new students")
    assert server.sync().changed == (
        "Version 1: from production to development.",
        "Version 3: from staging to production.",
        "Alias challenger: from number 3 to nothing.",
        "Alias champion: from number 1 to number 3.",
    )
    assert server.is_in_step()
    tags = server.tags(3)
    assert tags["edml.why"] == "better on new students"
    assert tags["edml.changed_by"] == "ada"
    assert tags["edml.change"] == "promote"
    registry.rollback("it was not")
    assert server.sync().changed == (  # as it was before the promotion
        "Version 1: from development to production.",
        "Version 3: from production to staging.",
        "Alias challenger: from nothing to number 3.",
        "Alias champion: from number 3 to number 1.",
    )
    assert server.is_in_step()
    assert server.tags(1)["edml.change"] == "rollback"
    assert server.tags(3)["edml.why"] == "it was not"
    champion = load_model(f"models:/{server.name}@champion", server.uri)
    np.testing.assert_array_equal(
        champion.predict_proba(X), registry.load().predict_proba(X)
    )
    registry.demote(1)
    server.sync()
    assert "champion" not in server.aliases()
    assert server.is_in_step()
    assert server.count() == (3, 3, 3)


def test_the_newest_version_in_staging_is_the_challenger(server, registry):
    for version in (3, 2):
        registry.promote(version, "staging")
    server.sync()
    assert server.aliases()["challenger"] == 3


def test_a_new_evaluation_updates_tags_and_run(mlflow_server, client, tmp_path):
    registry = mirrored.make_registry(tmp_path / "registry")
    server = Server(mlflow_server.uri, client, registry, tmp_path / "outbox")
    server.sync()
    version = server.versions()[1]
    first = mirrored.evaluated(1).metrics["brier"]
    assert version.tags["edml.brier"] == f"{first:.6g}"
    later = evaluate(mirrored.fitted(1), *mirrored.students(30), n_resamples=10)
    registry.reevaluate(*mirrored.students(30))
    changed = server.sync().changed
    assert "edml.brier" in changed[0]
    figure = later.metrics["brier"]
    assert server.tags(1)["edml.brier"] == f"{figure:.6g}" != f"{first:.6g}"
    history = server.client.get_metric_history(version.run_id, "brier")
    assert {one.step: one.value for one in history} == {1: first, 2: figure}
    assert server.sync() == NOTHING
    assert server.count() == (1, 1, 1)


def test_removed_versions_stay_and_are_marked(server, registry):
    server.sync()
    algorithm = server.tags(2)["edml.algorithm"]
    registry.clean(keep_last=1)
    gone = {1, 2, 3} - set(registry.records()["version"])
    assert gone == {2}
    assert server.sync().changed == ("Version 2: from development to removed.",)
    assert server.tags(2)["edml.algorithm"] == algorithm
    assert server.tags(2)["edml.change"] == "remove"
    assert server.is_in_step()
    assert server.count() == (3, 3, 3)
    loaded = load_model(f"models:/{server.name}/2", server.uri)
    np.testing.assert_array_equal(loaded.predict_proba(X), plain(0.1).predict_proba(X))


class TestByHand:
    """Check that sync reports and keeps manual changes on the server."""

    def test_an_alias(self, server, registry):
        server.sync()
        server.client.set_registered_model_alias(server.name, "champion", "2")
        expected = (
            "Expected the alias champion to be number 1; found number 2: somebody "
            "else has changed it, and it is kept. Write the expected value there, or "
            "change the registry.",
        )
        for _ in range(2):
            report = server.sync()
            assert (report.changed, report.conflicts) == ((), expected)
        assert server.aliases() == {"champion": 2}
        registry.promote(3)
        report = server.sync()
        assert "to be number 3; found number 2" in report.conflicts[0]
        assert server.aliases() == {"champion": 2}
        assert server.tags(3)["edml.stage"] == "production"  # the rest is synced
        registry.promote(2)
        assert server.sync().conflicts == ()  # resolved by the registry
        registry.promote(1)
        server.sync()
        assert server.is_in_step()

    def test_a_removed_alias(self, server):
        server.sync()
        server.client.delete_registered_model_alias(server.name, "champion")
        assert "number 1; found nothing" in server.sync().conflicts[0]
        assert server.aliases() == {}
        server.client.set_registered_model_alias(server.name, "champion", "1")
        assert server.is_in_step()

    def test_an_earlier_alias(self, server):
        log_model(server.registry, 2, tracking_uri=server.uri)
        server.client.set_registered_model_alias(server.name, "champion", "1")
        report = server.sync()
        assert "found number 1" in report.conflicts[0]
        assert server.aliases() == {"champion": 2}

    def test_a_tag(self, server, registry):
        server.sync()
        server.client.set_model_version_tag(server.name, "2", "edml.stage", "best")
        server.client.set_model_version_tag(server.name, "2", "colour", "blue")
        server.client.delete_model_version_tag(server.name, "1", "edml.why")
        conflicts = server.sync().conflicts
        assert len(conflicts) == 2
        assert "tag edml.why of version 1 to be the first one; found no" in conflicts[0]
        assert (
            "tag edml.stage of version 2 to be development; found best"
            in (conflicts[1])
        )
        registry.promote(2)
        assert server.sync().conflicts[0].startswith("Expected the tag edml.stage")
        tags = server.tags(2)
        assert (tags["edml.stage"], tags["colour"]) == ("best", "blue")
        assert tags["edml.change"] == "promote"
        assert server.aliases() == {"champion": 2}

    def test_a_deleted_version(self, server):
        server.sync()
        server.client.delete_model_version(server.name, "1")
        report = server.sync()
        assert (
            "Version 1 was logged, and was deleted on the server" in report.conflicts[0]
        )
        assert set(server.versions()) == {2, 3}
        log_model(server.registry, 1, tracking_uri=server.uri)
        report = server.sync()
        assert server.versions().keys() == {1, 2, 3}
        # MLflow has removed the alias together with the version
        assert "alias champion to be number 4; found nothing" in report.conflicts[0]
        server.client.set_registered_model_alias(server.name, "champion", "4")
        assert server.is_in_step()

    def test_the_memory_of_the_last_sync(self, server, registry):
        server.sync()
        for text in ("{", json.dumps({"written": 3})):
            server.client.set_model_version_tag(server.name, "1", "edml.synced", text)
            server.client.set_registered_model_tag(server.name, "edml.synced", text)
            server.client.set_registered_model_tag(server.name, "edml.mirrored", "?")
            assert server.sync() == NOTHING  # because everything else is correct
            assert server.is_in_step()

    def test_other_versions_of_the_model_are_ignored(self, server):
        server.sync()
        source = server.client.get_model_version(server.name, "1").source
        model_id = source.rpartition("/")[2]
        server.client.create_model_version(server.name, source, model_id=model_id)
        assert server.sync() == NOTHING


def test_a_namesake_changes_nothing_on_the_server(server, tmp_path):
    server.sync()
    other = ModelRegistry(tmp_path / "other", server.name)
    other.register(plain(5.0))
    other.promote(1)
    report = sync(other, server.uri, outbox=tmp_path / "outbox")
    assert (report.logged, report.changed) == ((), ())
    assert "another registry of this name" in report.conflicts[0]
    assert server.is_in_step()


def test_unmirrorable_version_is_reported_and_blocks_nothing(server, registry):
    three = LogisticRegression().fit(X, np.arange(40) % 3)
    registry.register(three)
    registry.register(plain(7.0))
    report = server.sync()
    assert len(report.logged) == 4
    assert (
        "Version 4 was not logged: Expected a classifier of two"
        in (report.conflicts[0])
    )


class TestInterrupted:
    """Check that the next sync finishes an interrupted one without a trace."""

    STEPS = (
        "create_run",
        "log_batch",
        "create_logged_model",
        "log_model_artifacts",
        "finalize_logged_model",
        "log_outputs",
        "set_terminated",
        "create_registered_model",
        "create_model_version",
        "set_registered_model_alias",
        "set_registered_model_tag",
    )

    @pytest.mark.parametrize("arrives", [False, True], ids=["lost", "answer lost"])
    @pytest.mark.parametrize("step", STEPS)
    def test_while_versions_are_logged(self, step, arrives, server, monkeypatch):
        """Stop the server before the step, or after it and before the answer."""
        real = getattr(type(server.client), step)

        def break_off(*given, **named):
            if arrives:
                real(*given, **named)
            raise ConnectionError("gone")

        with monkeypatch.context() as patch:
            patch.setattr(type(server.client), step, break_off)
            with pytest.raises(TrackingError, match="run sync again for the rest"):
                server.sync()
        server.sync()
        assert server.count() == (3, 3, 3)
        assert server.is_in_step()

    def test_while_a_promotion_is_followed(self, server, registry, monkeypatch):
        """Check that sync does not report its unfinished work as someone else's."""
        server.sync()
        real = type(server.client).set_model_version_tag
        steps = 0

        def break_off(*given, **named):
            nonlocal steps
            steps += 1
            if steps > allowed:
                raise ConnectionError("gone")
            return real(*given, **named)

        n_broken = 0
        for allowed in range(30):
            steps = 0
            registry.promote(2 + allowed % 2, why=f"again, {allowed}")
            with monkeypatch.context() as patch:
                patch.setattr(type(server.client), "set_model_version_tag", break_off)
                try:
                    server.sync()
                except TrackingError:
                    n_broken += 1
                else:
                    break
        assert 4 < n_broken < 30  # once at every step, until none is left
        registry.rollback("all of it")
        assert server.sync().conflicts == ()
        assert server.is_in_step()

    def test_a_server_that_is_killed_and_started_again(
        self, server, mlflow_server, registry, monkeypatch
    ):
        real = _Mirror._add

        def kill(mirror, record):
            if record.version == 2:
                mlflow_server.kill()
            return real(mirror, record)

        with monkeypatch.context() as patch:
            patch.setattr(_Mirror, "_add", kill)
            with pytest.raises(TrackingError, match="run sync again for the rest"):
                server.sync()
        with pytest.raises(TrackingError, match="Expected MLflow at"):
            server.sync()
        mlflow_server.start()
        registry.promote(2, why="meanwhile")
        server.sync()
        assert server.count() == (3, 3, 3)
        assert server.is_in_step()


def test_an_empty_registry_leaves_no_trace(mlflow_server, client, tmp_path):
    registry = ModelRegistry(tmp_path / "registry", "nothing-in-it")
    assert sync(registry, mlflow_server.uri, outbox=tmp_path / "outbox") == NOTHING
    assert not client.search_registered_models("name = 'nothing-in-it'")
    assert not (tmp_path / "registry").exists()


def test_the_registry_is_not_touched(server, tmp_path):
    paths = [*(tmp_path / "registry").rglob("*")]
    before = {path: path.stat().st_mtime_ns for path in paths}
    assert len(before) > 10
    server.sync()
    after = {path: path.stat().st_mtime_ns for path in paths}
    assert after == before
    assert [*(tmp_path / "registry").rglob("*")] == paths


def test_a_report_is_frozen():
    with pytest.raises(FrozenInstanceError, match="resent"):
        NOTHING.resent = 3
