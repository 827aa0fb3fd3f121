"""A correct host of another design: synchronous, with state, and safe to use from any thread.

A plugin is a dict of functions, and ``plugins`` the one registry of them. Two re-entrant locks
hold it together: ``operating`` for one operation after the other, ``serving`` for events and
calls. New code is made, started and asked for its health while the old one serves; only while
state moves from one to the other do calls wait, until the registry has changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports, Reply

SCALARS = (type(None), bool, int, float, complex, str, bytes)
SIZE_LIMIT = 100_000
"""How many values a state may have."""


class Refused(Exception):
    """An operation was refused or failed; names the plugin, and the stage where there is one."""


@dataclass
class Entry:
    """One loaded version: its functions by name."""

    name: str
    sha256: str
    parts: dict[str, Any]
    enabled: bool = True
    carried: bool = False

    @property
    def is_sink(self) -> bool:
        return "write" in self.parts


class LockedHost:
    """Every method may be called from any thread; a plugin's own code may call and emit."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plugins: dict[str, Entry] = {}
        self.lost: Counter[str] = Counter()
        self.operating = threading.RLock()
        self.serving = threading.RLock()
        self.moving = ""
        """Whose state is on its way: only its own hooks could ask for it now."""
        self.under_way = False

    # Operations

    def load(self, name: str) -> None:
        with self.alone("load", name):
            if name in self.plugins:
                raise Refused(f"load of {name!r} refused: it is loaded already")
            new = self.made(name)
            with self.undone(new):
                self.begin(new, "setup", "start", "health_check")
            with self.serving:
                self.plugins[name] = new

    def reload(self, name: str) -> tuple[list[str], bool]:
        """Gives what the old one's end brought up, and whether state was carried."""
        with self.alone("reload", name):
            old, new = self.known("reload", name), self.made(name)
            with self.undone(new):
                self.begin(new, "start", "health_check")
                self.take_over(old, new)
            return self.ended(old), new.carried

    def take_over(self, old: Entry, new: Entry) -> None:
        with self.serving:
            self.moving = old.name
            try:
                self.carry(old, new)
                self.begin(new, "on_reload")
                if old.is_sink and not new.is_sink:
                    self.keep_last_sink(old.name)
                new.enabled = old.enabled
                self.plugins[old.name] = new
            finally:
                self.moving = ""

    def unload(self, name: str) -> list[str]:
        with self.alone("unload", name):
            old = self.known("unload", name)
            with self.serving:
                self.keep_last_sink(name)
                del self.plugins[name]
            return self.ended(old)

    def switch(self, name: str, enabled: bool) -> None:
        with self.serving:
            entry = self.known("enable" if enabled else "disable", name)
            if not enabled:
                self.keep_last_sink(name)
            entry.enabled = enabled

    # What is served

    def call(self, event: Event | None) -> list[str]:
        with self.serving:
            if self.moving:
                raise Refused(f"a call was refused: {self.moving!r} asked while its state moves")
            answering = [each for each in self.plugins.values() if each.enabled]
            return [h(event) for each in answering for h in each.parts.get("handlers", ())]

    def emit(self, event: Event) -> bool:
        with self.serving:
            sinks = [each for each in self.plugins.values() if each.enabled and each.is_sink]
            for each in sinks:
                try:
                    each.parts["write"](event)
                except Exception:
                    self.lost[each.name] += 1
            return bool(sinks)

    # Steps

    @contextlib.contextmanager
    def alone(self, operation: str, name: str) -> Iterator[None]:
        """One operation at a time; one that a plugin's own code asks for is refused."""
        with self.operating:
            if self.under_way:
                raise Refused(f"{operation} of {name!r} refused: a hook asked for it")
            self.under_way = True
            try:
                yield
            finally:
                self.under_way = False

    def made(self, name: str) -> Entry:
        path, stage, scope = self.root / f"{name}.py", "read", {"__name__": f"plugin {name}"}
        try:
            source = path.read_bytes()
            stage = "syntax"
            code = compile(source, str(path), "exec", dont_inherit=True)
            stage = "import"
            exec(code, scope)
            stage = "plugin"
            parts: Any = scope.get("PLUGIN")
            if not isinstance(parts, dict):
                raise LookupError(f"there is no dict PLUGIN in {path}, or it is empty")
        except BaseException as error:
            raise self.failed(name, stage, error) from error
        return Entry(name, hashlib.sha256(source).hexdigest(), dict(parts))

    @contextlib.contextmanager
    def undone(self, new: Entry) -> Iterator[None]:
        """Stop what is half made, whatever stands in its way."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(Refused):
                self.ran(new, "stop")
            raise

    def begin(self, new: Entry, *hooks: str) -> None:
        for hook in hooks:
            if self.ran(new, hook) is False:
                raise Refused(f"{new.name!r} failed at {hook}: it is not healthy")

    def carry(self, old: Entry, new: Entry) -> None:
        if "get_reload_state" not in old.parts or "set_reload_state" not in new.parts:
            return
        state = self.ran(old, "get_reload_state")
        try:
            copied = plain_copy(state)
        except ValueError as error:
            raise Refused(f"{old.name!r} failed at get_reload_state: {error}") from None
        self.ran(new, "set_reload_state", copied)
        new.carried = True

    def ended(self, old: Entry) -> list[str]:
        """Flush, stop and teardown, each whatever the others did; gives what went wrong."""
        warnings = []
        for hook in ("flush", "stop", "teardown"):
            try:
                self.ran(old, hook)
            except Refused as error:
                warnings.append(str(error))
        return warnings

    def ran(self, entry: Entry, hook: str, *arguments: Any) -> Any:
        function: Callable[..., Any] | None = entry.parts.get(hook)
        if function is None:
            return None
        try:
            return function(*arguments)
        except BaseException as error:
            raise self.failed(entry.name, hook, error) from error

    def keep_last_sink(self, name: str) -> None:
        sinks = [each.name for each in self.plugins.values() if each.enabled and each.is_sink]
        if sinks == [name]:
            raise Refused(f"{name!r} is the last sink, and has to stay")

    def known(self, operation: str, name: str) -> Entry:
        if name not in self.plugins:
            raise Refused(f"{operation} of {name!r} refused: there are {sorted(self.plugins)}")
        return self.plugins[name]

    def failed(self, name: str, stage: str, error: BaseException) -> Refused:
        try:
            text = str(error)
        except Exception:
            text = "(no text)"
        frames = [
            f" ({frame.f_code.co_filename}:{line})"
            for frame, line in traceback.walk_tb(error.__traceback__)
            if frame.f_code.co_filename.startswith(f"{self.root}/")
        ]
        place = "".join(frames[-1:])
        return Refused(f"{name!r} failed at {stage}: {type(error).__name__}: {text}{place}")


def plain_copy(state: Any) -> Any:
    """``state`` anew, down to its last value.

    Raises:
        ValueError: a value is no plain data; its path is named.
    """
    count = 0

    def copied(value: Any, path: str, above: tuple[int, ...]) -> Any:
        nonlocal count
        count += 1
        if count > SIZE_LIMIT:
            raise ValueError(f"the state cannot be carried, it is too large at {path}")
        if type(value) in SCALARS:
            return value
        if id(value) in above:
            raise ValueError(f"the state cannot be carried, {path} is a cycle")
        inside = (*above, id(value))
        if type(value) is dict:
            return {k: copied(v, f"{path}[{k!r}]", inside) for k, v in value.items()}
        if type(value) in (list, tuple, set, frozenset):
            kind = type(value)
            return kind(copied(each, f"{path}[{n}]", inside) for n, each in enumerate(value))
        raise ValueError(f"the state cannot be carried, {path} is a {type(value).__name__}")

    return copied(state, "$", ())


class LockedAdapter(HostAdapter):
    """The adapter of ``LockedHost``: coroutine methods that never await."""

    name = "locked"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.BLUE_GREEN,
            Claim.STATE,
            Claim.ENABLE,
            Claim.SINKS,
            Claim.EXACTLY_ONCE,
            Claim.THREADS,
            Claim.VALIDATE,
        }
    )
    stages = (
        "read",
        "syntax",
        "import",
        "plugin",
        "setup",
        "start",
        "get_reload_state",
        "set_reload_state",
        "health_check",
        "on_reload",
    )
    hook_order = (
        "new start",
        "new health_check",
        "old get_reload_state",
        "new set_reload_state",
        "new on_reload",
        "old flush",
        "old stop",
        "old teardown",
    )
    host_class: type[LockedHost] = LockedHost

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.host = self.host_class(workdir)

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        hooks = ["setup", "start", "on_reload", "flush", "stop", "teardown"]
        parts = [f"{hook!r}: lambda: P.hook({hook!r})" for hook in hooks]
        parts.append("'health_check': P.health_check")
        if spec.state:
            parts.append("'get_reload_state': P.get_state, 'set_reload_state': P.set_state")
        if spec.sink:
            parts.append("'write': P.receive")
        else:
            answers = [f"lambda event=None: P.reply(event, {each!r})" for each in spec.handlers]
            parts.append(f"'handlers': [{', '.join(answers)}]")
        lines = [
            "from hot_reload_conformance import probe",
            f"P = probe.attach({spec.name!r}, {spec.version!r})",
            "PLUGIN = {",
            *(f"    {part}," for part in parts),
            "}",
        ]
        return {f"{spec.ref}.py": "\n".join(lines) + "\n"}

    async def load(self, ref: str) -> None:
        self.host.load(ref)

    async def reload(self, ref: str) -> Reply:
        warnings, carried = self.host.reload(ref)
        return Reply(ok=True, warnings=tuple(warnings), state_carried=carried)

    async def unload(self, ref: str) -> Reply:
        return Reply(ok=True, warnings=tuple(self.host.unload(ref)))

    async def enable(self, ref: str) -> None:
        self.host.switch(ref, True)

    async def disable(self, ref: str) -> None:
        self.host.switch(ref, False)

    async def call(self, event: Event | None = None) -> list[str]:
        return self.host.call(event)

    async def emit(self, event: Event) -> bool:
        return self.host.emit(event)

    async def dropped(self) -> int:
        return self.host.lost.total()

    async def dropped_by_sink(self) -> Mapping[str, int]:
        return dict(self.host.lost)

    async def snapshot(self) -> Mapping[str, object]:
        return {"plugins": sorted(self.host.plugins), "moving": self.host.moving}

    async def validated_sha256(self, ref: str) -> str:
        return self.host.known("status", ref).sha256
