"""A correct host: asynchronous, blue-green, small. Specimens break one step of it each.

Every step of the reload is a method of its own, so that a specimen overrides just
the one that its bug is about.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import hashlib
import itertools
import json
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from hot_reload_conformance.adapter import (
    ALL_STAGES,
    Claim,
    Event,
    HostAdapter,
    PluginSpec,
    Ports,
    Reply,
)


class HostError(Exception):
    """An operation that was refused or failed; names the plugin and the stage."""


class Generation:
    """One loaded version: its module, its plugin object, what it was loaded from."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.module_name = f"{name.replace('/', '.')}@{number}"
        self.plugin: Any = None
        self.enabled = True
        self.calls = 0
        self.sha256 = ""
        self.carried = False
        self.idle = asyncio.Event()
        self.idle.set()


class BlueGreenHost:
    """Plugins are classes named ``Plugin`` in a module; hooks are coroutine methods."""

    def __init__(self, root: Path, ports: Ports) -> None:
        self.root = root
        self.ports = ports
        self.live: dict[str, Generation] = {}
        self.numbers = itertools.count(1)
        self.locks: dict[str, asyncio.Lock] = {}
        self.gates: dict[str, list[Event]] = {}
        self.opened: dict[str, asyncio.Event] = {}
        # Producers may be threads: no swap while an event is on its way into the sinks.
        self.delivering = threading.RLock()
        self.busy: set[str] = set()
        self.membership = asyncio.Lock()
        self.lazy: set[str] = set()
        self.loading: dict[str, asyncio.Task[None]] = {}

    # Operations

    async def load(self, name: str) -> None:
        async with self.lock(name):
            await self.load_locked(name)

    async def load_locked(self, name: str) -> None:
        if name in self.live:
            raise HostError(f"load of {name!r} refused: it is loaded already")
        new = await self.prepare(name, None)
        self.live[name] = new
        self.lazy.discard(name)

    async def unload(self, name: str) -> None:
        async with self.lock(name), self.membership:
            old = self.known(name, "unload")
            self.guard_last_sink(name, "unload")
            with self.delivering:
                del self.live[name]
            await self.retire(old)

    async def reload(self, name: str) -> list[str]:
        if name in self.busy and self.inside(name):
            raise HostError(f"reload of {name!r} refused: it was asked for from its own hook")
        async with self.lock(name):
            old = self.known(name, "reload")
            self.busy.add(name)
            token = _inside.set(name)
            try:
                try:
                    new = await self.prepare(name, old)
                    self.commit(name, new)
                except BaseException:
                    await self.roll_back(name, old)
                    raise
                # The old one's last hooks are the plugin's own hooks too: still inside.
                return await self.retire(old)
            finally:
                self.busy.discard(name)
                _inside.reset(token)

    async def call(self, event: Event | None) -> list[str]:
        replies: list[str] = []
        for name in list(self.live):
            while name in self.gates:  # its state is on the way to the new generation
                await self.opened[name].wait()
            generation = self.live.get(name)
            if generation and generation.enabled and not generation.plugin.is_sink:
                replies += await self.answer(generation, event)
        return replies

    async def use(self, name: str, event: Event | None) -> str:
        if name in self.lazy:
            await self.first_load(name)
        return (await self.answer(self.known(name, "use"), event))[0]

    async def first_load(self, name: str) -> None:
        """One load for all who wait for it, and its error too."""
        task = self.loading.get(name)
        if task is None:
            task = self.loading[name] = asyncio.ensure_future(self.load(name))
            task.add_done_callback(lambda _: self.loading.pop(name))
        await asyncio.shield(task)

    def emit(self, event: Event) -> bool:
        with self.delivering:
            sinks = [g for g in list(self.live.values()) if g.enabled and g.plugin.is_sink]
            for generation in sinks:
                self.deliver(generation, event)
        return bool(sinks)

    def deliver(self, generation: Generation, event: Event) -> None:
        gate = self.gates.get(generation.name)
        if gate is not None:
            gate.append(event)
            return
        try:
            generation.plugin.write(event)
        except Exception:
            self.isolated(generation)

    def isolated(self, generation: Generation) -> None:
        """A sink that raises costs its siblings nothing."""

    async def enable(self, name: str) -> None:
        self.known(name, "enable").enabled = True

    async def disable(self, name: str) -> None:
        old = self.known(name, "disable")
        self.guard_last_sink(name, "disable")
        old.enabled = False

    # The steps of a reload, in their order

    async def prepare(self, name: str, old: Generation | None) -> Generation:
        source = self.read(name)
        new = Generation(name, next(self.numbers))
        try:
            await self.build(new, source)
            if old is None:
                await self.hook(new, "setup")
            await self.hook(new, "start")
            if old is not None:
                new.enabled = old.enabled
                await self.hand_over(old, new)
            await self.check_health(new)
            if old is not None:
                await self.hook(new, "on_reload")
        except BaseException:
            await self.release_half_made(new)
            raise
        return new

    def read(self, name: str) -> dict[str, bytes]:
        """The bytes of the plugin's files, each read once; the main one first."""
        main = self.root / f"{name}.py"
        package = self.root / name / "__init__.py"
        path = package if package.is_file() else main
        try:
            files = {"": path.read_bytes()}
            if path is package:
                for each in sorted(package.parent.glob("*.py")):
                    if each != package:
                        files[each.stem] = each.read_bytes()
        except OSError as error:
            raise HostError(f"{name!r} failed at read: {error}") from error
        if not files[""].strip():
            raise HostError(f"{name!r} failed at read: {path} is empty")
        return files

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        new.sha256 = hashlib.sha256(files[""]).hexdigest()
        for part in reversed(list(files)):
            self.execute(new, part, files)
        module = sys.modules[new.module_name]
        classes = [each for key, each in vars(module).items() if key.startswith("Plugin")]
        if len(classes) != 1:
            raise HostError(
                f"{new.name!r} failed at plugin: its module has {len(classes)} plugin classes"
            )
        if not getattr(classes[0], "version", None):
            raise HostError(f"{new.name!r} failed at metadata: no version")
        try:
            new.plugin = classes[0]()
        except BaseException as error:
            raise self.failed(new, "construct", error) from error

    def execute(self, new: Generation, part: str, files: Mapping[str, bytes]) -> None:
        name = f"{new.module_name}.{part}" if part else new.module_name
        package = len(files) > 1
        path = self.root / (f"{new.name}/{part or '__init__'}.py" if package else f"{new.name}.py")
        try:
            code = compile(files[part], str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            raise HostError(f"{new.name!r} failed at syntax: {error} ({path}:{line})") from error
        module = ModuleType(name)
        module.__file__ = str(path)
        module.__package__ = new.module_name if len(files) > 1 else ""
        if len(files) > 1 and not part:
            module.__path__ = []
        sys.modules[name] = module
        if part:
            return self.late(new, module, code)
        try:
            self.run(new, module, code)
        except BaseException as error:
            raise self.failed(new, "import", error) from error

    def run(self, new: Generation, module: ModuleType, code: Any) -> None:
        exec(code, module.__dict__)

    def late(self, new: Generation, module: ModuleType, code: Any) -> None:
        """A module of a package runs before the package's own: the rendered ones need no more."""
        try:
            exec(code, module.__dict__)
        except BaseException as error:
            raise self.failed(new, "import", error) from error

    async def hand_over(self, old: Generation, new: Generation) -> None:
        if not hasattr(old.plugin, "get_reload_state") or not hasattr(
            new.plugin, "set_reload_state"
        ):
            return
        self.close_gate(old.name)
        await self.drain(old)
        state = await self.hook(old, "get_reload_state")
        try:
            carried = self.carried(state)
        except Exception as error:
            raise HostError(
                f"{old.name!r} failed at get_reload_state: the state cannot be carried, "
                f"{_path_to_uncopyable(state)}: {error}"
            ) from error
        await self.hook(new, "set_reload_state", carried)
        new.carried = True

    def carried(self, state: Any) -> Any:
        json.dumps(state, default=_plain)
        return copy.deepcopy(state)

    async def check_health(self, new: Generation) -> None:
        if await self.hook(new, "health_check") is False:
            raise HostError(f"{new.name!r} failed at health_check: it says that it is not healthy")

    def commit(self, name: str, new: Generation) -> None:
        with self.delivering:
            self.live[name] = new
            self.open_gate(name, new)

    async def roll_back(self, name: str, old: Generation) -> None:
        self.open_gate(name, old)

    def close_gate(self, name: str) -> None:
        """From here to the commit nothing may change the old generation's state."""
        with self.delivering:
            self.gates[name] = []
            self.opened[name] = asyncio.Event()

    def open_gate(self, name: str, generation: Generation) -> None:
        with self.delivering:
            for event in self.gates.pop(name, []):
                self.deliver(generation, event)
        if name in self.opened:
            self.opened.pop(name).set()

    async def drain(self, old: Generation) -> None:
        """Wait for the calls in flight, within the deadline."""
        try:
            async with asyncio.timeout(self.ports.drain_deadline_seconds):
                await old.idle.wait()
        except TimeoutError:
            pass

    async def retire(self, old: Generation) -> list[str]:
        """Drain, flush, stop, teardown: each guarded, each once; failures are warnings."""
        await self.drain(old)
        warnings: list[str] = []
        for what in ("flush", "stop", "teardown"):
            try:
                await self.hook(old, what)
            except HostError as error:
                warnings.append(str(error))
        self.forget(old)
        return warnings

    async def release_half_made(self, new: Generation) -> None:
        if new.plugin is not None:
            with contextlib.suppress(HostError):  # the first failure is the one to tell
                await self.hook(new, "stop")
        self.forget(new)

    def forget(self, generation: Generation) -> None:
        top = generation.module_name
        for name in [each for each in sys.modules if each == top or each.startswith(f"{top}.")]:
            del sys.modules[name]
        generation.plugin = None

    # Pieces

    async def hook(self, generation: Generation, what: str, *arguments: Any) -> Any:
        """Call a hook under its deadline; one that swallows its cancellation is left behind."""
        method = getattr(generation.plugin, what, None)
        if method is None:
            return None

        async def contained() -> tuple[Any, BaseException | None]:
            try:
                return await method(*arguments), None
            except BaseException as error:
                return None, error

        task = asyncio.ensure_future(contained())
        try:
            done, _ = await asyncio.wait({task}, timeout=self.ports.hook_deadline_seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            raise HostError(f"{generation.name!r} failed at {what}: it did not end in time")
        value, error = task.result()
        if error is not None:
            raise self.failed(generation, what, error) from error
        return value

    def failed(self, generation: Generation, stage: str, error: BaseException) -> HostError:
        try:
            text = str(error)
        except Exception:
            text = "(no text)"
        place = ""
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename.startswith(f"{self.root}/"):
                place = f" ({frame.f_code.co_filename}:{line})"
        return HostError(
            f"{generation.name!r} failed at {stage}: {type(error).__name__}: {text}{place}"
        )

    async def answer(self, generation: Generation, event: Event | None) -> list[str]:
        generation.calls += 1
        generation.idle.clear()
        try:
            return [await handler(event) for handler in generation.plugin.handlers()]
        finally:
            generation.calls -= 1
            if not generation.calls:
                generation.idle.set()

    def known(self, name: str, operation: str) -> Generation:
        if name not in self.live:
            raise HostError(f"{operation} of {name!r} refused: no such plugin")
        return self.live[name]

    def lock(self, name: str) -> asyncio.Lock:
        return self.locks.setdefault(name, asyncio.Lock())

    def inside(self, name: str) -> bool:
        return _inside.get() == name

    def guard_last_sink(self, name: str, operation: str) -> None:
        sinks = [n for n, g in self.live.items() if g.plugin.is_sink and g.enabled]
        if sinks == [name]:
            raise HostError(f"{operation} of {name!r} refused: it is the last sink")


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, set, frozenset, tuple, complex)):
        return repr(value)
    raise TypeError(f"a {type(value).__name__}")


def _path_to_uncopyable(value: Any, path: str = "$", above: tuple[int, ...] = ()) -> str:
    if id(value) in above:
        return path  # a cycle
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, each in items:
        try:
            json.dumps(each, default=_plain)
        except Exception:
            return _path_to_uncopyable(each, f"{path}[{key!r}]", (*above, id(value)))
    return path


_inside: contextvars.ContextVar[str | None] = contextvars.ContextVar("inside", default=None)


class BlueGreenAdapter(HostAdapter):
    """The adapter of ``BlueGreenHost``; a specimen sets ``host_class``."""

    name = "blue-green"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.BLUE_GREEN,
            Claim.STATE,
            Claim.SINKS,
            Claim.EXACTLY_ONCE,
            Claim.ENABLE,
            Claim.LAZY,
            Claim.THREADS,
            Claim.TIMEOUTS,
            Claim.VALIDATE,
        }
    )
    stages = ALL_STAGES
    host_class: type[BlueGreenHost] = BlueGreenHost

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.host = self.host_class(workdir, ports)

    async def close(self) -> None:
        for generation in list(self.host.live.values()):
            self.host.forget(generation)
        self.host.live.clear()

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        return {f"{spec.ref}.py": render_class(spec)}

    async def load(self, ref: str) -> Reply | bool | None:
        await self.host.load(ref)
        return None

    async def reload(self, ref: str) -> Reply | bool | None:
        warnings = tuple(await self.host.reload(ref))
        carried = self.host.known(ref, "status").carried
        return Reply(ok=True, warnings=warnings, state_carried=carried)

    async def unload(self, ref: str) -> Reply | bool | None:
        await self.host.unload(ref)
        return None

    async def call(self, event: Event | None = None) -> list[str]:
        return await self.host.call(event)

    async def snapshot(self) -> Mapping[str, object]:
        return {"live": sorted(self.host.live), "gates": len(self.host.gates)}

    async def emit(self, event: Event) -> bool | None:
        return self.host.emit(event)

    async def enable(self, ref: str) -> Reply | bool | None:
        await self.host.enable(ref)
        return None

    async def disable(self, ref: str) -> Reply | bool | None:
        await self.host.disable(ref)
        return None

    async def register_lazy(self, ref: str) -> Reply | bool | None:
        self.host.lazy.add(ref)
        return None

    async def use(self, ref: str, event: Event | None = None) -> str:
        return await self.host.use(ref, event)

    async def validated_sha256(self, ref: str) -> str:
        return self.host.known(ref, "status").sha256


def render_class(spec: PluginSpec) -> str:
    """A plugin as a class ``Plugin`` with coroutine hooks; two of them for ``copies=2``."""
    handlers = ", ".join(
        f"lambda event=None: self.p.areply(event, {handler!r})" for handler in spec.handlers
    )
    hooks = ["setup", "start", "on_reload", "flush", "stop", "teardown"]
    lines = [
        "from hot_reload_conformance import probe",
        f"P = probe.attach({spec.name!r}, {spec.version!r})",
    ]
    for number in range(spec.copies):
        lines += [
            f"class {'Base' if spec.inherited else 'Plugin'}{number or ''}:",
            f"    version = {spec.version!r}" if spec.metadata else "    pass",
            f"    is_sink = {spec.sink}",
            "    def __init__(self): self.p = P.construct(self)",
            f"    def handlers(self): return [{'' if spec.sink else handlers}]",
            "    def write(self, event): self.p.receive(event)",
            "    async def health_check(self):",
            "        await self.p.ahook('health_check')",
            "        return self.p.recording.health.get((self.p.plugin, self.p.version), True)",
        ]
        for hook in hooks:
            lines.append(f"    async def {hook}(self): await self.p.ahook({hook!r})")
        if spec.state:
            lines += [
                "    async def get_reload_state(self): return self.p.get_state()",
                "    async def set_reload_state(self, state): self.p.set_state(state)",
            ]
        if spec.inherited:
            lines.append(f"class Plugin{number or ''}(Base{number or ''}): pass")
    return "\n".join(lines) + "\n"
