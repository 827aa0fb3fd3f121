"""A correct host of another design: a thread for each generation of a plugin.

The module, the hooks and the handlers of a generation run in its own thread and nowhere else.
A reload starts the next thread, and once the new one has started, its name means the new one.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.specimens.copy_on_write_host import Failed

_PATIENCE_SECONDS = 5.0


class Worker(threading.Thread):
    """One generation, and the thread that everything of it runs in."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name=f"plugin {name}", daemon=True)
        self.plugin = name
        self.path = path
        self.names: dict[str, Any] = {}
        self._jobs: queue.SimpleQueue[tuple[Callable[..., Any], Any, Future[Any]] | None]
        self._jobs = queue.SimpleQueue()
        self.start()

    def run(self) -> None:
        while (job := self._jobs.get()) is not None:
            do, argument, done = job
            try:
                done.set_result(do(argument))
            except BaseException as error:
                done.set_exception(error)
            del job, do, argument, done  # nothing is to be held while it waits

    def ask(self, do: Callable[..., Any], argument: Any = None) -> Any:
        """What ``do`` gives or raises, run in this thread."""
        done: Future[Any] = Future()
        self._jobs.put((do, argument, done))
        return done.result(_PATIENCE_SECONDS)

    def begin(self, _: Any) -> None:
        """Run the module and its start; in this thread.

        Raises:
            Failed: it did not come to an end well; stop has run where start had begun.
        """
        stage = "read"
        try:
            source = self.path.read_bytes()
            stage = "syntax"
            code = compile(source, str(self.path), "exec", dont_inherit=True)
            stage = "import"
            exec(code, self.names)
            stage = "plugin"
            if "on_message" not in self.names:
                raise LookupError("there is no on_message in it")
            stage = "start"
            self.names["start"]()
        except BaseException as error:
            if stage == "start":
                self.finish(None)
            raise Failed(self.plugin, stage, error, self.path) from None

    def finish(self, _: Any) -> str:
        """Run the stop; gives what went wrong in it. In this thread."""
        try:
            self.names["stop"]()
        except BaseException as error:
            return str(Failed(self.plugin, "stop", error, self.path))
        return ""

    def end(self) -> None:
        self._jobs.put(None)
        self.join()


class ThreadHost:
    """Blocks until an operation has ended; for any thread but a plugin's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live: dict[str, Worker] = {}
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def load(self, name: str) -> None:
        with self._locks[name]:
            if name in self.live:
                raise Failed(name, "load", ValueError("it is loaded already"))
            self.live[name] = self._begun(name)

    def reload(self, name: str) -> list[str]:
        with self._locks[name]:
            self._known(name)
            new = self._begun(name)
            old, self.live[name] = self.live[name], new
            return self._ended(old)

    def unload(self, name: str) -> list[str]:
        with self._locks[name]:
            self._known(name)
            return self._ended(self.live.pop(name))

    def send(self, event: Event | None) -> list[str]:
        workers = list(self.live.values())
        return [r for each in workers for r in each.ask(each.names["on_message"], event)]

    def close(self) -> None:
        for name in list(self._locks):  # also those whose load is under way: it ends first
            with self._locks[name]:
                if name in self.live:
                    self._ended(self.live.pop(name))

    def _begun(self, name: str) -> Worker:
        worker = Worker(name, self.folder / f"{name}.py")
        try:
            worker.ask(worker.begin)
        except BaseException:
            worker.end()
            raise
        return worker

    def _ended(self, worker: Worker) -> list[str]:
        warning = worker.ask(worker.finish)
        worker.end()
        return [warning] if warning else []

    def _known(self, name: str) -> None:
        if name not in self.live:
            raise Failed(name, "look-up", LookupError(f"there are {sorted(self.live)}"))


class ThreadAdapter(HostAdapter):
    """The adapter of ``ThreadHost``: whatever blocks goes into another thread."""

    name = "thread"
    claims = frozenset({Claim.RELOAD, Claim.UNLOAD, Claim.HOOKS, Claim.BLUE_GREEN, Claim.SNAPSHOT})
    stages = ("read", "syntax", "import", "plugin", "start")
    hook_order = ("new start", "old stop")

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.host = ThreadHost(workdir)

    async def close(self) -> None:
        await asyncio.to_thread(self.host.close)

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        replies = f"[P.reply(event, h) for h in {spec.handlers!r}]"
        lines = [
            "from hot_reload_conformance import probe",
            f"P = probe.attach({spec.name!r}, {spec.version!r})",
            *(f"def {hook}(): P.hook({hook!r})" for hook in ("start", "stop")),
            f"def on_message(event): return {replies}",
        ]
        return {f"{spec.ref}.py": "\n".join(lines) + "\n"}

    async def load(self, ref: str) -> None:
        await asyncio.to_thread(self.host.load, ref)

    async def reload(self, ref: str) -> Reply:
        return Reply(ok=True, warnings=tuple(await asyncio.to_thread(self.host.reload, ref)))

    async def unload(self, ref: str) -> Reply:
        return Reply(ok=True, warnings=tuple(await asyncio.to_thread(self.host.unload, ref)))

    async def call(self, event: Event | None = None) -> list[str]:
        return await asyncio.to_thread(self.host.send, event)

    async def snapshot(self) -> Mapping[str, object]:
        return {"live": sorted(self.host.live)}
