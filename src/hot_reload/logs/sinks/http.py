"""A sink that posts events to a URL, in batches, as a JSON list.

Config::

    url              http:// or https://                                    (required, a secret)
    token            sent as ``Authorization: Bearer ...``                  (a secret)
    headers          further headers, by name                               (secrets)
    batch_size       how many events one request carries                    (default 100)
    flush_seconds    how long an unfinished batch waits at most             (default 1.0)
    timeout_seconds  how long one request may take                          (default 5.0)
    retry_seconds    how long it waits after a request that failed          (default 1.0)
    buffer_limit     how many events wait while the server is not reachable (default 10,000)

A batch is delivered when the server answered with a status of 2xx, whatever becomes of the
connection after that; else it is posted again, the same events under the same
``Idempotency-Key``, by which a server can tell a repetition from new events. Beyond
``buffer_limit`` an event is refused, and so counted as dropped. What cannot be posted before
the sink is replaced goes to the next generation. Redirects are failures: events are sent
nowhere but to the URL.

A server that answers 400, 413 or 422 will not take the same another time: the batch is halved
until it takes the rest, and an event that it refuses by itself is given up, so that it holds up
nobody behind it. ``refused`` in the sink's health says how many were. Of a server that takes
nothing at all one event is given up each ``retry_seconds``, and the rest waits for its mending.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hot_reload.config.schema import validate_config
from hot_reload.config.secret import revealed
from hot_reload.logs.line import json_of
from hot_reload.logs.sink_state import written_in

if TYPE_CHECKING:
    from hot_reload.runtime.context import PluginContext

_SECONDS: Mapping[str, Any] = {"type": "number", "exclusiveMinimum": 0, "maximum": 3600}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["url"],
    "properties": {
        # Its path or query may hold a key, as those of web hooks do.
        "url": {"type": "string", "minLength": 1, "secret": True},
        "token": {"type": "string", "minLength": 1, "secret": True},
        "headers": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "default": {},
            "secret": True,
        },
        "batch_size": {"type": "integer", "minimum": 1, "default": 100},
        "flush_seconds": {**_SECONDS, "default": 1.0},
        "timeout_seconds": {**_SECONDS, "default": 5.0},
        "retry_seconds": {**_SECONDS, "default": 1.0},
        "buffer_limit": {"type": "integer", "minimum": 1, "default": 10_000},
    },
}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STATUS_LINE = re.compile(rb"HTTP/[0-9](?:\.[0-9])? ([0-9]{3})(?![0-9])")
_OWN_HEADERS = frozenset(
    {"host", "content-length", "content-type", "connection", "idempotency-key"}
    | {"transfer-encoding"}
)
_REFUSALS = frozenset({400, 413, 422})
"""Answers that are about what was posted, and would be the same the next time."""
_LINE_LIMIT_BYTES = 65_536
LINGER_SECONDS = 0.5
"""How long the end of a connection is waited for, after the answer."""


class DeliveryFailed(Exception):
    """A batch was not confirmed. The message has the host, and no secret."""


class HttpSink:
    """Used on the event loop's thread: one request at a time, in the order of arrival."""

    name = "http"
    version = "1.0"
    roles = ("sink",)
    config_schema = SCHEMA

    def __init__(self, config: Mapping[str, Any], context: PluginContext) -> None:
        checked = revealed(validate_config(SCHEMA, config))
        self._target = _Target(checked)
        self._batch_size: int = checked["batch_size"]
        self._at_once = self._batch_size
        """How many events the next request carries: fewer while the server refuses something."""
        self._flush_seconds = float(checked["flush_seconds"])
        self._timeout_seconds = float(checked["timeout_seconds"])
        self._retry_seconds = float(checked["retry_seconds"])
        self._buffer_limit: int = max(checked["buffer_limit"], self._batch_size)
        self._context = context
        self._waiting: list[Any] = []
        self._batch: tuple[str, int, bytes] | None = None
        """What is posted now, or again: its key, how many of the first that wait, the body."""
        self._running = False
        self._written = 0
        self._refused = 0
        self._error = ""
        self._taking = True
        """Whether the server took anything since the last event that was given up."""
        self._not_before_seconds = 0.0
        self._turn = asyncio.Lock()

    def start(self) -> None:
        self._target.prepare()
        self._context.spawn(self._flush_in_time(), name="http sink: unfinished batches")
        self._running = True

    async def write(self, event: Any) -> None:
        if not self._running:
            raise RuntimeError("the sink is not running")
        if len(self._waiting) >= self._buffer_limit:
            await self._tried()
            if len(self._waiting) >= self._buffer_limit:
                raise BufferError(f"{len(self._waiting)} events wait to be posted: {self._error}")
        self._waiting.append(event)
        if len(self._waiting) % self._batch_size == 0:
            await self._tried()

    async def flush(self) -> None:
        if self._running:
            await self._post_all()

    async def take_unwritten(self) -> list[Any]:
        """What no server confirmed, in order; it is the caller's from now on."""
        async with self._turn:  # what is under way ends first, within its timeout
            waiting, self._waiting, self._batch = self._waiting, [], None
        return waiting

    async def get_reload_state(self) -> dict[str, int]:
        # Posted here and not in the flush after the swap: by then the next generation posts
        # too, and its events would come before these.
        if self._running:
            self._not_before_seconds = 0.0
            await self._tried()
        return {"written": self._written}

    def set_reload_state(self, state: Mapping[str, Any]) -> None:
        self._written = written_in(state)

    def health_check(self) -> dict[str, Any]:
        return {
            "healthy": self._running and not self._error,
            "written": self._written,
            "waiting": len(self._waiting),
            "refused": self._refused,
            "error": self._error,
        }

    async def stop(self) -> None:
        running, self._running = self._running, False
        if running:
            await self._post_all()

    async def _flush_in_time(self) -> None:
        while True:
            await asyncio.sleep(self._flush_seconds)
            await self._tried()

    async def _tried(self) -> None:
        """Post what waits; where that fails ``_error`` says why, and it waits on."""
        if asyncio.get_running_loop().time() >= self._not_before_seconds:
            with contextlib.suppress(DeliveryFailed):
                await self._post_all()

    async def _post_all(self) -> None:
        async with self._turn:
            while self._waiting:
                await self._post_batch()

    async def _post_batch(self) -> None:
        if self._batch is None:
            size = min(len(self._waiting), self._at_once)
            body = f"[{','.join(map(json_of, self._waiting[:size]))}]".encode()
            self._batch = uuid.uuid4().hex, size, body
        key, size, body = self._batch
        status = 0
        try:
            status = await self._target.post(body, key, self._timeout_seconds)
        except TimeoutError:
            error = f"{self._target.host} did not answer within {self._timeout_seconds:g} s"
        except (OSError, ValueError, asyncio.IncompleteReadError) as fault:
            error = f"{self._target.host}: {type(fault).__name__}"
        else:
            error = "" if 200 <= status < 300 else f"{self._target.host} answered {status}"
        self._error = error
        if status in _REFUSALS:
            self._batch = None
            if size > 1:
                self._at_once = size // 2
                return
            del self._waiting[:1]
            self._refused += 1
            self._at_once = self._batch_size
            failed, self._taking = not self._taking, False
        elif error:
            failed = True
        else:
            del self._waiting[:size]
            self._written += size
            self._batch = None
            failed, self._taking = False, True
        if failed:
            self._not_before_seconds = asyncio.get_running_loop().time() + self._retry_seconds
            raise DeliveryFailed(f"{len(self._waiting)} events are not delivered: {error}")


class _Target:
    """Where requests go. Shows no more of it than the host."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        try:
            url = urlsplit(config["url"])
            port = url.port
        except ValueError:
            url, port = urlsplit(""), None
        path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
        if url.scheme not in ("http", "https") or not url.hostname or url.username is not None:
            raise ValueError(
                "config 'url' is no http:// or https:// URL with a host and without a password; "
                "give those by 'token' or 'headers'"
            )
        if not path.isascii() or not path.isprintable() or " " in path:
            raise ValueError("config 'url' has characters that have to be written as %XX")
        if not url.netloc.isascii() or not url.netloc.isprintable() or " " in url.netloc:
            raise ValueError("config 'url' has a host that has to be written in ASCII, as xn--...")
        self.host = url.hostname
        self._secure = url.scheme == "https"
        self._port = port or (443 if self._secure else 80)
        self._head = _head(f"POST {path} HTTP/1.1", url.netloc, config)
        self._ssl: ssl.SSLContext | None = None

    def prepare(self) -> None:
        self._ssl = ssl.create_default_context() if self._secure else None

    async def post(self, body: bytes, key: str, timeout_seconds: float) -> int:
        """Post ``body``, and give the status of the answer. A connection for each request.

        Raises:
            OSError, ValueError, IncompleteReadError: there is no answer, or it is none of HTTP.
        """
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        async with asyncio.timeout_at(deadline):
            reader, writer = await asyncio.open_connection(
                self.host, self._port, ssl=self._ssl, limit=_LINE_LIMIT_BYTES
            )
        try:
            head = f"{self._head}Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
            async with asyncio.timeout_at(deadline):
                writer.write(head.encode("latin-1"))
                writer.write(body)
                await writer.drain()
                status = await _status(reader)
            await _end(reader, writer)
            return status
        finally:
            writer.transport.abort()


async def _status(reader: asyncio.StreamReader) -> int:
    while True:
        line = _STATUS_LINE.match(await reader.readline())
        if line is None:  # a server of another kind, whatever number it may say
            raise ValueError("no status line of HTTP")
        status = int(line[1])
        if status >= 200 or status == 101:
            return status
        await _skip_headers(reader)  # "processing", and the like: the answer is still to come


async def _skip_headers(reader: asyncio.StreamReader) -> None:
    while (await reader.readline()).strip():
        pass


async def _end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let the connection end in good order, in bounds. The answer stands whatever comes here:
    a server that is slow to say goodbye has the events all the same."""
    with contextlib.suppress(OSError, ValueError):
        async with asyncio.timeout(LINGER_SECONDS):
            # Closed before the headers came, some servers tell of a broken connection.
            await _skip_headers(reader)
            writer.close()
            await writer.wait_closed()


def _head(request_line: str, host: str, config: Mapping[str, Any]) -> str:
    lines = [request_line, f"Host: {host}", "Content-Type: application/json", "Connection: close"]
    headers = dict(config["headers"])
    if "token" in config:
        headers["Authorization"] = f"Bearer {config['token']}"
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
            raise ValueError(f"config 'headers' may not have {name!r}")
        if not value.isprintable() or not value.isascii():
            what = "'token'" if name == "Authorization" and "token" in config else "'headers'"
            raise ValueError(f"config {what} has a value for {name} that no header can have")
        lines.append(f"{name}: {value}")
    return "".join(f"{each}\r\n" for each in lines)
