"""A correct host of another design: a generation is one coroutine, in a task of its own.

A plugin is ``async def plugin(scope)``: what stands before ``await scope.serve(handlers)``
is its start, what stands in the ``finally`` behind it is its stop, and what it spawns
belongs to the scope. So each live plugin keeps a task running, and a stop cannot run before
a start has let go. A plugin that asks for an operation which would have to wait is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports, Reply

Handler = Callable[[Event | None], Awaitable[str]]

_asking: contextvars.ContextVar[str | None] = contextvars.ContextVar("asking", default=None)
"""The plugin whose code runs."""


class NurseryError(Exception):
    """An operation that failed or was refused."""


class Scope:
    """What one generation is given: where it says that it is up, and what it spawns by."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.down = asyncio.Event()
        self.handlers: Sequence[Handler] = ()
        self.children: set[asyncio.Task[Any]] = set()
        self.calls = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self.warnings: list[str] = []
        self.closing = False
        self.task: asyncio.Task[None] | None = None

    async def serve(self, handlers: Sequence[Handler]) -> None:
        """The plugin is up, and stays so until this returns."""
        self.handlers = handlers
        if not self.up.done():
            self.up.set_result(None)
        await self.down.wait()

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of the plugin's, ended with it."""
        if self.closing:
            coroutine.close()
            raise NurseryError(f"the scope of {self.name!r} is closing")
        task = asyncio.get_running_loop().create_task(coroutine)
        self.children.add(task)
        task.add_done_callback(self.children.discard)
        return task

    async def run(self, plugin: Callable[[Scope], Awaitable[None]]) -> None:
        """The generation's task: ``plugin``, then the end of its children."""
        _asking.set(self.name)
        try:
            await plugin(self)
            ended = "it returned before it was up"
        except BaseException as error:
            ended = told(error)
            if self.up.done() and str(error):
                self.warnings.append(f"stop of {self.name!r} failed: {ended}")
        if not self.up.done():
            self.up.set_exception(NurseryError(ended))
        self.closing = True
        while self.children:
            for child in self.children:
                child.cancel()
            await asyncio.wait(set(self.children))


class NurseryHost:
    """Operations on one plugin come one behind the other; those on others go on meanwhile."""

    def __init__(self, root: Path, ports: Ports) -> None:
        self.root, self.ports = root, ports
        self.live: dict[str, Scope] = {}
        self.locks: dict[str, asyncio.Lock] = {}
        self.running: set[asyncio.Task[Any]] = set()
        self.closed = False

    async def load(self, name: str) -> Reply:
        async def job() -> Reply:
            if name in self.live:
                raise NurseryError(f"{name!r} is loaded already")
            self.live[name] = await self.begin(name)
            return Reply(ok=True)

        return await self.serially(name, job)

    async def reload(self, name: str) -> Reply:
        async def job() -> Reply:
            old = self.known(name)
            self.live[name] = await self.begin(name)
            return await self.finish(old)

        return await self.serially(name, job)

    async def unload(self, name: str) -> Reply:
        async def job() -> Reply:
            old = self.known(name)
            del self.live[name]
            return await self.finish(old)

        return await self.serially(name, job)

    async def call(self, event: Event | None) -> list[str]:
        replies: list[str] = []
        for name, scope in list(self.live.items()):
            scope.calls += 1
            scope.idle.clear()
            asking = _asking.set(name)
            try:
                for handler in scope.handlers:
                    replies.append(await handler(event))
            finally:
                _asking.reset(asking)
                scope.calls -= 1
                if not scope.calls:
                    scope.idle.set()
        return replies

    async def close(self) -> None:
        self.closed = True
        others = self.running - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=4 * self.ports.hook_deadline_seconds)
        for scope in list(self.live.values()):
            await self.quit(scope)
        self.live.clear()

    def known(self, name: str) -> Scope:
        if name not in self.live:
            raise NurseryError(f"no plugin {name!r}; there are {sorted(self.live)}")
        return self.live[name]

    async def serially(self, name: str, job: Callable[[], Awaitable[Reply]]) -> Reply:
        lock = self.locks.setdefault(name, asyncio.Lock())
        if self.closed:
            raise NurseryError(f"{name!r}: the host is closed")
        if _asking.get() is not None and (_asking.get() == name or lock.locked()):
            raise NurseryError(f"{name!r} is busy: refused, a plugin asks for it from within")
        task = asyncio.current_task()
        assert task is not None
        self.running.add(task)
        try:
            async with lock:
                return await job()
        finally:
            self.running.discard(task)

    async def begin(self, name: str) -> Scope:
        """A new generation that is up; one that fails has ended when this raises."""
        plugin = self.plugin_of(name)
        scope = Scope(name)
        scope.task = asyncio.get_running_loop().create_task(scope.run(plugin), name=name)
        try:
            await asyncio.wait({scope.up}, timeout=self.ports.hook_deadline_seconds)
        except asyncio.CancelledError:
            await self.quit(scope)
            raise
        if not scope.up.done():
            scope.up.set_exception(NurseryError("it took too long"))
            await self.quit(scope)
        error = scope.up.exception()
        if error is None:
            return scope
        await asyncio.wait({scope.task}, timeout=self.ports.hook_deadline_seconds)
        raise NurseryError(f"plugin {name!r} failed at start: {error}")

    def plugin_of(self, name: str) -> Callable[[Scope], Awaitable[None]]:
        path, stage = self.root / f"{name}.py", "read"
        try:
            source = path.read_bytes()
            stage = "syntax"
            code = compile(source, str(path), "exec", dont_inherit=True)
            stage, names = "import", dict[str, Any]()
            exec(code, names)
            stage = "plugin"
            if "plugin" not in names:
                raise NurseryError("no coroutine function plugin(scope) in it")
            return names["plugin"]  # type: ignore[no-any-return]
        except BaseException as error:
            why = f"plugin {name!r} failed at {stage}: {told(error)} ({path}{line(error, path)})"
            raise NurseryError(why) from None

    async def finish(self, old: Scope) -> Reply:
        """Let the old generation answer whom it is answering, then end it."""
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(old.idle.wait(), self.ports.drain_deadline_seconds)
        finally:  # nobody else knows of it any more
            warnings = await self.quit(old)
        return Reply(ok=True, warnings=tuple(warnings))

    async def quit(self, scope: Scope) -> list[str]:
        """End a generation, within bounds, whoever cancels meanwhile."""

        async def end(task: asyncio.Task[None]) -> None:
            scope.down.set()
            if not scope.up.done() or scope.up.exception() is not None:
                task.cancel()
            seconds = self.ports.hook_deadline_seconds
            if not (await asyncio.wait({task}, timeout=seconds))[0]:
                scope.warnings.append(f"stop of {scope.name!r} took longer than {seconds:g} s")
                task.cancel()
                await asyncio.wait({task}, timeout=seconds)

        assert scope.task is not None
        ending = asyncio.get_running_loop().create_task(end(scope.task))
        cancelled = False
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError
        return scope.warnings


def told(error: BaseException) -> str:
    """``error`` and what it came from, in words; nothing that holds its traceback."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:
        text = type(error).__name__
    return text if error.__context__ is None else f"{text}, after {told(error.__context__)}"


def line(error: BaseException, path: Path) -> str:
    """``:7``, where ``error`` was raised in ``path``."""
    found = error.lineno if isinstance(error, SyntaxError) else None
    at = error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename == str(path):
            found = at.tb_lineno
        at = at.tb_next
    return f":{found}" if found else ""


PLUGIN = """
from hot_reload_conformance import probe
P = probe.attach({spec.name!r}, {spec.version!r})
class Instance:
    def __init__(self): self.p = P.construct(self)
async def plugin(scope):
    p = Instance().p
    try:
        await p.ahook("start")
        {background}
        await scope.serve([lambda e, h=h: p.areply(e, h) for h in {spec.handlers!r}])
    finally:
        await p.ahook("stop")
"""


class NurseryAdapter(HostAdapter):
    name = "nursery"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.BLUE_GREEN,
            Claim.OWNERSHIP,
            Claim.CANCEL,
            Claim.TIMEOUTS,
        }
    )
    stages = ("read", "syntax", "import", "plugin", "start")
    hook_order = ("new construct", "new start", "old stop")
    host_class: type[NurseryHost] = NurseryHost

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.host = self.host_class(workdir, ports)

    async def close(self) -> None:
        await self.host.close()

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        own = "scope.spawn(p.background(scope.spawn))" if spec.background else "pass"
        return {f"{spec.ref}.py": PLUGIN.format(spec=spec, background=own)}

    async def load(self, ref: str) -> Reply:
        return await self.host.load(ref)

    async def reload(self, ref: str) -> Reply:
        return await self.host.reload(ref)

    async def unload(self, ref: str) -> Reply:
        return await self.host.unload(ref)

    async def call(self, event: Event | None = None) -> list[str]:
        return await self.host.call(event)

    async def snapshot(self) -> Mapping[str, object]:
        return {"live": sorted(self.host.live)}
