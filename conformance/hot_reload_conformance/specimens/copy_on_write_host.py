"""A correct host of another design: a copied registry behind a lock, plugins of plain functions.

Operations come one at a time. Each makes a new table and replaces the old one by one assignment,
under a lock which whoever emits or calls takes too; an event is delivered under it, from
whichever thread it comes. A plugin is a module: its hooks, its handlers or its sink are functions.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports, Reply


class Failed(Exception):
    """An operation failed: which plugin, at which stage, why."""

    def __init__(self, name: str, stage: str, cause: BaseException, path: object = "") -> None:
        frames = traceback.extract_tb(cause.__traceback__)
        lines = [each.lineno for each in frames if each.filename == str(path)]
        line = cause.lineno if isinstance(cause, SyntaxError) else lines[-1] if lines else None
        where = f" ({path}:{line})" if path and line else f" ({path})" if path else ""
        super().__init__(f"plugin {name!r} failed at {stage}: {_said(cause)}{where}")


def _said(cause: BaseException) -> str:
    try:
        return f"{type(cause).__name__}: {cause}"
    except BaseException:
        return f"{type(cause).__name__}, whose text cannot be shown"


class CopyOnWriteHost:
    """Hosts modules in ``folder``. Every method may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table: Mapping[str, ModuleType] = MappingProxyType({})
        self.off: frozenset[str] = frozenset()
        self.lost: dict[str, int] = {}
        self._serving = threading.RLock()
        self._operating = threading.RLock()
        self._inside = threading.local()

    # Operations

    def load(self, name: str) -> None:
        with self._operation(name):
            if name in self.table:
                raise Failed(name, "load", ValueError("it is loaded already"))
            self._publish(**{name: self._started(name)})

    def reload(self, name: str) -> list[str]:
        """Gives warnings of the old one's end."""
        with self._operation(name):
            old, new = self._known(name), self._started(name)
            if hasattr(old, "write") and not hasattr(new, "write"):
                try:
                    self._guard(name)
                except Failed:
                    self._ended(name, new)
                    raise
            self._publish(**{name: new})
            return self._ended(name, old)

    def unload(self, name: str) -> list[str]:
        with self._operation(name):
            module = self._known(name)
            self._guard(name)
            with self._serving:
                self.table = MappingProxyType({n: m for n, m in self.table.items() if n != name})
                self.off -= {name}
            return self._ended(name, module)

    def disable(self, name: str) -> None:
        with self._operation(name):
            self._known(name)
            self._guard(name)
            with self._serving:
                self.off |= {name}

    def enable(self, name: str) -> None:
        with self._operation(name):
            self._known(name)
            with self._serving:
                self.off -= {name}

    # Events

    def call(self, event: Event | None) -> list[str]:
        with self._served():
            found = [m for n, m in self.table.items() if n not in self.off]
            return [r for m in found if hasattr(m, "on_event") for r in m.on_event(event)]

    def emit(self, event: Event) -> None:
        with self._served():
            for name, module in self.table.items():
                if name in self.off or not hasattr(module, "write"):
                    continue
                try:
                    module.write(event)
                except Exception:
                    self.lost[name] = self.lost.get(name, 0) + 1

    # Steps

    def _started(self, name: str) -> ModuleType:
        path = self.folder / f"{name}.py"
        stage, module = "read", ModuleType(name.replace("/", "."))
        try:
            source = path.read_bytes()
            stage = "syntax"
            code = compile(source, str(path), "exec", dont_inherit=True)
            stage = "import"
            exec(code, module.__dict__)
            stage = "plugin"
            if not (hasattr(module, "on_event") or hasattr(module, "write")):
                raise LookupError("there is no on_event and no write in it")
            stage = "start"
            module.start()
        except BaseException as error:
            if stage == "start":
                self._ended(name, module)
            raise Failed(name, stage, error, path) from None
        return module

    def _ended(self, name: str, module: ModuleType) -> list[str]:
        warnings = []
        for hook in ("flush", "stop"):
            try:
                getattr(module, hook)()
            except BaseException as error:
                warnings.append(str(Failed(name, hook, error)))
        return warnings

    def _publish(self, **modules: ModuleType) -> None:
        with self._serving:
            self.table = MappingProxyType({**self.table, **modules})

    def _guard(self, name: str) -> None:
        sinks = [n for n, m in self.table.items() if hasattr(m, "write") and n not in self.off]
        if sinks == [name]:
            raise Failed(name, "removal", ValueError("it is the last sink"))

    def _known(self, name: str) -> ModuleType:
        if name not in self.table:
            raise Failed(name, "look-up", LookupError(f"there are {sorted(self.table)}"))
        return self.table[name]

    @contextlib.contextmanager
    def _operation(self, name: str) -> Iterator[None]:
        if getattr(self._inside, "it", False):
            raise Failed(name, "request", RuntimeError("a plugin's own code asked for it: refused"))
        with self._operating:
            self._inside.it = True
            try:
                yield
            finally:
                self._inside.it = False

    @contextlib.contextmanager
    def _served(self) -> Iterator[None]:
        before = getattr(self._inside, "it", False)
        with self._serving:
            self._inside.it = True
            try:
                yield
            finally:
                self._inside.it = before


class CopyOnWriteAdapter(HostAdapter):
    """The adapter of ``CopyOnWriteHost``."""

    name = "copy-on-write"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.BLUE_GREEN,
            Claim.ENABLE,
            Claim.SINKS,
            Claim.THREADS,
            Claim.EXACTLY_ONCE,
        }
    )
    stages = ("read", "syntax", "import", "plugin", "start")
    hook_order = ("new start", "old flush", "old stop")
    host_class: type[CopyOnWriteHost] = CopyOnWriteHost

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.host = self.host_class(workdir)

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        lines = [
            "from hot_reload_conformance import probe",
            f"P = probe.attach({spec.name!r}, {spec.version!r})",
            *(f"def {hook}(): P.hook({hook!r})" for hook in ("start", "flush", "stop")),
        ]
        if spec.sink:
            lines.append("def write(event): P.receive(event)")
        else:
            replies = f"[P.reply(event, h) for h in {spec.handlers!r}]"
            lines.append(f"def on_event(event): return {replies}")
        return {f"{spec.ref}.py": "\n".join(lines) + "\n"}

    async def load(self, ref: str) -> None:
        self.host.load(ref)

    async def reload(self, ref: str) -> Reply:
        return Reply(ok=True, warnings=tuple(self.host.reload(ref)))

    async def unload(self, ref: str) -> Reply:
        return Reply(ok=True, warnings=tuple(self.host.unload(ref)))

    async def enable(self, ref: str) -> None:
        self.host.enable(ref)

    async def disable(self, ref: str) -> None:
        self.host.disable(ref)

    async def call(self, event: Event | None = None) -> list[str]:
        return self.host.call(event)

    async def emit(self, event: Event) -> None:
        self.host.emit(event)

    async def dropped(self) -> int:
        return sum(self.host.lost.values())

    async def snapshot(self) -> Mapping[str, object]:
        return {"plugins": sorted(self.host.table), "off": sorted(self.host.off)}
