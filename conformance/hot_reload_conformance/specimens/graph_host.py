"""A correct host of another design: plugins that need plugins.

What a plugin needs is read from its text before anything of it runs. A reload takes all
that need the plugin with it: each is made anew from the bytes that it runs from, all of
them commit together, and one that fails takes none of the others with it.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from hot_reload_conformance.adapter import Claim, PluginSpec, Ports, Reply
from hot_reload_conformance.dialect import dependency_lines
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
    _inside,
    render_class,
)


class GraphHost(BlueGreenHost):
    """``NEEDS`` in a module is a mapping of names to the release below which it has to be."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.files: dict[str, dict[str, bytes]] = {}
        """What the running generations were made of."""
        self.coming: dict[str, Generation] = {}
        """The generations that were built and wait for the commit."""
        self.staged: dict[str, dict[str, bytes]] = {}
        """What those that are being built are made of."""

    # Operations

    async def load(self, name: str) -> None:
        self.refuse_inside(name)
        async with self.alone([name]):
            await super().load(name)

    async def load_locked(self, name: str) -> None:
        staged = {name: super().read(name)}
        with self.staging(staged):
            await super().load_locked(name)
            self.files |= staged

    async def reload(self, name: str) -> list[str]:
        return await self.reload_many([name])

    async def reload_many(self, names: Sequence[str]) -> list[str]:
        """All of ``names`` and all that need them, in one transaction."""
        self.refuse_inside(", ".join(names))
        async with self.alone(names):
            for name in names:
                self.known(name, "reload")
            with contextlib.ExitStack() as marks:
                for name in names:
                    marks.enter_context(self.marked(name))
                staged = self.read_all(names)
                with self.staging(staged):
                    return await self.swap(staged, self.old_edges())

    @contextlib.contextmanager
    def staging(self, staged: dict[str, dict[str, bytes]]) -> Iterator[None]:
        """Admit what is to be built; it is forgotten when it is done."""
        self.staged |= staged
        try:
            self.admit(staged)
            yield
        finally:
            for name in staged:
                self.staged.pop(name, None)
                self.coming.pop(name, None)

    @contextlib.asynccontextmanager
    async def alone(self, names: Sequence[str]) -> AsyncIterator[None]:
        """No other change of those that need ``names``, or that these are about to need."""
        while True:
            wanted = self.concerned(names)
            async with contextlib.AsyncExitStack() as stack:
                for name in sorted(wanted):  # in one order for all: nobody waits in a circle
                    await stack.enter_async_context(self.lock(f"change of {name}"))
                if self.concerned(names) <= wanted:
                    yield
                    return

    def concerned(self, names: Sequence[str]) -> set[str]:
        found = {*self.followers(names, self.old_edges())}
        for name in names:
            with contextlib.suppress(HostError):
                found |= {*needs_in(super().read(name))}
        return found

    def read_all(self, names: Sequence[str]) -> dict[str, dict[str, bytes]]:
        """What is on disk of ``names``, and what runs of those that follow."""
        members = self.followers(names, self.old_edges())
        return {n: super(GraphHost, self).read(n) if n in names else self.files[n] for n in members}

    async def swap(
        self, staged: dict[str, dict[str, bytes]], old_edges: Mapping[str, Mapping[str, str]]
    ) -> list[str]:
        olds = {name: self.live[name] for name in staged}
        try:
            for level in self.levels(staged, self.new_edges()):
                await self.prepare_level(level, olds)
            self.commit_all({name: self.coming[name] for name in olds if name in self.coming})
        except BaseException:
            await self.roll_back_all(olds)
            raise
        self.files |= staged
        return await self.finished(self.retire_all(olds, old_edges))

    async def unload(self, name: str) -> None:
        self.refuse_inside(name)
        async with self.alone([name]):
            self.guard_dependents(name)
            await self.unload_one(name)

    async def unload_one(self, name: str) -> None:
        await super().unload(name)
        del self.files[name]

    async def unload_with_dependents(self, name: str) -> None:
        self.refuse_inside(name)
        async with self.alone([name]):
            self.known(name, "unload")
            edges = self.old_edges()
            for level in reversed(self.levels(self.followers([name], edges), edges)):
                for each in level:
                    await self.unload_one(each)

    async def close(self) -> None:
        order = self.levels(self.live, self.old_edges())
        self.live = {name: self.live[name] for level in order for name in level}
        await super().close()

    def refuse_inside(self, name: str) -> None:
        if self.inside(name):
            raise HostError(f"an operation on {name!r} was refused: a hook asked for it")

    def inside(self, name: str) -> bool:
        """From any plugin's hook: the change of the graph that it is part of is not over."""
        return bool(_inside.get())

    # The graph

    def old_edges(self) -> dict[str, dict[str, str]]:
        """Who needs whom below which release, of what runs."""
        return {name: needs_in(self.files[name]) for name in self.live}

    def new_edges(self) -> dict[str, dict[str, str]]:
        """The same once what is staged runs."""
        return self.old_edges() | {name: needs_in(each) for name, each in self.staged.items()}

    def followers(self, names: Iterable[str], edges: Mapping[str, Mapping[str, str]]) -> list[str]:
        """``names``, and all that need one of them, however far."""
        found = list(names)
        for each in found:  # it grows as it goes
            found += [n for n, needs in sorted(edges.items()) if each in needs and n not in found]
        return found

    def levels(
        self, names: Iterable[str], edges: Mapping[str, Mapping[str, str]]
    ) -> list[list[str]]:
        """``names`` in groups, each of which needs only what stands before it."""
        left, done = sorted(names), list[list[str]]()
        while left:
            level = [name for name in left if not set(edges[name]) & set(left)]
            done.append(level)
            left = [name for name in left if name not in level]
        return done

    def admit(self, staged: Mapping[str, Mapping[str, bytes]]) -> None:
        """Refuse what could not run, by what the texts declare."""
        edges = self.new_edges()
        for name in edges if staged else ():
            self.check_cycle(name, edges)
            for needed, below in edges[name].items():
                self.check_there(name, needed, edges)
                self.check_release(name, needed, below)

    def check_there(self, name: str, needed: str, edges: Mapping[str, object]) -> None:
        if needed not in edges:
            raise HostError(f"{name!r} needs {needed!r}, which is not loaded")

    def check_release(self, name: str, needed: str, below: str) -> None:
        files = self.staged.get(needed) or self.files[needed]
        release = declared(files, "RELEASE") or "1.0"
        if below and _parts(release) >= _parts(below):
            raise HostError(f"{name!r} needs {needed!r} below {below}, and it is {release}")

    def check_cycle(self, name: str, edges: Mapping[str, Mapping[str, str]]) -> None:
        paths = [[name]]
        for path in paths:  # it grows as it goes
            for needed in edges.get(path[-1], ()):
                if needed == name:
                    raise HostError(f"a cycle: {' -> '.join([*path, name])}")
                if needed not in path:
                    paths.append([*path, needed])

    def guard_dependents(self, name: str) -> None:
        users = self.followers([name], self.old_edges())[1:]
        if users:
            raise HostError(f"unload of {name!r} refused: {', '.join(users)} need it")

    # The steps of a transaction

    async def prepare_level(self, level: Sequence[str], olds: Mapping[str, Generation]) -> None:
        """Side by side; all of them have ended when one has failed."""

        async def prepare(name: str) -> BaseException | None:
            try:
                await self.prepare(name, olds[name])
            except BaseException as error:
                return error
            return None

        tasks = [asyncio.ensure_future(prepare(name)) for name in level]
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            raise
        for error in [task.result() for task in tasks]:
            if error is not None:
                raise error

    def read(self, name: str) -> dict[str, bytes]:
        return self.staged[name]

    async def prepare(self, name: str, old: Generation | None) -> Generation:
        new = await super().prepare(name, old)
        self.coming[name] = new
        return new

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        await super().build(new, files)
        # Whoever is built from now on imports this one.
        self.coming[new.name] = new

    def run(self, new: Generation, module: ModuleType, code: Any) -> None:
        vars(module)["__builtins__"] = self.builtins_of(new)
        exec(code, module.__dict__)

    def builtins_of(self, new: Generation) -> dict[str, Any]:
        own = vars(builtins).copy()
        needs = needs_in(self.staged[new.name])

        def imported(name: str, *arguments: Any, **named: Any) -> ModuleType:
            if name in needs:
                return sys.modules[self.imported(name).module_name]
            return builtins.__import__(name, *arguments, **named)

        own["__import__"] = imported
        return own

    def imported(self, name: str) -> Generation:
        """The generation that an import of ``name`` reaches."""
        return self.coming.get(name) or self.live[name]

    def commit_all(self, coming: Mapping[str, Generation]) -> None:
        """In one breath."""
        for name, new in coming.items():
            self.commit(name, new)

    async def roll_back_all(self, olds: Mapping[str, Generation]) -> None:
        """Dependents first, as they were started last."""
        for new in [each for name, each in reversed(self.coming.items()) if name in olds]:
            if new.plugin is not None:  # else it was released as it failed
                await self.release_half_made(new)
        for name, old in olds.items():
            await self.roll_back(name, old)

    async def retire_all(
        self, olds: Mapping[str, Generation], edges: Mapping[str, Mapping[str, str]]
    ) -> list[str]:
        warnings: list[str] = []
        for level in reversed(self.levels(olds, edges)):
            for name in level:
                warnings += await self.retire(olds[name])
        return warnings


def needs_in(files: Mapping[str, bytes]) -> dict[str, str]:
    """The plugins that a module declares to need, each with the release below which it is to be."""
    return declared(files, "NEEDS") or {}


def declared(files: Mapping[str, bytes], name: str) -> Any:
    """What the module's text says that ``name`` is; None: nothing."""
    for line in files[""].decode("latin-1").splitlines():  # ASCII, whatever is around it
        if line.startswith(f"{name} = "):
            return ast.literal_eval(line.partition(" = ")[2])
    return None


def _parts(release: str) -> list[int]:
    return [int(part) for part in release.split(".")]


class GraphAdapter(BlueGreenAdapter):
    """The adapter of ``GraphHost``; a specimen sets ``host_class``."""

    name = "graph"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.BLUE_GREEN,
            Claim.CANCEL,
            Claim.ENABLE,
            Claim.DEPENDENCIES,
            Claim.ROLLBACK_CASCADE,
        }
    )
    # What is left out is as in the blue-green host, and judged there.
    stages: ClassVar[tuple[str, ...]] = ("read", "import", "start", "health_check", "on_reload")
    host_class: type[BlueGreenHost] = GraphHost
    host: GraphHost

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        needs = {name: below for name, _, below in (d.partition("<") for d in spec.dependencies)}
        head, attach, *rest = render_class(spec).splitlines()
        facts = [f"NEEDS = {needs!r}"] * bool(needs) + [f"RELEASE = {spec.release!r}"]
        lines = [head, *facts, attach, *dependency_lines(spec), *rest]
        return {f"{spec.ref}.py": "\n".join(lines) + "\n"}

    async def reload_many(self, refs: Sequence[str]) -> Reply | bool | None:
        return Reply(ok=True, warnings=tuple(await self.host.reload_many(refs)))

    async def unload_with_dependents(self, ref: str) -> Reply | bool | None:
        await self.host.unload_with_dependents(ref)
        return None


class StatefulGraphAdapter(GraphAdapter):
    """The same for plugins that have state, those that follow among them."""

    name = "graph-with-state"
    claims = GraphAdapter.claims | {Claim.STATE}
    stages: ClassVar[tuple[str, ...]] = (
        *GraphAdapter.stages,
        "get_reload_state",
        "set_reload_state",
    )
