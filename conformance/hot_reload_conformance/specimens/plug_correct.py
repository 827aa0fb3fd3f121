"""Right plugins of different styles, as text: no clause may fire on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hot_reload_conformance.specimens.plug_styles import STYLES
from hot_reload_conformance.specimens.plugin_specimen import CorrectPlugin, correct
from hot_reload_conformance.subject import PluginSubject


async def _count(plugin: Any) -> None:
    plugin.handle("visits")


async def lines(plugin: Any) -> Sequence[Any]:
    path = Path(plugin.path)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


MINIMAL = correct(
    "minimal",
    {
        "minimal.py": """
            class Hello:
                version = "1.0"

                def handle(self, request):
                    return f"hello {request}"
        """
    },
)

CLASS = correct(
    "class",
    {
        "class_style.py": """
            from collections import Counter

            class Visits:
                name = "visits"
                version = "1.2"

                def __init__(self):
                    self.counts = Counter()

                def handle(self, request):
                    self.counts[request] += 1
                    return self.counts[request]

                def get_reload_state(self):
                    return dict(self.counts)

                def set_reload_state(self, state):
                    self.counts = Counter(state)
        """
    },
    PluginSubject(exercise=_count, states=[{"a": 1, "b": 2}, {"visits": 40}]),
)

REGISTER = correct(
    "register",
    {
        "register_style.py": """
            import asyncio

            PLUGIN_META = {"name": "ticker", "version": "0.3", "description": "Counts seconds."}

            class Ticker:
                def __init__(self, context):
                    self.context = context
                    self.ticks = 0

                async def start(self):
                    await asyncio.sleep(0)
                    # The host ends it: it was started through the context.
                    self.context.spawn(self.tick(), name="tick")
                    timer = asyncio.get_running_loop().call_later(600, self.report)
                    self.context.add_cleanup(timer.cancel)
                    await asyncio.sleep(0)

                async def tick(self):
                    while True:
                        await asyncio.sleep(1)
                        self.ticks += 1

                def report(self):
                    self.context.logger.info("%d ticks", self.ticks)

                def handle(self, request):
                    return self.ticks

            async def register(app, context):
                return Ticker(context)
        """
    },
)

FACTORY = correct(
    "factory",
    {
        "factory_style.py": """
            import json

            def create(config):
                lines = _Lines(config["path"])
                lines.metadata = {"name": "lines", "version": "2.0", "roles": ["sink"]}
                return lines

            class _Lines:
                def __init__(self, path):
                    self.path, self.file, self.batch = path, None, []

                def start(self):
                    self.file = open(self.path, "a")

                async def write(self, event):
                    self.batch.append(json.dumps(event))

                async def flush(self):
                    if self.file is not None:
                        self.file.writelines(line + "\\n" for line in self.batch)
                        self.file.flush()
                        self.batch = []

                async def get_reload_state(self):
                    # Written before the next generation writes: so lines stay in order.
                    await self.flush()
                    return {}

                def set_reload_state(self, state):
                    pass

                def stop(self):
                    file, self.file = self.file, None
                    if file is not None:
                        file.close()
        """
    },
    PluginSubject(config=lambda folder: {"path": str(folder / "lines")}, observe=lines),
)

PACKAGE = correct(
    "package",
    {
        "words/__init__.py": """
            from words.plugin import Words
        """,
        "words/plugin.py": """
            import threading

            class Words:
                version = "1.0"
                roles = ["processor"]

                def __init__(self):
                    self.ended = threading.Event()
                    self.thread = None

                def setup(self):
                    from .rules import RULES

                    self.rules = dict(RULES)

                def start(self):
                    self.ended.clear()
                    self.thread = threading.Thread(target=self.refresh, name="words")
                    self.thread.start()

                def refresh(self):
                    while not self.ended.wait(30):
                        self.rules = dict(self.rules)

                def process(self, event):
                    from words import rules

                    return {key: rules.apply(self.rules, text) for key, text in event.items()}

                def health_check(self):
                    return {"status": "ok" if self.thread else "stopped"}

                def shutdown(self):
                    self.ended.set()
                    if self.thread is not None:
                        self.thread.join()
                        self.thread = None
        """,
        "words/rules.py": """
            RULES = {"colour": "color"}

            def apply(rules, text):
                return rules.get(text, text)
        """,
    },
)

STOP_FIRST = correct(
    "stop-first",
    {
        "stop_first.py": """
            import os

            class Exclusive:
                version = "1.0"
                swap_policy = "stop-first"

                def __init__(self, config):
                    self.path, self.lock, self.count = config["lock"], None, 0

                def start(self):
                    self.lock = os.open(self.path, os.O_CREAT | os.O_EXCL)

                def handle(self, request):
                    self.count += 1
                    return self.count

                def get_reload_state(self):
                    return {"count": self.count}

                def set_reload_state(self, state):
                    self.count = state["count"]

                def health_check(self):
                    return self.lock is not None

                def stop(self):
                    if self.lock is not None:
                        os.close(self.lock)
                        os.remove(self.path)
                        self.lock = None
        """
    },
    PluginSubject(config=lambda folder: {"lock": str(folder / "lock")}, exercise=_count),
)

CAREFUL = correct(
    "careful",
    {
        "careful.py": """
            class Careful:
                version = "2.0"
                config_schema = {
                    "type": "object",
                    "properties": {"step": {"type": "integer"}, "unit": {"type": "string"}},
                    "required": ["step"],
                    "additionalProperties": False,
                }

                def __init__(self, config):
                    if "step" not in config:
                        raise ValueError("step: is missing")
                    for key, value in config.items():
                        wanted = {"step": int, "unit": str}.get(key)
                        if wanted is None:
                            raise ValueError(f"{key}: there is no such key")
                        if not isinstance(value, wanted):
                            raise ValueError(f"{key}: must be {wanted.__name__}, not {value!r}")
                    self.step, self.count = config["step"], 0

                def handle(self, request):
                    self.count += self.step
                    return self.count

                def get_reload_state(self):
                    return {"count": self.count}

                def set_reload_state(self, state):
                    if not isinstance(state, dict):
                        raise ValueError(f"a state is a dict, not {state!r}")
                    count = state.get("count", state.get("total", 0))  # "total": until 1.9
                    if not isinstance(count, int):
                        raise ValueError(f"count: must be int, not {count!r}")
                    self.count = count
        """,
        "states/1.9.json": """
            {"total": 7}
        """,
    },
    PluginSubject(config={"step": 2, "unit": "m"}, exercise=_count, recorded=["states"]),
)

SENDING = correct(
    "sending",
    {
        "sending.py": """
            import asyncio
            import json

            class Sending:
                version = "1.0"

                def __init__(self, config):
                    self.path, self.batch = config["path"], []
                    self.lock, self.sending = asyncio.Lock(), None

                async def start(self):
                    self.sending = asyncio.create_task(self.send_again_and_again())

                async def send_again_and_again(self):
                    while True:
                        await asyncio.sleep(1)
                        await self.flush()

                def write(self, event):
                    self.batch.append(event)

                async def flush(self):
                    async with self.lock:  # also where there is nothing: some may be on its way
                        batch, self.batch = self.batch, []
                        if batch:
                            await asyncio.sleep(0.01)
                            with open(self.path, "a") as file:
                                file.writelines(json.dumps(event) + "\\n" for event in batch)

                async def get_reload_state(self):
                    await self.flush()
                    return {}

                def set_reload_state(self, state):
                    pass

                async def stop(self):
                    sending, self.sending = self.sending, None
                    if sending is not None:
                        sending.cancel()
                        await asyncio.wait({sending})
        """
    },
    PluginSubject(config=lambda folder: {"path": str(folder / "lines")}, observe=lines),
)

STARTING = correct(
    "starting",
    {
        "starting.py": """
            import asyncio
            import os

            class Starting:
                version = "1.0"
                swap_policy = "stop-first"

                def __init__(self, config):
                    self.lock, self.files, self.locked = config["lock"], [], False
                    self.opening = []

                async def start(self):
                    work = (self.open(0.01), self.open(0.02), self.make())
                    # Kept: where one of them fails, gather() lets the others go on.
                    self.opening = [asyncio.create_task(each) for each in work]
                    await asyncio.gather(*self.opening)
                    await asyncio.sleep(0)

                async def open(self, seconds):
                    await asyncio.sleep(seconds)
                    # Here, and not by what gather() gives: that may be given to nobody.
                    self.files.append(os.open("/dev/null", os.O_WRONLY))

                async def make(self):
                    os.close(os.open(self.lock, os.O_CREAT | os.O_EXCL))
                    self.locked = True
                    await asyncio.sleep(0.01)

                def handle(self, request):
                    return len(self.files)

                async def stop(self):
                    opening, self.opening = self.opening, []
                    for each in opening:
                        each.cancel()
                    files, self.files = self.files, []
                    for each in files:
                        os.close(each)
                    locked, self.locked = self.locked, False
                    if locked:
                        os.remove(self.lock)
        """
    },
    PluginSubject(config=lambda folder: {"lock": str(folder / "lock")}),
)

CORRECT_PLUGINS: tuple[CorrectPlugin, ...] = (
    CAREFUL,
    MINIMAL,
    CLASS,
    REGISTER,
    FACTORY,
    PACKAGE,
    STOP_FIRST,
    SENDING,
    STARTING,
    *STYLES,
)
