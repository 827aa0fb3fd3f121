"""How long a reload takes, in CPU time, beside the floor and beside what others do.

The floor reads the bytes, compiles what changed and executes it, and nothing else: no
rollback, no state, no hooks, no record of what was done. Each contender is asked for its
answer after every turn, untimed: the column "live" says how often it was the new code's.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tests.benchmarks.contest import Measured, contest
from tests.benchmarks.table import Table
from tests.benchmarks.workloads import WORKLOADS

ROUNDS, WARM_UP = 200, 20


class Reloader:
    """A contender: writes the next version, times its reload, and asks what answers."""

    label = ""
    install = ""

    def __init__(self, folder: Path, workload: str) -> None:
        self.folder = folder
        self.make = WORKLOADS[workload]
        self.path = folder / ("counter" if workload == "package" else "counter.py")
        self.loop = asyncio.new_event_loop()
        self.write(0)
        sys.path.insert(0, str(folder))
        self.open()

    def write(self, version: int) -> None:
        for name, text in self.make(version).items():
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
                # Seconds apart, as a person's saves are: importlib would call them unchanged.
                os.utime(path, (1_000_000_000 + version * 5,) * 2)

    def turn(self, number: int) -> dict[str, float]:
        self.write(number)
        spent = self.timed(self.reload)
        found = {"reload": spent, "live": float(self.answer() == number)}
        unchanged = getattr(self, "unchanged", None)
        if unchanged is not None:
            found["unchanged"] = self.timed(unchanged)
        return found

    def timed(self, act: Callable[[], Coroutine[Any, Any, object] | None]) -> float:
        """CPU seconds; of a coroutine without the start and the end of the loop around it."""
        began = time.process_time()
        waiting = act()
        if waiting is None:
            return time.process_time() - began
        return self.loop.run_until_complete(_timed(waiting))

    def open(self) -> None:
        raise NotImplementedError

    def reload(self) -> Coroutine[Any, Any, object] | None:
        raise NotImplementedError

    def answer(self) -> object:
        return sys.modules["counter"].Counter().handle(None)

    def close(self) -> None:
        self.loop.close()


async def _timed(waiting: Coroutine[Any, Any, object]) -> float:
    began = time.process_time()
    await waiting
    return time.process_time() - began


class Floor(Reloader):
    label = "floor: read, compile what changed, exec"

    def open(self) -> None:
        self.codes: dict[bytes, CodeType] = {}
        self.reload()

    def reload(self) -> None:
        paths = sorted(self.path.glob("*.py"), reverse=True) if self.path.is_dir() else [self.path]
        for path in paths:  # __init__.py is last: its submodules are there then
            with open(path, "rb") as file:
                data = file.read()
            code = self.codes.get(data)
            if code is None:
                code = self.codes[data] = compile(data, str(path), "exec", dont_inherit=True)
            name = "counter" if path.stem in ("counter", "__init__") else f"counter.{path.stem}"
            module = sys.modules[name] = ModuleType(name)
            module.__package__ = "counter"
            if name == "counter" and self.path.is_dir():
                module.__path__ = [str(self.path)]
            exec(code, module.__dict__)


class ThisProject(Reloader):
    """With a listener, as an audit trail is one: nothing is left out."""

    label = "this project"

    def open(self) -> None:
        from hot_reload import Engine

        logging.disable(logging.CRITICAL)  # nobody listens to it here, nor to the others'
        self.engine = Engine()
        self.heard = 0
        self.loop.run_until_complete(self.engine.__aenter__())
        self.engine.listen(self._hear)
        self.loop.run_until_complete(self.engine.load(self.path)).unwrap()

    def _hear(self, event: object) -> None:
        self.heard += 1

    def reload(self) -> Coroutine[Any, Any, object]:
        return self.engine.reload("counter")

    unchanged = reload

    def answer(self) -> object:
        (answer,) = self.loop.run_until_complete(self.engine.call(None))
        return answer

    def close(self) -> None:
        self.loop.run_until_complete(self.engine.close())
        super().close()


class Importlib(Reloader):
    label = "importlib.reload"

    def open(self) -> None:
        self.module = importlib.import_module("counter")

    def reload(self) -> None:
        self.module = importlib.reload(self.module)


class DiscordPy(Reloader):
    label = "discord.py reload_extension"
    install = "discord.py"

    def open(self) -> None:
        discord = importlib.import_module("discord")
        commands = importlib.import_module("discord.ext.commands")
        self.bot = commands.Bot(command_prefix="!", intents=discord.Intents.none())
        self.loop.run_until_complete(self.bot.load_extension("counter"))

    def reload(self) -> Coroutine[Any, Any, object]:
        reloading: Coroutine[Any, Any, object] = self.bot.reload_extension("counter")
        return reloading

    def answer(self) -> object:
        return self.bot.counter.handle(None)


class Autoreload(Reloader):
    label = "IPython autoreload"
    install = "ipython"

    def open(self) -> None:
        autoreload = importlib.import_module("IPython.extensions.autoreload")
        importlib.import_module("counter")
        self.reloader = autoreload.ModuleReloader()
        self.reloader.check(check_all=True)

    def reload(self) -> None:
        self.reloader.check(check_all=True)


class Jurigged(Reloader):
    label = "jurigged"
    install = "jurigged"

    def open(self) -> None:
        register = importlib.import_module("jurigged.register")
        importlib.import_module("counter")
        self.registry = register.Registry()
        self.edited = self.path / "part5.py" if self.path.is_dir() else self.path
        self.registry.prepare(
            "counter.part5" if self.path.is_dir() else "counter", str(self.edited)
        )
        self.registry.get(str(self.edited))

    def reload(self) -> None:
        self.registry.get(str(self.edited)).refresh()


CONTENDERS = (Floor, ThisProject, Importlib, DiscordPy, Autoreload, Jurigged)


def tables(scale: float = 1.0) -> list[Table]:
    return [
        _table(workload, title, max(3, int(ROUNDS * scale / (4 if workload == "big" else 1))))
        for workload, title in (
            ("small", "A module of 49 lines"),
            ("package", "A package, 1 of 10 submodules edited"),
            ("big", "A module of 2,000 lines"),
        )
    ]


def _table(workload: str, title: str, rounds: int) -> Table:
    names = [f"tests.benchmarks.reload:{each.__name__}" for each in CONTENDERS]
    found = contest(names, workload, rounds, min(WARM_UP, rounds))
    floor = found[0].median("reload")
    assert floor is not None
    rows = [_row(each, each.label, "reload", floor) for each in found]
    ours = found[1]
    rows.insert(2, _row(ours, "this project, nothing changed", "unchanged", floor))
    return Table(f"{title}, CPU", ("", "median ms", "x floor", "live"), rows)


def _row(measured: Measured, label: str, kind: str, floor: float) -> list[str]:
    median = measured.median(kind)
    if median is None:
        return [label, measured.missing, "", ""]
    live = measured.turns["live"]
    return [label, f"{median * 1000:.3f}", f"{median / floor:.2f}", f"{sum(live) / len(live):.0%}"]
