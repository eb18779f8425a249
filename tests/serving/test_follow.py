"""Endpoints follow a registry in an object store, and go on without the store."""

import itertools
import threading
import time
from contextlib import ExitStack
from urllib.request import urlopen

import pytest

from edml.registry import ModelRegistry
from edml.serving import RiskClient
from edml.serving._champion import ChampionWatch
from object_store import Proxy
from served import edml_serve, make_registry, students, wait_until


@pytest.fixture
def trainer(registry, tmp_path):
    """Return a registry with two versions that was pushed to a folder."""
    registry.push(tmp_path / "there")
    return registry


@pytest.fixture
def watch(trainer, tmp_path):
    copy = ModelRegistry(tmp_path / "copy")
    return ChampionWatch(copy, 0.05, pull=lambda: copy.pull(tmp_path / "there"))


def test_a_copy_is_pulled_before_each_look(watch, trainer, tmp_path):
    watch.look(pull=False)
    assert watch.champion is None
    watch.look()
    assert (watch.champion.version, watch.problem) == (1, None)
    trainer.promote(2)
    watch.look()
    assert watch.champion.version == 1  # not pushed
    before = watch.pulled_at
    trainer.push(tmp_path / "there")
    watch.look()
    assert watch.champion.version == 2
    assert watch.pulled_at > before > 0


def test_the_last_champion_stays_while_the_store_is_away(watch, tmp_path):
    watch.look()
    (tmp_path / "there").rename(tmp_path / "away")
    pulled_at = watch.pulled_at
    watch.look()
    assert watch.champion.version == 1
    assert "an older one than before" in watch.problem
    assert watch.pulled_at == pulled_at
    (tmp_path / "away").rename(tmp_path / "there")
    watch.look()
    assert watch.problem is None


def test_a_restarted_server_serves_its_copy(watch, tmp_path):
    watch.look()
    (tmp_path / "there").rename(tmp_path / "away")
    copy = ModelRegistry(tmp_path / "copy")
    again = ChampionWatch(copy, 0.05, pull=lambda: copy.pull(tmp_path / "there"))
    again.look()
    assert again.champion.version == 1
    assert "found none" in again.problem


def test_the_thread_pulls_at_once(trainer, tmp_path):
    copy = ModelRegistry(tmp_path / "copy")
    watch = ChampionWatch(copy, 1000, pull=lambda: copy.pull(tmp_path / "there"))
    watch.start()
    try:
        wait_until(lambda: watch.champion is not None)
    finally:
        watch.stop()


def healthy(server):
    with urlopen(f"{server.url}/metrics", timeout=30) as answer:  # noqa: S310
        lines = answer.read().decode().splitlines()
    return "edml_registry_healthy 1.0" in lines


@pytest.mark.slow
def test_two_servers_follow_one_registry_without_a_failed_request(
    tmp_path, store, monkeypatch
):
    """A balancer sends requests to both in turn; the store goes away and returns."""
    registry = make_registry(tmp_path / "trainer")
    url = f"{store.url}/registry"
    registry.push(url)
    X = students()
    proxy = Proxy(store.address)
    with ExitStack() as stack:
        env = store.environ(proxy.address)
        servers = [
            stack.enter_context(
                edml_serve(url, "--follow=0.5", f"--copy={tmp_path}/{name}", env=env)
            )
            for name in "ab"
        ]
        clients = [
            stack.enter_context(RiskClient(one.url, retries=0)) for one in servers
        ]
        for client in clients:
            wait_until(client.ready, 120)
        turns, stop, seen, failures = (
            itertools.cycle(clients),
            threading.Event(),
            [],
            [],
        )

        def ask():
            while not stop.is_set():
                client = next(turns)
                try:
                    versions = set(client.predict(X)["model_version"])
                    seen.append((clients.index(client), versions))
                except Exception as error:
                    failures.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            wait_until(lambda: len(seen) > 10)
            registry.promote(2)
            registry.push(url)
            pushed = time.monotonic()
            wait_until(lambda: {n for n, v in seen if v == {2}} == {0, 1})
            took = time.monotonic() - pushed
            proxy.cut_after = 0  # the store is away
            for one in servers:
                wait_until(lambda one=one: not healthy(one), 120)
            n_before = len(seen)
            wait_until(lambda: len(seen) > n_before + 10)
            proxy.cut_after = None
            for one in servers:
                wait_until(lambda one=one: healthy(one), 120)
        finally:
            stop.set()
            thread.join()
        assert failures == []
        versions = [v for _, v in seen]
        assert versions[0] == {1}
        assert versions[-1] == {2}
        print(f"{len(seen)} requests; both had version 2 after {took:.1f} s")  # noqa: T201
    proxy.close()
    for server in servers:
        assert store.environ()["AWS_SECRET_ACCESS_KEY"] not in server.output()
