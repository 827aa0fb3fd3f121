"""Which threads run a generation's code: told by frames, and by identity."""

from __future__ import annotations

import threading
from pathlib import Path

from hot_reload.source.code import CodeCache
from hot_reload.source.namespace import Namespace
from hot_reload.source.snapshot import DiskFiles, take_snapshot
from hot_reload.source.threads import own_threads

SOURCE = """
import threading

go, begun = threading.Event(), threading.Event()

def wait():
    begun.set()
    go.wait()
"""


def test_c4_a_thread_is_its_generation_s_and_nobody_else_s(tmp_path: Path) -> None:
    file = tmp_path / "waits.py"
    file.write_text(SOURCE)
    snapshot = take_snapshot(file, DiskFiles())
    first, second = (Namespace(snapshot, 1, CodeCache()) for _ in range(2))
    module, _ = first.execute(), second.execute()
    thread = threading.Thread(target=module.wait, name="waits")
    thread.start()
    try:
        assert module.begun.wait(10)
        (own,) = own_threads(first.owns)
        assert (own.ident, own.name, own.file) == (thread.ident, "waits", str(file))
        assert own.line in {7, 8}
        assert own_threads(second.owns) == []
        first.release()
        assert [each.name for each in own_threads(first.owns)] == ["waits"]
    finally:
        module.go.set()
        thread.join()
        first.release()
        second.release()
    assert own_threads(first.owns) == []


def test_c4_the_thread_that_asks_is_none(tmp_path: Path) -> None:
    file = tmp_path / "asks.py"
    file.write_text("def ask(question): return question()\n")
    namespace = Namespace(take_snapshot(file, DiskFiles()), 1, CodeCache())
    module = namespace.execute()
    assert module.ask(lambda: own_threads(namespace.owns)) == []
    namespace.release()
