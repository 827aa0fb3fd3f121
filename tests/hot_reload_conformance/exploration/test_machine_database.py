"""The example database: a folder, a Redis server, several at once; each subject by itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis.database import MultiplexedDatabase

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.exploration.machine import explore
from hot_reload_conformance.exploration.machine_database import example_database
from hot_reload_conformance.exploration.plan import PLANS
from hot_reload_conformance.specimens.guard import NoGuard
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import KitError

KEY, VALUE = b"key", b"value"


def test_a_folder_keeps_examples_by_subject_and_clause(tmp_path: Path) -> None:
    place = str(tmp_path / "examples")
    example_database([place], "toy", "HR-FLOW-01").save(KEY, VALUE)
    assert set(example_database([place], "toy", "HR-FLOW-01").fetch(KEY)) == {VALUE}
    assert set(example_database([place], "toy", "HR-FLOW-02").fetch(KEY)) == set()
    assert set(example_database([place], "other", "HR-FLOW-01").fetch(KEY)) == set()


def test_several_places_are_read_and_a_readonly_one_is_not_written(tmp_path: Path) -> None:
    mine, shared = tmp_path / "mine", tmp_path / "shared"
    example_database([str(shared)], "toy", "HR-FLOW-01").save(KEY, b"from ci")
    both = example_database([str(mine), f"readonly:{shared}"], "toy", "HR-FLOW-01")
    assert isinstance(both, MultiplexedDatabase)
    both.save(KEY, VALUE)
    assert set(both.fetch(KEY)) == {VALUE, b"from ci"}
    assert set(example_database([str(shared)], "toy", "HR-FLOW-01").fetch(KEY)) == {b"from ci"}


def test_a_server_that_is_not_there_is_a_kit_error_with_words(tmp_path: Path) -> None:
    pytest.importorskip("redis", reason="pip install 'pytest-hot-reload[redis]'")
    with pytest.raises(KitError, match=r"does not answer .*start the server, or leave it out"):
        example_database([f"unix://{tmp_path}/none.sock"], "toy", "HR-FLOW-01")


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(KitError, match=r"pip install 'pytest-hot-reload\[redis\]'"):
        example_database(["redis://localhost"], "toy", "HR-FLOW-01")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A Redis of this test's own, behind a socket in a folder."""
    program = shutil.which("redis-server")
    redis = pytest.importorskip("redis", reason="pip install 'pytest-hot-reload[redis]'")
    if program is None:
        pytest.skip("there is no redis-server here: apt-get install redis-server")
    socket = tmp_path / "redis.sock"
    words = [program, "--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path)]
    words += ["--save", ""]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:  # it says when it takes connections
            if "ready to accept connections" in line.lower():
                break
        assert redis.Redis(unix_socket_path=str(socket)).ping()
        yield f"unix://{socket}"
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def test_one_machine_s_example_is_the_other_s_first(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import redis

    # Its scripts would find it by themselves.
    monkeypatch.setitem(PLANS, "pipeline", replace(PLANS["pipeline"], seeds=()))

    subject = HostSubject(NoGuard)
    assert explore(subject, "HR-GUARD-01", Budget(database=server, shrink=False)) is not None
    kept = redis.Redis.from_url(server).keys("hot-reload:last-sink-removed:HR-GUARD-01:*")
    assert kept
    # Elsewhere: what the server knows is tried before anything is drawn.
    again = Budget(examples=1, database=server, shrink=False)
    assert all(explore(subject, "HR-GUARD-01", again) is not None for _ in range(3))
