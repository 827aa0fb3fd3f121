"""A correct host of another design: it patches functions in place, as notebooks do.

A plugin is a module that lives as long as it is loaded. A reload runs the new text in
a namespace of its own, and only when that went well the code of the functions there is
put into the functions that the module has, so that whoever holds one calls the new
code. There are no hooks, no state but the module's, no second generation: little is
claimed.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports

PATCHED = ("__code__", "__defaults__", "__kwdefaults__", "__doc__", "__annotations__")


class PatchingError(Exception):
    """An operation that was refused or failed; names the plugin."""


class PatchingHost:
    """``modules`` holds each plugin's namespace: the same one from load to unload."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: dict[str, dict[str, Any]] = {}
        self.running: set[str] = set()

    def load(self, name: str) -> None:
        if name in self.modules:
            raise PatchingError(f"load of {name!r} refused: it is loaded already")
        self.modules[name] = self.executed(name)

    def reload(self, name: str) -> None:
        live = self.known(name, "reload")
        self.patch(live, self.executed(name))

    def unload(self, name: str) -> None:
        self.known(name, "unload")
        del self.modules[name]

    def call(self, event: Event | None) -> list[str]:
        return [
            str(function(event))
            for module in list(self.modules.values())
            for name, function in list(module.items())
            if name.startswith("on_")
        ]

    def known(self, name: str, operation: str) -> dict[str, Any]:
        if name in self.running:
            raise PatchingError(f"{operation} of {name!r} refused: its own text asks for it")
        if name not in self.modules:
            raise PatchingError(f"{operation} of {name!r} refused: no such plugin")
        return self.modules[name]

    def executed(self, name: str) -> dict[str, Any]:
        """What the file's bytes make, in a namespace of its own; the live one is not touched."""
        if name in self.running:
            raise PatchingError(f"load of {name!r} refused: its own text asks for it")
        path = self.root / f"{name}.py"
        try:
            code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except OSError as error:
            raise PatchingError(f"{name!r} failed at read: {error}") from error
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            raise PatchingError(f"{name!r} failed at syntax: {error} ({path}:{line})") from error
        module: dict[str, Any] = {"__name__": name.replace("/", "."), "__file__": str(path)}
        self.running.add(name)
        try:
            exec(code, module)
        except BaseException as error:
            raise PatchingError(f"{name!r} failed at import: {_told(error, path)}") from error
        finally:
            self.running.discard(name)
        if not any(each.startswith("on_") for each in module):
            raise PatchingError(f"{name!r} failed at plugin: {path} has no function on_*")
        return module

    def patch(self, live: dict[str, Any], new: dict[str, Any]) -> None:
        """Make ``live`` what ``new`` is, keeping its functions. Nothing here can fail halfway."""
        for name in [each for each in live if each not in new]:
            del live[name]
        for name, value in new.items():
            live[name] = self.patched(live, live.get(name), value, new)

    def patched(self, live: dict[str, Any], old: Any, value: Any, new: dict[str, Any]) -> Any:
        if not isinstance(value, FunctionType) or value.__globals__ is not new:
            return value
        if isinstance(old, FunctionType) and len(old.__code__.co_freevars) == len(
            value.__code__.co_freevars
        ):
            for attribute in PATCHED:
                setattr(old, attribute, getattr(value, attribute))
            return old
        # A function of the new text looks its globals up in the live namespace, as all do.
        return FunctionType(
            value.__code__, live, value.__name__, value.__defaults__, value.__closure__
        )


def _told(error: BaseException, path: Path) -> str:
    try:
        text = str(error)
    except Exception:
        text = "(no text)"
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == str(path)
    ]
    place = f" ({path}:{lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {text}{place}"


class PatchingAdapter(HostAdapter):
    name = "patching"
    claims = frozenset({Claim.RELOAD, Claim.UNLOAD, Claim.SNAPSHOT})
    stages = ("read", "syntax", "import", "plugin")
    host_class: type[PatchingHost] = PatchingHost

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.host = self.host_class(workdir)

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        return {f"{spec.ref}.py": render_patched(spec)}

    async def load(self, ref: str) -> None:
        self.host.load(ref)

    async def reload(self, ref: str) -> None:
        self.host.reload(ref)

    async def unload(self, ref: str) -> None:
        self.host.unload(ref)

    async def call(self, event: Event | None = None) -> list[str]:
        return self.host.call(event)

    async def snapshot(self) -> Mapping[str, object]:
        return {"modules": sorted(self.host.modules)}


def render_patched(spec: PluginSpec) -> str:
    """A plugin as a module whose functions ``on_*`` answer."""
    return (
        "\n".join(
            [
                "from hot_reload_conformance import probe",
                f"P = probe.attach({spec.name!r}, {spec.version!r})",
                *(
                    f"def on_{each}(event=None): return P.reply(event, {each!r})"
                    for each in spec.handlers
                ),
            ]
        )
        + "\n"
    )
