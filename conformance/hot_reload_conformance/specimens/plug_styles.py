"""More right plugins, each in a style that people write: no clause may fire on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hot_reload_conformance.specimens.plugin_specimen import CorrectPlugin, correct
from hot_reload_conformance.subject import PluginSubject


async def _used(plugin: Any) -> None:
    plugin.handle("visits")


async def _rows(plugin: Any) -> Sequence[Any]:
    path = Path(plugin.path)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


FUNCTIONS = correct(
    "functions",
    {
        "functions_style.py": """
            from types import SimpleNamespace

            PLUGIN_META = {"name": "greeter", "version": "1.1", "author": "somebody"}

            def register(app, context):
                greeted = []

                def handle(request):
                    greeted.append(request)
                    return f"hello {request}, you are number {len(greeted)}"

                return SimpleNamespace(handle=handle)
        """
    },
)

DATA_PACKAGE = correct(
    "data-package",
    {
        "places/__init__.py": """
            from .service import Places
        """,
        "places/service.py": """
            import csv
            from pathlib import Path

            from . import words

            class Places:
                version = "4.0.1"
                inputs = ["data/places.csv"]

                def setup(self):
                    path = Path(__file__).parent / "data" / "places.csv"
                    with path.open(newline="") as file:
                        self.places = {key: place for key, place in csv.reader(file)}

                def handle(self, request):
                    return words.told(self.places.get(request, "nowhere"))
        """,
        "places/words.py": """
            def told(place):
                return f"it is in {place}"
        """,
        "places/data/places.csv": """
            oslo,norway
            lima,peru
        """,
    },
)

BACKGROUND_SINK = correct(
    "background-sink",
    {
        "background_sink.py": """
            import asyncio
            import json

            class Batches:
                version = "0.9"
                roles = ["sink"]

                def __init__(self, config):
                    self.path = config["path"]
                    self.waiting = []
                    self.task = None

                async def start(self):
                    self.task = asyncio.create_task(self.run())

                async def run(self):
                    while True:
                        await asyncio.sleep(5)
                        self.put_down()

                async def write(self, event):
                    self.waiting.append(json.dumps(event))

                def put_down(self):
                    lines, self.waiting = self.waiting, []
                    with open(self.path, "a") as file:
                        file.writelines(line + "\\n" for line in lines)

                async def flush(self):
                    self.put_down()

                async def get_reload_state(self):
                    # Before the next generation writes: so lines stay in order.
                    self.put_down()
                    return {}

                async def set_reload_state(self, state):
                    pass

                async def stop(self):
                    task, self.task = self.task, None
                    if task is not None:
                        task.cancel()
                        await asyncio.wait({task})
        """
    },
    PluginSubject(config=lambda folder: {"path": str(folder / "batches")}, observe=_rows),
)

MIGRATING = correct(
    "migrating",
    {
        "migrating.py": """
            class Tally:
                version = "3.0"

                def __init__(self):
                    self.tally = {}

                def handle(self, request):
                    self.tally[request] = self.tally.get(request, 0) + 1
                    return self.tally[request]

                def get_reload_state(self):
                    return {"tally": dict(self.tally)}

                def migrate_state(self, state, version):
                    # Until 2.x the state was the tally itself.
                    if isinstance(state, dict) and "tally" not in state:
                        return {"tally": state}
                    return state

                def set_reload_state(self, state):
                    tally = state["tally"]
                    if not all(isinstance(count, int) for count in tally.values()):
                        raise ValueError("tally: every count is an int")
                    self.tally = dict(tally)
        """
    },
    PluginSubject(exercise=_used, states=[{"tally": {"visits": 2}}, {"tally": {}}]),
)

PORT = correct(
    "port",
    {
        "port_style.py": """
            import socket

            class Listener:
                version = "1.0"
                swap_policy = "stop-first"

                def __init__(self, config):
                    self.path, self.socket = config["socket"], None

                def start(self):
                    # A path below the config's own folder: a port number may be taken.
                    self.socket = socket.socket(socket.AF_UNIX)
                    self.socket.bind(self.path)
                    self.socket.listen()

                def handle(self, request):
                    return self.socket.getsockname()

                def health_check(self):
                    return self.socket is not None

                def stop(self):
                    held, self.socket = self.socket, None
                    if held is not None:
                        held.close()
                        import os

                        os.unlink(self.path)
        """
    },
    PluginSubject(config=lambda folder: {"socket": str(folder / "s")}, exercise=_used),
)

LAZY_IMPORTER = correct(
    "lazy-importer",
    {
        "lately/__init__.py": """
            class Lately:
                version = "1.0"

                def handle(self, request):
                    import statistics

                    from .figures import mean

                    return mean(statistics, request)
        """,
        "lately/figures.py": """
            def mean(statistics, request):
                return statistics.fmean(len(word) for word in str(request).split() or [""])
        """,
    },
    PluginSubject(exercise=_used),
)

CHAIN = correct(
    "chain",
    {
        "chain_style.py": """
            import re

            class Chain:
                version = "2.2"
                roles = ["enricher", "redactor"]

                SECRET = re.compile(r"(?i)(?<=password=)\\S+")

                def __init__(self, config):
                    self.host = config.get("host", "unknown")

                def enrich(self, event):
                    return {**event, "host": self.host}

                def redact(self, event):
                    return {
                        key: self.SECRET.sub("***", value) if isinstance(value, str) else value
                        for key, value in event.items()
                    }
        """
    },
    PluginSubject(config={"host": "a"}, events=[{"text": "password=1"}, {"text": "hello"}]),
)

BEATING = correct(
    "beating",
    {
        "beating_style.py": """
            import threading

            class Beating:
                version = "1.0"

                def __init__(self):
                    self.timer = None

                def start(self):
                    self.timer = threading.Timer(600, self.beat)
                    self.timer.daemon = True
                    self.timer.start()

                def beat(self):
                    pass

                def handle(self, request):
                    return self.timer is not None

                def stop(self):
                    timer, self.timer = self.timer, None
                    if timer is not None:
                        timer.cancel()  # its thread ends of itself, in a moment
        """
    },
)

SERVING = correct(
    "serving",
    {
        "serving_style.py": """
            import asyncio

            class Serving:
                version = "1.0"

                def __init__(self):
                    self.server = None

                async def start(self):
                    self.server = await asyncio.start_server(
                        self.answer, "127.0.0.1", 0, start_serving=False
                    )
                    await self.server.start_serving()

                async def answer(self, reader, writer):
                    writer.close()

                def handle(self, request):
                    return len(self.server.sockets)

                async def stop(self):
                    server, self.server = self.server, None
                    if server is not None:
                        server.close()
                        await server.wait_closed()
        """
    },
)

COUNTING = correct(
    "counting",
    {
        "counting_style.py": """
            class Counting:
                '''A generator works for it, and its state is where that stands.'''

                version = "1.0"

                def __init__(self):
                    self.seen = 0
                    self.work = None

                def start(self):
                    self.begin(self.seen)

                def begin(self, seen):
                    self.seen, self.work = seen, self.count(seen)
                    next(self.work)

                def count(self, seen):
                    while True:
                        yield seen
                        self.seen = seen = seen + 1

                def handle(self, request):
                    return self.work.send(request)

                def get_reload_state(self):
                    return {"seen": self.seen}

                def set_reload_state(self, state):
                    seen = state["seen"]
                    if type(seen) is not int or seen < 0:
                        raise ValueError(f"state['seen'] is no count: {seen!r}")
                    self.begin(seen)

                def stop(self):
                    work, self.work = self.work, None
                    if work is not None:
                        work.close()
        """
    },
    PluginSubject(exercise=_used),
)

STYLES: tuple[CorrectPlugin, ...] = (
    FUNCTIONS,
    DATA_PACKAGE,
    BACKGROUND_SINK,
    MIGRATING,
    PORT,
    LAZY_IMPORTER,
    CHAIN,
    BEATING,
    SERVING,
    COUNTING,
)
