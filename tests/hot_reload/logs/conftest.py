"""A receiver of what is posted, and the sinks of the library as subjects of the contract."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from hot_reload.logs import sinks
from hot_reload_conformance import PluginSubject
from hot_reload_conformance.subject import PluginUnderTest


class Receiver:
    """Answers POST requests in threads of its own; ``status`` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.batches: list[list[Any]] = []
        """What was posted and answered with 2xx, in order."""
        self.keys: list[str] = []
        """The Idempotency-Key of every request."""
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/ingest"

    @property
    def events(self) -> list[Any]:
        """Every event that was taken, in order."""
        with self._lock:
            return [event for batch in self.batches for event in batch]

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        with self._lock:
            self.keys.append(request.headers["Idempotency-Key"])
            self.headers.append(dict(request.headers))
            if 200 <= self.status < 300:
                self.batches.append(json.loads(body))
        request.send_response(self.status)
        request.send_header("Content-Length", "0")
        request.end_headers()


STATES = (Path(__file__).with_name("states"),)
SECRETS = ("s3cr3t-token", "s3cr3t-header")


async def use_it(plugin: Any) -> None:
    writing = plugin.write({"message": "one event"})
    if writing is not None:
        await writing


async def rows(plugin: Any) -> Sequence[Any]:
    return read_rows(Path(plugin.path))


def read_rows(path: Path) -> list[Any]:
    """What the SQLite sink has written to ``path``, in order."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT event FROM events ORDER BY id")
        return [json.loads(text) for (text,) in found]


async def lines(plugin: Any) -> Sequence[Any]:
    return [json.loads(line) for line in Path(plugin.path).read_text().splitlines()]


def stream(_: Receiver) -> PluginSubject:
    return PluginSubject(config={"format": "json"}, exercise=use_it, recorded=STATES)


def rotating_file(_: Receiver) -> PluginSubject:
    return PluginSubject(
        config=lambda folder: {"path": str(folder / "app.log")},
        exercise=use_it,
        observe=lines,
        recorded=STATES,
    )


def sqlite(_: Receiver) -> PluginSubject:
    return PluginSubject(
        config=lambda folder: {"path": str(folder / "app.db"), "batch_size": 7},
        exercise=use_it,
        observe=rows,
        recorded=STATES,
    )


def http(receiver: Receiver) -> PluginSubject:
    def config(folder: Path) -> dict[str, Any]:
        receiver.batches.clear()  # each case begins with an empty server
        headers = {"X-Key": SECRETS[1]}
        return {"url": receiver.url, "token": SECRETS[0], "headers": headers, "batch_size": 7}

    async def arrived(plugin: Any) -> Sequence[Any]:
        return receiver.events

    return PluginSubject(
        config=config, exercise=use_it, observe=arrived, recorded=STATES, secrets=SECRETS
    )


SUBJECTS: Mapping[str, Callable[[Receiver], PluginSubject]] = {
    "stream": stream,
    "rotating_file": rotating_file,
    "sqlite": sqlite,
    "http": http,
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(params=sorted(SUBJECTS))
def sink_subject(request: pytest.FixtureRequest, receiver: Receiver) -> PluginUnderTest:
    """Each sink of the library, as its author describes it."""
    name = request.param
    subject = SUBJECTS[name](receiver)
    return PluginUnderTest(path=sinks.path(name), name=name, subject=subject, described=True)


@pytest.fixture
def rows_of() -> Callable[[Path], list[Any]]:
    return read_rows
