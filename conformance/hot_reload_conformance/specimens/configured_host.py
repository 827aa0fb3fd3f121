"""A correct host of another design: its plugins take new settings while they run.

Settings come from a file, JSON or YAML. All of it is read and checked before anything is
touched; a plugin whose part differs is given it by its ``configure`` hook, and where one
refuses, those that took theirs are given the old ones again.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Claim, PluginSpec, Ports, Reply
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
    render_class,
)

DEPTH_LIMIT = 32
LOOKS_EVERY_SECONDS = 0.5
APPLIES_EVERY_SECONDS = 5.0

Settings = Mapping[str, Mapping[str, Any]]


class ConfiguredHost(BlueGreenHost):
    """Everything but settings is as in the blue-green host."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.settings: dict[str, dict[str, Any]] = {}
        """What runs: of each plugin what it was given last, and took."""
        self.taking = asyncio.Lock()
        self.watching: asyncio.Task[None] | None = None
        self.handled = b""
        self.applied_at: float | None = None

    # One settings file

    async def apply(self, path: Path) -> None:
        """Have what the file says, wholly or not at all."""
        await self.take(self.completed(self.read_settings(path)))

    def completed(self, given: Settings) -> Settings:
        """A plugin of which the file says nothing any more has no settings."""
        gone = [name for name in self.settings if name in self.live and name not in given]
        return {**given, **{name: {} for name in gone}}

    def read_settings(self, path: Path) -> Settings:
        """What the file says, checked.

        Raises:
            HostError: it is not to be applied; file, line and key are named.
        """
        try:
            text = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise HostError(f"{path}: {error}") from None
        held = self.parse(text, path)
        if not held:
            raise HostError(f"{path}:1: it is empty")
        if not isinstance(held, dict):
            raise HostError(f"{path}:1: keys are expected, one for each plugin")
        for name, settings in held.items():
            if not isinstance(settings, dict):
                raise HostError(f"{path}:{line_of(text, name)}: {name} has no keys below it")
            self.check(name, settings, text, path)
        return held

    def parse(self, text: str, path: Path) -> Any:
        try:
            return parse_json(text) if path.suffix == ".json" else parse_yaml(text)
        except ValueError as error:  # JSONDecodeError is one
            line = getattr(error, "lineno", None) or line_in(error)
            raise HostError(f"{path}:{line}: {error}") from None

    def check(self, name: str, settings: Mapping[str, Any], text: str, path: Path) -> None:
        for key in self.wrong_keys(name, settings):
            raise HostError(f"{path}:{line_of(text, name, key)}: {_wrong(name, key, settings)}")

    def wrong_keys(self, name: str, settings: Mapping[str, Any]) -> Iterator[str]:
        for key in self.known(name, "settings").plugin.whole_numbers:
            if key in settings and type(settings[key]) is not int:
                yield key

    # Giving settings to plugins

    async def take_mapping(self, given: Settings) -> None:
        """Have what a program says, checked as a file is."""
        for name, settings in given.items():
            for key in self.wrong_keys(name, settings):
                raise HostError(_wrong(name, key, settings))
        await self.take(given)

    async def take(self, given: Settings) -> None:
        async with self.taking:
            wanted = self.copied(given)
            changed = self.changed(wanted)
            async with self.held(changed):
                await self.give_all(wanted, changed)

    @contextlib.asynccontextmanager
    async def held(self, names: Sequence[str]) -> AsyncIterator[None]:
        """No reload of these meanwhile: its new generation would have the old settings."""
        async with contextlib.AsyncExitStack() as stack:
            for name in sorted(names):
                await stack.enter_async_context(self.lock(name))
            yield

    async def give_all(self, wanted: dict[str, dict[str, Any]], changed: Sequence[str]) -> None:
        took: list[str] = []
        try:
            for name in changed:
                await self.give(name, wanted[name])
                took.append(name)
        except BaseException:
            await self.give_back(took, changed)
            raise
        self.settings |= {name: wanted[name] for name in changed}

    def copied(self, given: Settings) -> dict[str, dict[str, Any]]:
        return {name: copy.deepcopy(dict(settings)) for name, settings in given.items()}

    def changed(self, wanted: Settings) -> list[str]:
        # By their text: 1 and True are equal, and not the same.
        running = {name: _text(each) for name, each in self.settings.items()}
        return [name for name, each in wanted.items() if running.get(name) != _text(each)]

    async def give(self, name: str, settings: Mapping[str, Any]) -> None:
        generation = self.known(name, "settings")
        await self.hook(generation, "configure", copy.deepcopy(settings))

    async def give_back(self, took: Sequence[str], changed: Sequence[str]) -> None:
        """The one that refused has to have kept its own."""
        for name in took:
            await self.give(name, self.settings.get(name, {}))

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        await super().build(new, files)
        if new.name in self.settings:
            await self.hook(new, "configure", copy.deepcopy(self.settings[new.name]))

    # Watching the file

    async def watch(self, path: Path) -> None:
        self.handled = path.read_bytes()
        self.watching = asyncio.ensure_future(self.look_again_and_again(path))

    async def look_again_and_again(self, path: Path) -> None:
        while True:
            pause = asyncio.ensure_future(asyncio.Event().wait())
            await self.in_time(pause, LOOKS_EVERY_SECONDS)
            pause.cancel()
            await self.look(path, self.ports.clock.now())

    async def look(self, path: Path, now: float) -> None:
        held = path.read_bytes() if path.is_file() else b""
        rested = self.applied_at is None or now - self.applied_at >= APPLIES_EVERY_SECONDS
        if held == self.handled or not rested:
            return
        self.handled = held
        try:
            await self.apply(path)
        except HostError:
            return  # what was wrong is told by whoever is asked; the next one may be good
        self.applied_at = now

    async def close(self) -> None:
        if self.watching is not None:
            self.watching.cancel()
            await asyncio.wait({self.watching})
        await super().close()


def _text(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)


class WrongText(ValueError):
    """A settings file cannot be read; its text begins with the line."""


def line_in(error: ValueError) -> int:
    return int(str(error).split(" ")[1].rstrip(":,"))


def line_of(text: str, *keys: str) -> int:
    """The line on which the last of ``keys`` stands, each behind the one before it."""
    lines, found = text.splitlines(), 0
    for key in keys:
        found = next((n for n in range(found, len(lines)) if key in lines[n]), found)
    return found + 1


def parse_json(text: str) -> Any:
    """Plain data.

    Raises:
        ValueError: it is none, nested too deep, or has a key twice.
    """
    depth = 0
    for character in text:  # what stands in strings counts too: nobody needs so much of it
        depth += (character in "[{") - (character in "]}")
        if depth > DEPTH_LIMIT:
            raise WrongText(f"line {line_of(text, character)}: nested too deep")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for number, (key, _) in enumerate(pairs):
            if key in dict(pairs[:number]):
                raise WrongText(f"line {line_of(text, key)}: {key} stands there twice")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=unique)


def parse_yaml(text: str) -> Any:
    """The same of YAML, without anchors, aliases, tags and merge keys."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    try:
        for event, depth in _events(YAML(typ="safe", pure=True).parse(text)):
            refuse(event, depth)
        return YAML(typ="safe", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise WrongText(f"line {mark.line + 1 if mark else 1}: {error.problem}") from None


def _events(events: Iterator[Any]) -> Iterator[tuple[Any, int]]:
    depth = 0
    for event in events:
        name = type(event).__name__
        depth += (name in _BEGIN) - (name in _END)
        yield event, depth


_BEGIN = ("MappingStartEvent", "SequenceStartEvent")
_END = ("MappingEndEvent", "SequenceEndEvent")


def refuse(event: Any, depth: int) -> None:
    """What YAML has beyond plain data."""
    line = event.start_mark.line + 1
    if depth > DEPTH_LIMIT:
        raise WrongText(f"line {line}: nested too deep")
    if getattr(event, "anchor", None) is not None:
        raise WrongText(f"line {line}: no anchors and aliases")
    if getattr(event, "tag", None) is not None or getattr(event, "ctag", None) is not None:
        raise WrongText(f"line {line}: no tags")
    if getattr(event, "value", None) == "<<":
        raise WrongText(f"line {line}: no merge keys")


def _wrong(name: str, key: str, settings: Mapping[str, Any]) -> str:
    return f"{name}.{key} is {settings[key]!r}, and has to be a whole number"


class ConfiguredAdapter(BlueGreenAdapter):
    """The adapter of ``ConfiguredHost``; a specimen sets ``host_class``."""

    name = "configured"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.BLUE_GREEN,
            Claim.CLOCK,
            Claim.CONFIG,
            Claim.ENABLE,
        }
    )
    # What is left out is as in the blue-green host, and judged there.
    stages = ("read", "import", "start")
    config_formats = (".json", *((".yaml",) if find_spec("ruamel") else ()))
    host_class: type[BlueGreenHost] = ConfiguredHost
    host: ConfiguredHost

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        text = render_class(spec)
        if spec.settings:
            text += "    whole_numbers = ('size',)\n"
            text += "    async def configure(self, settings): self.p.configure(settings)\n"
        return {f"{spec.ref}.py": text}

    def render_config(self, settings: Mapping[str, Mapping[str, Any]], ending: str) -> str:
        if ending == ".json":
            return json.dumps(settings, indent=1) + "\n"
        lines = []
        for name, each in settings.items():
            lines += [f"{name}:", *(f"  {key}: {json.dumps(v)}" for key, v in each.items())]
        return "\n".join(lines) + "\n"

    async def apply_config(self, path: Path) -> Reply | bool | None:
        await self.host.apply(path)
        return None

    async def configure(self, settings: Mapping[str, Mapping[str, Any]]) -> Reply | bool | None:
        await self.host.take_mapping(settings)
        return None

    async def start_config_watch(self, path: Path) -> None:
        await self.host.watch(path)
