"""From a save to the first new answer of a server that restarts: ``uvicorn --reload``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

from hot_reload_fixtures import SaveStyle, save

PAUSE_SECONDS = 0.3
"""Between two saves; the server looks away for a quarter of a second after a restart."""
LOOK_SECONDS = 0.002
"""Between two requests, as long as the old version answers or nobody does."""

SOURCE = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": b"{answer:>8}"}})
"""


def text(answer: int) -> bytes:
    return (SOURCE.format(answer=answer) + "# padding\n" * 45).encode()


async def restarted(root: Path, saves: int, style: SaveStyle) -> list[float]:
    """Seconds from each save to the first new answer over HTTP."""
    path = root / "service.py"
    save(path, text(0))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = ("--reload", "--port", str(port), "--log-level", "critical", "--lifespan", "off")
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "service:app", *options),
        cwd=root,
        start_new_session=True,
    )
    try:
        await _until_answers(port, 0)
        spent = []
        for answer in range(1, saves + 1):
            await asyncio.sleep(PAUSE_SECONDS)
            began = time.perf_counter()
            # Another size each time: its new process would take bytecode of one size and second.
            save(path, text(answer) + b"#" * answer, style)
            await _until_answers(port, answer)
            spent.append(time.perf_counter() - began)
        return spent
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        await server.wait()


async def _until_answers(port: int, answer: int) -> None:
    while await _body(port) != f"{answer:>8}".encode():  # noqa: ASYNC110 - it does not tell
        await asyncio.sleep(LOOK_SECONDS)


async def _body(port: int) -> bytes:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return b""
    try:
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        return (await reader.read()).rpartition(b"\r\n\r\n")[2]
    except OSError:
        return b""
    finally:
        writer.close()
