"""Nothing is changed that the page had not shown, and nothing without leave."""

import pytest

from edml.app._endpoint import EndpointSource
from edml.app._models_changes import changes_since, look, promote, roll_back
from edml.app._source import RegistrySource
from edml.registry import ModelRegistry
from evaluated_models import make_evaluated_registry


@pytest.fixture
def source(tmp_path):
    registry = make_evaluated_registry(tmp_path)
    return RegistrySource(lambda: registry)


def champion(source):
    return source.champion().version


def test_a_look_knows_the_champion_and_the_one_before(source):
    seen = look(source.history())
    assert (seen.generation, seen.champion, seen.before) == (5, 1, 2)
    source.rollback("")
    again = look(source.history())
    assert (again.champion, again.before) == (2, None)  # 1 was rolled back


def test_an_empty_registry_has_nothing_to_roll_back(tmp_path):
    source = RegistrySource(lambda: ModelRegistry(tmp_path))
    seen = look(source.history())
    assert (seen.generation, seen.champion, seen.before) == (0, None, None)
    assert roll_back(source, "", seen, allow_changes=True).kind == "none_before"


def test_promote_makes_the_champion_and_says_why_in_the_history(source):
    seen = look(source.history())
    outcome = promote(source, 3, "a new term", seen, allow_changes=True)
    assert (outcome.kind, outcome.champion) == ("done", 3)
    assert champion(source) == 3
    assert source.history()["why"].iloc[-1] == "a new term"
    assert outcome.moves[["version", "now"]].to_numpy().tolist() == [
        [1, "development"],
        [3, "production"],
    ]


def test_roll_back_brings_back_the_one_that_was_named(source):
    seen = look(source.history())
    outcome = roll_back(source, "it was worse", seen, allow_changes=True)
    assert (outcome.kind, outcome.champion) == ("done", seen.before)
    assert champion(source) == 2


@pytest.mark.parametrize("change", ["promote", "roll_back"])
def test_without_leave_nothing_is_changed(source, change):
    seen = look(source.history())
    if change == "promote":
        outcome = promote(source, 3, "", seen, allow_changes=False)
    else:
        outcome = roll_back(source, "", seen, allow_changes=False)
    assert outcome.kind == "not_allowed"
    assert look(source.history()) == seen


@pytest.mark.parametrize("change", ["promote", "roll_back"])
def test_a_registry_that_was_changed_meanwhile_is_left_alone(source, change):
    seen = look(source.history())
    source.registry.promote(3, why="by somebody else")
    now = look(source.history())
    if change == "promote":
        outcome = promote(source, 2, "", seen, allow_changes=True)
    else:
        outcome = roll_back(source, "", seen, allow_changes=True)
    assert outcome.kind == "changed"
    assert outcome.moves["version"].tolist() == [1, 3]
    assert look(source.history()) == now


def test_a_version_that_is_gone_is_told(source):
    seen = look(source.history())
    source.registry.clean(keep_last=0)
    outcome = promote(source, 3, "", seen, allow_changes=True)
    assert outcome.kind == "gone"
    assert champion(source) == 1


def test_what_the_registry_refuses_is_told_in_its_words(source):
    model = source.registry._store.folder / "versions" / "3" / "model.skops"
    model.write_bytes(b"damaged")
    seen = look(source.history())
    outcome = promote(source, 3, "", seen, allow_changes=True)
    assert outcome.kind == "refused"
    assert "Restore it from a backup" in outcome.message
    assert champion(source) == 1


def test_a_change_in_between_is_told_afterwards(source):
    seen = look(source.history())

    class Raced(RegistrySource):
        def promote(self, version, stage, why):
            self.registry.promote(2, why="a moment before")
            super().promote(version, stage, why)

    outcome = promote(Raced(lambda: source.registry), 3, "", seen, allow_changes=True)
    assert (outcome.kind, outcome.champion) == ("overtaken", 3)
    assert 2 in set(outcome.moves["version"])


def test_an_endpoint_refuses():
    class Client:
        def model(self):
            raise AssertionError

        def predict(self, X, explain=False, language="en"):
            raise AssertionError

    seen = look(make_history())
    outcome = promote(EndpointSource(Client(), {}), 1, "", seen, allow_changes=True)
    assert outcome.kind == "refused"
    assert "--registry" in outcome.message


def make_history():
    return ModelRegistry("nowhere").history()


def test_changes_since_leaves_out_what_was_seen(source):
    assert changes_since(source.history(), 5).empty
    assert changes_since(source.history(), 3)["what"].unique().tolist() == ["promote"]
