"""A correct host of another design: synchronous, plugins are modules of plain functions.

Blue-green without an event loop: an operation is one call that does not return
before it is done, so nothing can overlap but what a plugin asks for from inside a
hook, which is refused. A module is made by hand and never enters ``sys.modules``.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.operated import HostHealth, PluginHealth
from hot_reload_conformance.specimens.blue_green_state import path_to_uncopyable, plain


class SyncHostError(Exception):
    """An operation that was refused or failed; names the plugin and the stage."""


class SyncHost:
    """``live`` holds what serves; a swap is one assignment to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.live: dict[str, ModuleType] = {}
        self.lazy: set[str] = set()
        self.busy: set[str] = set()
        self.ended: dict[str, tuple[str, int, str]] = {}
        """How the last operation on each plugin ended: the result, its number, the error."""
        self.carried: dict[str, bool] = {}
        """Whether the last reload of a plugin gave its state to the new one."""
        self.numbers = itertools.count(1)

    def load(self, name: str) -> None:
        with self.alone("load", name):
            if name in self.live:
                raise SyncHostError(f"load of {name!r} refused: it is loaded already")
            self.live[name] = self.prepared(name, None)
            self.lazy.discard(name)

    def reload(self, name: str) -> list[str]:
        with self.alone("reload", name):
            old = self.known("reload", name)
            self.live[name] = self.prepared(name, old)
            return self.retired(name, old)

    def unload(self, name: str) -> list[str]:
        with self.alone("unload", name):
            old = self.known("unload", name)
            del self.live[name]
            return self.retired(name, old)

    def use(self, name: str, event: Event | None) -> str:
        if name in self.lazy:
            self.load(name)
        return str(self.known("use", name).handlers[0](event))

    def call(self, event: Event | None) -> list[str]:
        return [
            handler(event) for module in list(self.live.values()) for handler in module.handlers
        ]

    @contextmanager
    def alone(self, operation: str, name: str) -> Iterator[None]:
        if name in self.busy:
            raise SyncHostError(f"{operation} of {name!r} refused: asked for from its own hook")
        self.busy.add(name)
        number = next(self.numbers)
        try:
            yield
        except BaseException as error:
            self.ended[name] = ("failure", number, _text(error) or type(error).__name__)
            raise
        else:
            self.ended[name] = ("success", number, "")
        finally:
            self.busy.discard(name)

    def reloading(self) -> bool:
        return bool(self.busy)

    def health(self) -> HostHealth:
        return HostHealth(
            reloading=self.reloading(),
            plugins={name: self.status(name, each) for name, each in self.live.items()},
        )

    def status(self, name: str, module: ModuleType) -> PluginHealth:
        result, number, error = self.ended[name]
        return PluginHealth(
            version=str(getattr(module, "__version__", "")),
            sha256=str(module.__dict__["__sha256__"]),
            result=result,
            at=f"{number:09}",
            error=error,
        )

    def healthy(self, name: str) -> bool:
        try:
            return self.ran(name, self.known("health", name), "health_check") is not False
        except SyncHostError:
            return False

    def known(self, operation: str, name: str) -> Any:
        if name not in self.live:
            raise SyncHostError(f"{operation} of {name!r} refused: no such plugin")
        return self.live[name]

    def prepared(self, name: str, old: ModuleType | None) -> ModuleType:
        """A generation that is ready to serve; one that fails is stopped and dropped."""
        module = self.executed(name)
        try:
            for hook in ("start",) if old else ("setup", "start"):
                self.ran(name, module, hook)
            if old is not None:
                self.carried[name] = self.carry(name, old, module)
            if self.ran(name, module, "health_check") is False:
                raise SyncHostError(f"{name!r} failed at health_check: it is not healthy")
            if old is not None:
                self.ran(name, module, "on_reload")
        except SyncHostError:
            self.warned(name, module, "stop")
            raise
        return module

    def carry(self, name: str, old: ModuleType, new: ModuleType) -> bool:
        if not hasattr(old, "get_reload_state") or not hasattr(new, "set_reload_state"):
            return False
        state = self.ran(name, old, "get_reload_state")
        try:
            json.dumps(state, default=plain)
            copied = copy.deepcopy(state)
        except Exception as error:
            raise SyncHostError(
                f"{name!r} failed at get_reload_state: the state cannot be carried, "
                f"{path_to_uncopyable(state)}: {error}"
            ) from None
        self.ran(name, new, "set_reload_state", copied)
        return True

    def executed(self, name: str) -> ModuleType:
        path = self.root / f"{name}.py"
        try:
            source = path.read_bytes()
        except OSError as error:
            raise SyncHostError(f"{name!r} failed at read: {error}") from error
        try:
            code = compile(source, str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            raise SyncHostError(f"{name!r} failed at syntax: {error} ({path}:{line})") from error
        module = ModuleType(name)
        module.__file__ = str(path)
        module.__sha256__ = hashlib.sha256(source).hexdigest()  # type: ignore[attr-defined]
        try:
            exec(code, module.__dict__)
        except BaseException as error:
            raise self.failed(name, "import", error) from error
        if not hasattr(module, "handlers"):
            raise SyncHostError(f"{name!r} failed at plugin: no 'handlers' in {path}, or empty")
        return module

    def retired(self, name: str, old: ModuleType) -> list[str]:
        """Flush, stop and teardown, each whatever the others did; gives what went wrong."""
        said = [self.warned(name, old, hook) for hook in ("flush", "stop", "teardown")]
        return [each for each in said if each]

    def warned(self, name: str, module: ModuleType, hook: str) -> str:
        try:
            self.ran(name, module, hook)
        except SyncHostError as error:
            return str(error)
        return ""

    def ran(self, name: str, module: ModuleType, hook: str, *arguments: Any) -> Any:
        function = getattr(module, hook, None)
        if function is None:
            return None
        try:
            return function(*arguments)
        except BaseException as error:
            raise self.failed(name, hook, error) from error

    def failed(self, name: str, stage: str, error: BaseException) -> SyncHostError:
        place = ""
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename.startswith(f"{self.root}/"):
                place = f" ({frame.f_code.co_filename}:{line})"
        kind = type(error).__name__
        return SyncHostError(f"{name!r} failed at {stage}: {kind}: {_text(error)}{place}")


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(no text)"


class SyncAdapter(HostAdapter):
    """The adapter of ``SyncHost``: coroutine methods that never await."""

    name = "sync"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.BLUE_GREEN,
            Claim.STATE,
            Claim.HEALTH,
            Claim.LAZY,
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

    host_class: type[SyncHost] = SyncHost

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.host = self.host_class(workdir)

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        return {f"{spec.ref}.py": render_functions(spec)}

    async def load(self, ref: str) -> None:
        self.host.load(ref)

    async def reload(self, ref: str) -> Reply:
        warnings = tuple(self.host.reload(ref))
        return Reply(ok=True, warnings=warnings, state_carried=self.host.carried[ref])

    async def unload(self, ref: str) -> Reply:
        return Reply(ok=True, warnings=tuple(self.host.unload(ref)))

    async def call(self, event: Event | None = None) -> list[str]:
        return self.host.call(event)

    async def snapshot(self) -> Mapping[str, object]:
        return {"live": sorted(self.host.live), "busy": sorted(self.host.busy)}

    async def register_lazy(self, ref: str) -> None:
        self.host.lazy.add(ref)

    async def use(self, ref: str, event: Event | None = None) -> str:
        return self.host.use(ref, event)

    async def healthy(self, ref: str) -> bool:
        return self.host.healthy(ref)

    async def health(self) -> HostHealth:
        return self.host.health()

    async def validated_sha256(self, ref: str) -> str:
        return str(self.host.known("status", ref).__sha256__)


def render_functions(spec: PluginSpec) -> str:
    """A plugin as a module of functions and a list of handlers."""
    hooks = ["setup", "start", "on_reload", "flush", "stop", "teardown"]
    replies = ", ".join(f"lambda event=None: P.reply(event, {each!r})" for each in spec.handlers)
    lines = [
        "from hot_reload_conformance import probe",
        f"__version__ = {spec.version!r}",
        f"P = probe.attach({spec.name!r}, __version__)",
        *(f"def {hook}(): P.hook({hook!r})" for hook in hooks),
        "def health_check(): return P.health_check()",
    ]
    if spec.state:
        lines.append("get_reload_state, set_reload_state = P.get_state, P.set_state")
    return "\n".join([*lines, f"handlers = [{replies}]"]) + "\n"
