"""The adapter's self-test: before a host is judged, the adapter has to be right.

Nine of the first sixteen adapters that were ever written for the kit were wrong,
so a failure here is a kit-error that names the adapter, never a failed clause.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import PurePath

from hot_reload_conformance.adapter import (
    ALL_STAGES,
    METHODS,
    Claim,
    Event,
    HostAdapter,
    PluginSpec,
    implements,
)
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import ONE, Check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.nearest import did_you_mean
from hot_reload_conformance.verdict import Finding, KitError

CORE_METHODS = ("open", "render", "load", "call")
TOKEN = 4711
"""A state that nothing but the plugin itself can know of."""


def missing_methods(
    adapter: type[HostAdapter], claims: frozenset[Claim] | None = None
) -> str | None:
    """What the adapter claims but does not have, in words; None: nothing."""
    for method in CORE_METHODS:
        if not implements(adapter, method):
            return f"your adapter {adapter.name!r} has no {method}(), which every adapter needs"
    claims = adapter.claims if claims is None else claims
    wrong = _wrong_words(adapter, claims)
    if wrong:
        return wrong
    for claim in sorted(claims, key=lambda each: each.value):
        for method in METHODS.get(claim, ()):
            if not implements(adapter, method):
                return (
                    f"your adapter {adapter.name!r} claims {claim.value!r} but has no {method}(): "
                    "write it, or drop the claim"
                )
    return None


def _wrong_words(adapter: type[HostAdapter], claims: Iterable[object]) -> str | None:
    known = {each.value: each.name for each in Claim}
    for claim in claims:
        if not isinstance(claim, Claim):
            name = known.get(str(claim))
            hint = f" Write Claim.{name}." if name else did_you_mean(str(claim), known)
            return (
                f"your adapter {adapter.name!r} claims {claim!r}, which is no Claim: `claims` "
                "is a frozenset of hot_reload_conformance.Claim, as in "
                f"frozenset({{Claim.RELOAD}}).{hint}"
            )
    stages: object = adapter.stages
    known_stages = f"`stages` is a tuple of {', '.join(ALL_STAGES)}"
    if isinstance(stages, str):
        return (
            f"your adapter {adapter.name!r} declares the string {stages!r} as its stages: "
            f"{known_stages}; one alone is ({stages!r},)"
        )
    for stage in adapter.stages:
        if stage not in ALL_STAGES:
            return (
                f"your adapter {adapter.name!r} declares the stage {stage!r}: {known_stages}."
                f"{did_you_mean(str(stage), ALL_STAGES)}"
            )
    return None


_NOT_AWAITABLE = re.compile(r"can't be used in 'await' expression|can't be awaited")


def not_async(adapter: type[HostAdapter], problem: str) -> str:
    """``problem``, with what to do where the adapter has methods that cannot be awaited."""
    if not _NOT_AWAITABLE.search(problem):
        return problem
    plain = [
        name
        for name, base in vars(HostAdapter).items()
        if inspect.iscoroutinefunction(base)
        and not inspect.iscoroutinefunction(getattr(adapter, name))
    ]
    if not plain:
        return problem
    named = ", ".join(f"{each}()" for each in plain)
    return (
        f"{problem}. Ordinary functions in your adapter: {named}."
        " Write `async def`, though nothing in them awaits; render() alone is an ordinary one"
    )


async def _plain_plugin(case: Case) -> None:
    before = await case.replies()
    case.expect(
        before == [],
        "before anything was loaded, your adapter's call() already answers: "
        "open() must make a fresh host",
        expected=[],
        seen=before,
    )
    spec = PluginSpec()
    _rendered(case, spec)
    files = case.write(spec)
    case.expect(
        case.recording.mark() == 0,
        "your adapter's open() or render() ran the plugin before load() was called",
        expected="nothing run",
        seen=[str(moment) for moment in case.recording.moments],
    )
    reply = await case.load(spec.ref)
    case.expect(
        reply.ok,
        f"your adapter cannot load a plain plugin: {reply.everything or 'no reason given'}. "
        f"It was written to {', '.join(files)} in the folder that open() was given, and load() "
        f"was given {spec.ref!r}",
        expected="loaded",
        seen="failed",
    )
    case.expect(
        case.recording.mark() > 0,
        "your adapter's load() said ok, but the plugin that render() wrote never ran: "
        f"does load() look where render() says ({', '.join(files)}), and does the text call "
        "probe.attach()? Where the host's plugins run in another process: is it given "
        "ReportFile.environment, and does load() end with gather()?",
        expected="an import seen by the probe",
        seen="nothing",
    )
    for moment in ("after load", "after nothing more was done"):
        replies = await case.replies()
        case.expect(
            replies == ["v1"],
            f"{moment}, your adapter's call() does not give the one reply of the one handler: "
            "does the rendered handler return probe.reply(event)?",
            expected=["v1"],
            seen=replies,
        )
    await _asks_the_plugin(case)


async def _asks_the_plugin(case: Case) -> None:
    if Claim.STATE not in case.claims:
        return
    await case.replies(Event("put", TOKEN))
    seen = await case.replies(Event("get"))
    case.expect(
        seen == [repr(TOKEN)],
        "your adapter's call() returns stale replies: the plugin was given a state and asked for "
        "it, and the answer is another. call() has to hand its event to the host each time "
        "(None means ask), and to remember no reply",
        expected=[repr(TOKEN)],
        seen=seen,
    )


async def _two_handlers(case: Case) -> None:
    spec = PluginSpec(handlers=("main", "second"))
    adapter = case.adapter
    if dict(adapter.render(spec)) == dict(adapter.render(PluginSpec())):
        return  # a host with one handler to a plugin: what is about more is not judged there
    case.write(spec)
    reply = await case.load(spec.ref)
    case.expect(
        reply.ok,
        "your adapter cannot load a plugin with two handlers: "
        f"{reply.everything or 'no reason given'}. render() has to write one for each name in "
        "spec.handlers",
        expected="loaded",
        seen="failed",
    )
    replies = await case.replies()
    case.expect(
        replies == ["v1", "v1/second"],
        "your adapter forgets a handler: of a plugin with two, call() gives other replies than "
        "theirs. render() writes a handler for each name in spec.handlers, that returns "
        "P.reply(event, handler), and call() gives the replies of all of them",
        expected=["v1", "v1/second"],
        seen=replies,
    )


async def _another_plugin(case: Case) -> None:
    """Of another name and version than the one before: an adapter may have those by heart."""
    spec = PluginSpec(name="beta", version="v2")
    case.write(spec)
    reply = await case.load(spec.ref)
    case.expect(
        reply.ok,
        f"your adapter loads the plugin alpha, but none of another name: {reply.everything or ''}. "
        f"Does load() load what its argument names? It was given {spec.ref!r}",
        expected="loaded",
        seen="failed",
    )
    replies = await case.replies()
    case.expect(
        replies == ["v2"],
        "your adapter does not show the plugin that it is given: beta in version v2 was written "
        "and loaded, and call() gives other replies than that one's. render() writes spec.name "
        "and spec.version into the text: probe.attach({spec.name!r}, {spec.version!r}); and "
        "load() loads what its argument names",
        expected=["v2"],
        seen=replies,
    )


def _rendered(case: Case, spec: PluginSpec) -> None:
    files: object = case.adapter.render(spec)
    if inspect.iscoroutine(files):
        files.close()
        raise KitError(
            "your adapter's render() is a coroutine: it alone is an ordinary function. Write "
            "`def render(self, spec)`, without async"
        )
    if not isinstance(files, Mapping) or not all(
        isinstance(each, str) for pair in files.items() for each in pair
    ):
        raise KitError(
            "your adapter's render() is to return a mapping, relative path to text, both of them "
            f"str, as in {{f'{{spec.ref}}.py': TEXT}}; it returned {files!r:.80}"
        )
    for name in files:
        path = PurePath(name)
        case.expect(
            not path.is_absolute() and ".." not in path.parts,
            f"your adapter's render() writes into a wrong place: {name!r} leads out of the folder "
            "that open() was given. Give paths relative to it, as in f'{spec.ref}.py'",
            expected="a relative path",
            seen=str(name),
        )


def plainly(found: Finding) -> str:
    """What a case of the self-test found, as words to the adapter's author."""
    doing = next((each.text for each in found.story if each.broken), "")
    if found.seen == "a blocked thread":
        return (
            f"your adapter blocks the event loop ({found.message}): nothing else could run "
            "meanwhile, not even a deadline. Where the host waits, await it in a thread: "
            "await asyncio.to_thread(self.host.load, ref)"
        )
    if found.seen == "still waiting":
        return (
            f"your adapter's {doing or 'operation'} did not end ({found.message}): it waits for "
            "what never comes, or needs a bigger deadline. Declare operation_deadline_seconds in "
            "the adapter for a slow host, and start what is slow once, in open()"
        )
    seen = f" (expected {found.expected}, seen {found.seen})" if found.seen else ""
    return f"{found.message}{seen}"


def _check(run: Callable[[Case], Awaitable[None]]) -> Check:
    return Check(
        clause=CONTRACT["HR-LOAD-01"],
        kind=Kind.EXAMPLE,
        run=lambda case, _: run(case),
        variants=lambda _: ONE,
        needs=frozenset(),
        deadline_seconds=10.0,
        order=-1,
    )


SELF_TEST = _check(_plain_plugin)
"""Run through the same bench as any check; twice, since the second shows what the first left."""
MORE: tuple[Check, ...] = (_check(_another_plugin), _check(_two_handlers))
"""What else an adapter has to do, each in a case of its own."""
