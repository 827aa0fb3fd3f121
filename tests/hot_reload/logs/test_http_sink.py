"""Servers that answer, and then behave badly (F34)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable

import pytest

from hot_reload import Engine
from hot_reload.logs import sinks
from hot_reload.outcome import RolledBack

from .test_sinks import load

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def _goodbye_never(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


async def _headers_never_end(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Header: 1\r\n")


async def _broken_after_the_status(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 202 Accepted\r\n" + b"x" * 100_000)


async def _first_an_interim_answer(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 102 Processing\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
    writer.close()


@pytest.mark.parametrize(
    "answer",
    [_goodbye_never, _headers_never_end, _broken_after_the_status, _first_an_interim_answer],
)
async def test_f34_what_the_server_took_is_not_posted_again(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        requests.append(await reader.readexactly(length))
        await answer(writer)
        with contextlib.suppress(ConnectionError):
            await reader.read()  # until the sink ends it
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Engine() as engine:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        sink = await load(engine, "http", url=url, batch_size=1)
        monkeypatch.setattr(f"{type(sink).__module__}.LINGER_SECONDS", 0.01)
        engine.emit({"n": 1})
        engine.emit({"n": 2})
        await engine.settle()
        assert requests == [b'[{"n": 1}]', b'[{"n": 2}]']
        assert sink.health_check()["written"] == 2
        del sink


@pytest.mark.parametrize("host", ["ex\u00e4mple.org", "h\x00st", "h st"])
async def test_f34_a_host_that_no_request_can_name_is_refused_at_once(host: str) -> None:
    async with Engine() as engine:
        outcome = await engine.load(sinks.path("http"), config={"url": f"http://{host}/s3cr3t"})
        assert isinstance(outcome, RolledBack)
        assert "xn--" in outcome.failure.cause
        assert "s3cr3t" not in repr(outcome)


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("bad", [0, 5, 9])
async def test_f34_an_event_that_the_server_will_never_take_holds_up_nobody(
    status: int, bad: int
) -> None:
    taken: list[dict[str, int]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        batch = json.loads(await reader.readexactly(length))
        refused = {"n": bad} in batch
        taken.extend([] if refused else batch)
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % (status if refused else 200))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Engine() as engine:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        sink = await load(engine, "http", url=url, batch_size=10)
        for number in range(10):
            engine.emit({"n": number})
        await engine.settle()
        await sink.flush()
        assert [each["n"] for each in taken] == [each for each in range(10) if each != bad]
        health = sink.health_check()
        assert (health["written"], health["refused"], health["waiting"]) == (9, 1, 0)
        assert health["healthy"] is (bad < 9)
        if bad == 9:
            assert str(status) in health["error"]
        engine.emit({"n": 10})
        await engine.settle()
        await sink.flush()
        assert taken[-1] == {"n": 10}
        assert sink.health_check()["healthy"]
        del sink


async def test_f34_a_server_that_takes_nothing_for_now_gets_the_events_later() -> None:
    """As one does whose key has run out, or whose proxy is set up wrongly."""
    taken: list[int] = []
    requests, status = 0, 400

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        batch = json.loads(await reader.readexactly(length))
        taken.extend(each["n"] for each in batch if status == 200)
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, Engine() as engine:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        sink = await load(engine, "http", url=url, batch_size=8, retry_seconds=3600)
        for number in range(8):
            engine.emit({"n": number})
        await engine.settle()
        assert sink.health_check()["refused"] == 2, "the first may be at fault; two in a row?"
        assert requests == 4 + 3  # 8, 4, 2, 1; 6, 3, 1
        for number in range(8, 16):
            engine.emit({"n": number})
        await engine.settle()
        assert requests == 4 + 3, "it waits before it tries again"
        status = 200
        await sink.flush()
        assert taken == [*range(2, 16)]
        assert sink.health_check()["healthy"]
        del sink


@pytest.mark.parametrize("answer", [b"SSH-2.0 200 hello", b"* 250 mail", b"HTTP/1.1 2_00 OK"])
async def test_f34_an_answer_that_is_none_of_http_confirms_nothing(answer: bytes) -> None:
    """As of a server of another kind, at a port that was mistyped."""
    async with Engine() as engine:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer + b"\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            sink = await load(engine, "http", url=url)
            engine.emit({"n": 1})
            await engine.settle()
            with pytest.raises(Exception, match="1 events are not delivered"):
                await sink.flush()
            health = sink.health_check()
            assert (health["healthy"], health["written"], health["waiting"]) == (False, 0, 1)
            del sink
