"""RACE: operations that overlap end as if they had come one after the other."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec, Reply
from hot_reload_conformance.bench.breakage import CAUSE
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold, turns
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import NotClaimed

Step: TypeAlias = tuple[str, str]
"""An operation and the plugin that it is about."""
World: TypeAlias = tuple[tuple[str, str], ...]
"""The model: which version serves of each plugin that is there, by name."""
Ending: TypeAlias = tuple[tuple[bool, ...], World]
"""Which operations were done, and what serves in the end."""

ON_DISK = "v2"


@dataclass(frozen=True, slots=True)
class Script:
    """Operations that begin at about the same time, with ``loaded`` serving v1 before."""

    steps: tuple[Step, ...]
    loaded: tuple[str, ...]

    @property
    def name(self) -> str:
        return "+".join(f"{what}-{plugin}" for what, plugin in self.steps)

    def explained(self, *, reload_loads: bool = False) -> set[Ending]:
        """Every ending that some serial order gives; ``reload_loads``: in a host that loads
        what it is to reload and does not have."""
        endings: set[Ending] = set()
        for order in itertools.permutations(range(len(self.steps))):
            world = dict.fromkeys(self.loaded, "v1")
            done = [False] * len(self.steps)
            for index in order:
                what, plugin = self.steps[index]
                if reload_loads and what == "reload" and plugin not in world:
                    what = "load"
                done[index] = _do(world, what, plugin)
            endings.add((tuple(done), tuple(sorted(world.items()))))
        return endings


def _do(world: dict[str, str], what: str, plugin: str) -> bool:
    """The trivially right host: whether it does ``what``, and the world after it."""
    if (plugin in world) is (what == "load"):
        return False
    if what == "unload":
        del world[plugin]
    else:
        world[plugin] = ON_DISK
    return True


def _script(text: str, loaded: str = "") -> Script:
    letters = {"a": "alpha", "b": "beta"}
    steps = [part.split("-") for part in text.split()]
    return Script(
        tuple((what, letters[who]) for what, who in steps),
        tuple(letters[who] for who in loaded.split()),
    )


SCRIPTS: tuple[Script, ...] = (
    _script("reload-a reload-a", "a"),
    _script("reload-a load-a", "a"),
    _script("load-a load-a"),
    _script("load-a reload-a"),
    _script("reload-a reload-b", "a b"),
    _script("load-a load-b"),
    _script("reload-a load-b", "a"),
    _script("reload-a unload-a", "a"),
    _script("unload-a unload-a", "a"),
    _script("unload-a load-a", "a"),
    _script("load-a unload-a"),
    _script("reload-a unload-b", "a b"),
    _script("reload-a unload-a load-a", "a"),
    _script("reload-a reload-a unload-a", "a"),
)


ORDERS = {0: "in-order", 1: "reversed", 2: "shuffled"}


@dataclass(frozen=True, slots=True)
class Overlap:
    """One way to run a script: the order of the beginnings, and where the first is held."""

    script: Script
    seed: int
    held: str | None

    def beginnings(self) -> list[tuple[int, int]]:
        """The steps in the order in which they begin, each with the turns it waits first."""
        indices = range(len(self.script.steps))
        if self.seed < 2:
            return [(index, 0) for index in (reversed(indices) if self.seed else indices)]
        rng = random.Random(self.seed)
        return [(index, rng.randrange(4)) for index in rng.sample(indices, len(indices))]


def _overlaps(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found: list[Variant] = []
    for script in SCRIPTS:
        unloads = any(what == "unload" for what, _ in script.steps)
        if unloads and Claim.UNLOAD not in adapter.claims:
            continue
        places: list[str | None] = [None]
        if "start" in adapter.stages:
            places.append("start")
        if Claim.HOOKS in adapter.claims and unloads:
            places.append("stop")
        for held, seed in itertools.product(places, ORDERS):
            where = f" held-in-{held}" if held else ""
            overlap = Overlap(script, seed, held)
            found.append(Variant(f"{script.name} {ORDERS[seed]}{where}", overlap))
    return found


@check("HR-RACE-02", variants=_overlaps)
async def serial_explanation(case: Case, overlap: Overlap) -> None:
    script = overlap.script
    for plugin in ("alpha", "beta"):
        spec = PluginSpec(name=plugin)
        if plugin in script.loaded:
            await case.loaded(spec)
        case.write(spec.at(ON_DISK))
    replies = await _overlapping(case, overlap)
    served = await case.replies()
    done = tuple(reply.ok for reply in replies)
    explained = script.explained()
    if not _among(explained, done, served) and await _reload_loads(case):
        explained = script.explained(reload_loads=True)
    case.expect(
        _among(explained, done, served),
        "operations that overlapped ended in a way that no order of them, one after the other, "
        "explains",
        expected=" or ".join(_in_words(script, oks, world) for oks, world in sorted(explained)),
        seen=_outcome(script, done, str(served))
        + "".join(f"; {reply.message}" for reply in replies if reply.message),
    )
    # Nothing is held: each plugin can be operated on as what it is now.
    for plugin in dict.fromkeys(name for _, name in script.steps):
        spec = PluginSpec(name=plugin, version="v3")
        case.write(spec)
        reply = await case.reload(plugin)
        if not reply.ok:
            reply = await case.load(plugin)
        case.expect(
            reply.ok,
            f"after operations that overlapped, {plugin!r} can neither be reloaded nor loaded: "
            f"{reply.message}",
            expected="one of them",
            seen="both refused",
        )


def _among(explained: set[Ending], done: tuple[bool, ...], served: list[str]) -> bool:
    return any(
        done == oks and served == sorted(version for _, version in world)
        for oks, world in explained
    )


async def _reload_loads(case: Case) -> bool:
    """Whether the host, asked alone, loads what it is to reload and never had."""
    spec = PluginSpec(name="gamma", version="v9")
    case.write(spec)
    try:
        reply = await case.reload(spec.ref)
    except NotClaimed:
        return False
    return reply.ok and spec.version in await case.replies()


async def _overlapping(case: Case, overlap: Overlap) -> list[Reply]:
    steps = overlap.script.steps
    hold = Hold()
    if overlap.held:
        case.recording.plan(overlap.held, hold)

    async def begin(index: int, wait: int) -> Reply:
        await turns(wait)
        what, plugin = steps[index]
        reply: Reply = await getattr(case, what)(plugin)
        return reply

    tasks: dict[int, asyncio.Task[Reply]] = {}
    for index, wait in overlap.beginnings():
        tasks[index] = asyncio.ensure_future(begin(index, wait))
    everything = asyncio.gather(*(tasks[index] for index in range(len(steps))))
    try:
        if overlap.held:
            await hold.reached_or(everything)
            await turns()
        hold.open()
        return list(await everything)
    finally:
        hold.open()
        everything.cancel()
        case.recording.unplanned()


def _in_words(script: Script, done: tuple[bool, ...], world: World) -> str:
    return _outcome(script, done, str(sorted(version for _, version in world)))


def _outcome(script: Script, done: tuple[bool, ...], serves: str) -> str:
    said = ", ".join(
        f"{what} {plugin} {'done' if ok else 'refused'}"
        for (what, plugin), ok in zip(script.steps, done, strict=True)
    )
    return f"{said}: {serves} serves"


_OVERLAPPING = ("two", "three", "first-fails", "unchanged", "third-behind-first")


@check("HR-RACE-03", variants=[Variant(n, n) for n in _OVERLAPPING])
async def overlapping_reloads(case: Case, script: str) -> None:
    if "start" not in case.adapter.stages:
        raise NotClaimed("no stage 'start' in `stages`: a reload cannot be held open")
    spec = PluginSpec()
    await case.loaded(spec)
    fails = script == "first-fails"
    hold = Hold(raising(PlannedError, CAUSE) if fails else None)
    second = Hold()
    case.write(spec.at("v2"))
    case.recording.plan("start", hold, plugin=spec.name)
    callers = [asyncio.ensure_future(case.reload(spec.ref))]
    try:
        await hold.reached(callers[0])
        versions = {"three": ["v3", "v4"], "unchanged": ["v2"]}.get(script, ["v3"])
        for version in versions:
            case.write(spec.at(version))
            callers.append(asyncio.ensure_future(case.reload(spec.ref)))
            await turns()
        if script == "third-behind-first":
            # The second one has its turn, and waited for it on what the first one has replaced.
            case.recording.plan("start", second, plugin=spec.name, version="v3")
            hold.open()
            await second.reached_or(callers[1])
            versions.append("v4")
            case.write(spec.at("v4"))
            callers.append(asyncio.ensure_future(case.reload(spec.ref)))
            await turns()
        hold.open()
        second.open()
        replies = [await caller for caller in callers]
    finally:
        hold.open()
        second.open()
        for caller in callers:
            caller.cancel()
    for number, reply in enumerate(replies):
        if fails and number == 0:
            continue
        case.expect(
            reply.ok,
            f"a reload that was asked for while another one ran got an error of its own "
            f"(caller {number + 1} of {len(replies)}): {reply.everything or 'no reason given'}",
            expected="to be done after the other one, or together with it",
            seen="an error",
        )
    most = _most_at_once(case, spec.name)
    case.expect(
        most <= 1,
        f"overlapping reloads of one plugin ran {most} starts at the same time",
        expected="one after the other",
        seen=f"{most} at once",
    )
    await case.expect_replies(
        [versions[-1]],
        "after overlapping reloads the last written content does not serve",
    )


def _most_at_once(case: Case, plugin: str) -> int:
    running = most = 0
    for moment in case.recording.moments:
        if moment.plugin == plugin and moment.what == "start":
            running += 1 if moment.phase == "begin" else -1
            most = max(most, running)
    return most
