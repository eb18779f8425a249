"""Repair a registry: find what is wrong with its files, and correct it.

Nothing is destroyed but leftovers: what cannot be used moves to the folder ``damaged``.
A kill at any step leaves a registry that another repair completes.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from edml import _files
from edml.exceptions import RegistryError
from edml.registry._errors import registry_error
from edml.registry._protocol import DAMAGED, EVALUATIONS
from edml.registry._reads import as_text
from edml.registry._state import State
from edml.registry._verify import (
    EVALUATION,
    FOREIGN,
    VERSION,
    Finding,
    find_leftovers,
    find_problems,
)
from edml.registry._versions import VersionStore

REPAIR = "repair"

Step = tuple[str, Callable[[], object]]


def repair(store: VersionStore, dry_run: bool) -> list[str]:
    """Correct what is wrong; return a sentence for each step."""
    if dry_run:
        return [text for text, _ in _plan(store)]
    with store.home.locked():
        steps = _plan(store)
        with store.home.writing("Not everything was repaired"):
            for _, do in steps:
                do()
    return [text for text, _ in steps]


def _plan(store: VersionStore) -> list[Step]:
    home = store.home
    findings = find_problems(store)
    listed = home.numbers(home.versions)
    damaged = {one.where: one for one in reversed(findings) if one.part == VERSION}
    whole = store.whole_states()
    has_files = bool(listed) or store.newest() > 0
    if has_files and not whole and damaged.keys() >= {*listed}:
        raise registry_error(
            "no_readable_file",
            f"Expected a file of registry {home.name!r} that can be read with these "
            "keys; found none. Check the keys; if they are right, restore a backup.",
        )
    steps = [_set_aside(store, one) for one in findings if one.part == FOREIGN]
    state = whole[-1] if whole else State()
    lost = [version for version in state.stages if version in damaged]
    strange = [version for version in damaged if version not in state.stages]
    steps += [_set_aside_version(store, damaged[v], "strange") for v in strange]
    new = [v for v in listed if v > state.highest and v not in damaged]
    if lost or len(new) > 1 or store.newest() > state.generation:
        steps.append(_write_state(store, state, lost, new))
    steps += _fill_states(store, whole)
    steps += [
        _set_aside_version(store, damaged[v], state.stages[v])
        for v in lost
        if v in listed
    ]
    for version in {one.where for one in findings if one.part == EVALUATION}:
        if version not in damaged:
            steps.append(_renumber_evaluations(store, version))
    if leftovers := find_leftovers(store):
        text = f"{len(leftovers)} leftovers of interrupted writes are removed."
        steps.append((text, lambda: home.remove(find_leftovers(store))))
    return steps


def _set_aside(store: VersionStore, one: Finding) -> Step:
    path = as_text(str(one.where))
    text = f"{path} does not belong to the registry, and moves to {DAMAGED}."
    return text, partial(store.home.set_aside, one.where)


def _set_aside_version(store: VersionStore, one: Finding, stage: str) -> Step:
    text = (
        f"The files of version {one.where} ({stage}) move to {DAMAGED}. Reason: "
        f"{one.problem}"
    )
    return text, partial(store.home.set_aside, store.path(one.where))


def _write_state(
    store: VersionStore, state: State, lost: list[int], new: list[int]
) -> Step:
    """Carry the last whole state on, with the versions that are there."""
    top = store.newest()
    kept = {v: stage for v, stage in state.stages.items() if v not in lost}
    now = replace(state, stages=kept, generation=top).with_new(new)
    parts = []
    if top > state.generation:
        parts.append(
            f"Generation {top} of the state cannot be read: the last whole one, "
            f"{state.generation}, applies again"
        )
    if lost:
        parts.append(f"Versions {lost} are damaged or gone, and leave the lists")
    if new:
        parts.append(f"Versions {new} are recorded in development")
    champion = "no version" if now.champion is None else f"version {now.champion}"
    text = f"{'. '.join(parts)}. In production is {champion}."

    def do() -> None:
        detail = {"versions": lost}
        store.write_state("The state was not repaired", now, REPAIR, text, detail)

    return text, do


def _fill_states(store: VersionStore, whole: list[State]) -> list[Step]:
    """Replace each damaged or missing state by a copy of the one before."""
    known = {state.generation: state for state in whole}
    before = State()
    steps: list[Step] = []
    for generation in range(1, store.newest() + 1):
        if generation in known:
            before = known[generation]
            continue
        path = store.home.states / f"{generation}.json"
        text = (
            f"Generation {generation} of the state is damaged or lost, and becomes a "
            f"copy of generation {before.generation}."
        )

        steps.append((text, partial(_fill_state, store, path, generation, before)))
    return steps


def _fill_state(
    store: VersionStore, path: Path, generation: int, before: State
) -> None:
    store.home.set_aside(path)
    now = replace(before, generation=generation - 1)
    why = "the file of this change was damaged or lost"
    store.write_state("A state was not repaired", now, REPAIR, why)


def _renumber_evaluations(store: VersionStore, version: int) -> Step:
    """Set damaged evaluations aside, and close the gaps."""
    text = (
        f"Damaged evaluations of version {version} move to {DAMAGED}, and later ones "
        "move up."
    )

    def do() -> None:
        folder = store.path(version) / EVALUATIONS
        n_whole = 0
        for number in store.evaluation_numbers(version):
            path = folder / f"{number}.json"
            try:
                evaluation = store.read_evaluation(version, number)
            except RegistryError:
                store.home.set_aside(path)
                continue
            n_whole += 1
            if number != n_whole:  # written first: a kill may double it, not lose it
                data = store.seal_evaluation(version, n_whole, evaluation)
                _files.write_new(folder / f"{n_whole}.json", data)
                store.home.remove([path])

    return text, do
