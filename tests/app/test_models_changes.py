"""The app changes only what the page showed, and only with permission."""

import pytest

from edml.app._models_changes import Asking, change, changes_since, list_moves, look
from edml.registry import ModelRegistry


@pytest.fixture
def registry(evaluated_registry):
    return evaluated_registry


def promote(registry, version, why, seen, allow_changes=True):
    asking = Asking("promote", version, seen, evaluated=True)
    return change(registry, asking, why, allow_changes=allow_changes)


def roll_back(registry, why, seen, allow_changes=True):
    asking = Asking("rollback", seen.before, seen, evaluated=True)
    return change(registry, asking, why, allow_changes=allow_changes)


def champion(registry):
    return registry.record("production").version


def test_a_look_knows_the_champion_and_the_one_before(registry):
    seen = look(registry.history())
    assert (seen.generation, seen.champion, seen.before) == (5, 1, 2)
    registry.rollback("")
    again = look(registry.history())
    assert (again.champion, again.before) == (2, None)  # 1 was rolled back


def test_an_empty_registry_has_no_champion(tmp_path):
    registry = ModelRegistry(tmp_path)
    seen = look(registry.history())
    assert (seen.generation, seen.champion, seen.before) == (0, None, None)


def test_promote_sets_the_champion_and_records_the_reason(registry):
    seen = look(registry.history())
    outcome = promote(registry, 3, "a new term", seen)
    assert (outcome.kind, outcome.champion) == ("done", 3)
    assert champion(registry) == 3
    assert registry.history()["why"].iloc[-1] == "a new term"
    assert outcome.moves[["version", "now"]].to_numpy().tolist() == [
        [1, "development"],
        [3, "production"],
    ]


def test_rollback_restores_the_confirmed_version(registry):
    seen = look(registry.history())
    outcome = roll_back(registry, "it was worse", seen)
    assert (outcome.kind, outcome.champion) == ("done", seen.before)
    assert champion(registry) == 2


@pytest.mark.parametrize("by", [promote, roll_back])
def test_without_permission_nothing_changes(registry, by):
    seen = look(registry.history())
    if by is promote:
        outcome = promote(registry, 3, "", seen, allow_changes=False)
    else:
        outcome = roll_back(registry, "", seen, allow_changes=False)
    assert outcome.kind == "not_allowed"
    assert look(registry.history()) == seen


@pytest.mark.parametrize("by", [promote, roll_back])
def test_registry_changed_meanwhile_is_not_modified(registry, by):
    seen = look(registry.history())
    registry.promote(3, why="by somebody else")
    now = look(registry.history())
    if by is promote:
        outcome = promote(registry, 2, "", seen)
    else:
        outcome = roll_back(registry, "", seen)
    assert outcome.kind == "changed"
    assert outcome.moves["version"].tolist() == [1, 3]
    assert look(registry.history()) == now


def test_a_removed_version_is_not_promoted(registry):
    seen = look(registry.history())
    registry.clean(keep_last=0)
    outcome = promote(registry, 3, "", seen)
    assert outcome.kind == "gone"
    assert champion(registry) == 1


def test_an_error_of_the_registry_is_the_outcome(registry):
    model = registry._store.folder / "versions" / "3" / "model.skops"
    model.write_bytes(b"damaged")
    seen = look(registry.history())
    outcome = promote(registry, 3, "", seen)
    assert outcome.kind == "refused"
    assert "Restore it from a backup" in outcome.message
    assert champion(registry) == 1


def test_a_change_in_between_is_reported_afterwards(registry, monkeypatch):
    seen = look(registry.history())

    promote_now = registry.promote

    def raced(*change):
        promote_now(2, why="a moment before")
        return promote_now(*change)

    monkeypatch.setattr(registry, "promote", raced)
    outcome = promote(registry, 3, "", seen)
    assert (outcome.kind, outcome.champion) == ("overtaken", 3)
    assert 2 in set(outcome.moves["version"])


def test_changes_since_omits_seen_changes(registry):
    assert changes_since(registry.history(), 5).empty
    assert changes_since(registry.history(), 3)["what"].unique().tolist() == ["promote"]


def test_moves_are_listed_in_order_with_who_and_why(registry):
    every = list_moves(registry.history())
    moves = every[every["version"] == 2]
    assert moves[["what", "was", "now"]].to_numpy().tolist() == [
        ["register", "new", "development"],
        ["promote", "development", "production"],
        ["promote", "production", "development"],
    ]
    assert moves["why"].tolist() == ["", "the first one", "it is better"]
    assert set(moves["who"]) == {"ada"}
