"""The adapter's self-test: before a host is judged, the adapter has to be right.

Nine of the first sixteen adapters that were ever written for the kit were wrong,
so a failure here is a kit-error that names the adapter, never a failed clause.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path, PurePath

from hot_reload_conformance.adapter import (
    ALL_STAGES,
    METHODS,
    Claim,
    Event,
    HostAdapter,
    PluginSpec,
    Reply,
    implements,
)
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import ONE, Check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.nearest import did_you_mean
from hot_reload_conformance.verdict import Finding, KitError, NotClaimed

CORE_METHODS = ("open", "render", "load", "call")
PLUGIN_NAMES = ("alpha", "beta", "a", "b")
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
        f"your adapter cannot load a plain plugin: {_why(case, reply)}. "
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
        f"{_why(case, reply)}. render() has to write one for each name in "
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
        f"your adapter loads the plugin alpha, but none of another name: {_why(case, reply)}. "
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


async def _side_by_side(case: Case) -> None:
    """Two plugins at once, the second in a folder with the name of the first."""
    beside: list[str] = []
    for spec in (
        PluginSpec(),
        PluginSpec(name="beta", version="v2"),
        PluginSpec(version="v3", directory="one"),
    ):
        try:
            case.write(spec)
            reply = await case.load(spec.ref)
        except NotClaimed:
            return  # one plugin is all that the host has, or it knows no folders
        case.expect(
            reply.ok,
            f"your adapter does not load {spec.ref!r} beside {', '.join(beside) or 'nothing'}: "
            f"{_why(case, reply)}. Where render() writes a name of which the host has only one "
            "(a class, a command, a route), make it of spec.ref, that differs for every plugin. "
            'A host of one plugin, or without folders, raises NotClaimed("why") in load(). '
            "Where the host itself is to blame, the verdicts will say so",
            expected="loaded",
            seen="failed",
        )
        beside.append(spec.ref)


async def _one_of_two(case: Case) -> None:
    """Of two plugins that lie there the one that is named is loaded, and then the other."""
    first, second = PluginSpec(), PluginSpec(name="beta", version="v2")
    try:
        case.write(first)
        case.write(second)
        reply = await case.load(first.ref)
        replies = await case.replies()
        case.expect(
            not reply.ok or replies == ["v1"],
            "of two plugins that lie in the folder, your adapter's load('alpha') does not load "
            f"that one alone. {_ALL_THAT_LIES_THERE}",
            expected=["v1"],
            seen=replies,
        )
        reply = await case.load(second.ref)
    except NotClaimed:
        return
    case.expect(
        reply.ok,
        "two plugins lie in the folder: your adapter loaded 'alpha', and then not 'beta': "
        f"{_why(case, reply)}. {_ALL_THAT_LIES_THERE}",
        expected="loaded",
        seen="failed",
    )
    replies = await case.replies()
    case.expect(
        replies == ["v1", "v2"],
        "two plugins lie in the folder: your adapter loaded 'alpha' and then 'beta', and call() "
        f"does not give one reply of each. {_ALL_THAT_LIES_THERE}",
        expected=["v1", "v2"],
        seen=replies,
    )


_ALL_THAT_LIES_THERE = (
    "Does the host load all that lies in a folder? Then let render() give each plugin a folder "
    "of its own, and load() show the host that one; or filter what it found by the name"
)


async def _there_and_back(case: Case) -> None:
    """What is claimed of reloading and unloading works at all, for a plain edit."""
    spec = PluginSpec()
    await case.loaded(spec)
    operations = [
        (Claim.RELOAD, "reload", ["v2"], "sees an edit that came right after load() ended"),
        (Claim.UNLOAD, "unload", [], "takes out what its argument names"),
    ]
    for claim, operation, expected, asked in operations:
        if claim not in case.claims:
            continue
        try:
            if claim is Claim.RELOAD:
                case.write(spec.at("v2"))
            reply = await (case.reload if claim is Claim.RELOAD else case.unload)(spec.ref)
        except NotClaimed:
            continue
        said = "ok" if reply.ok else f"{_why(case, reply)}"
        replies = await case.replies()
        case.expect(
            reply.ok and replies == expected,
            f"your adapter's {operation}() does not do it for a plain plugin: it said {said}, and "
            f"call() gives {replies}. Does it hand its argument, {spec.ref!r}, to the host, and "
            f"wait for the end? Is the host one that {asked}? Where it is to blame, the verdicts "
            "will say so",
            expected=expected,
            seen=replies,
        )


async def _nothing_in_it(case: Case) -> None:
    """Of a file that holds no plugin the host says so, or load() in its place."""
    (main, *_) = case.write(PluginSpec()).values()
    main.write_text("", encoding="utf-8")
    try:
        await case.load("alpha")
    except NotClaimed:
        return
    except KitError as error:
        raise KitError(
            f"{error}. The file was empty: where it is load() that looks for the plugin in the "
            "module, and not the host, let it raise an ImportError with words of its own, or "
            "return False"
        ) from None


def shadowed_by(folders: Iterable[str]) -> str | None:
    """The module in ``folders`` that a host would import for one of the kit's plugins, in words."""
    for folder in folders:
        for name in PLUGIN_NAMES:
            path = Path(folder or ".", f"{name}.py")
            if path.is_file():
                return (
                    f"your adapter stands where {path} can be imported, and the kit has plugins "
                    f"called {', '.join(PLUGIN_NAMES)}: a host that imports by name may take that "
                    "file for one of them. Give it another name, or another folder"
                )
    return None


def _why(case: Case, reply: Reply) -> str:
    return f"{reply.everything or 'no reason given'}{case.raised_at}"


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
            f"your adapter blocks the event loop ({' '.join(found.message.split())}): nothing "
            "else could run meanwhile, not even a deadline. Where the host waits, await it in a "
            "thread: await asyncio.to_thread(self.host.load, ref)"
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
THOROUGH: tuple[Check, ...] = tuple(
    map(_check, (_there_and_back, _side_by_side, _one_of_two, _nothing_in_it))
)
"""For ``hot-reload self-test`` alone: it may be the host that is to blame."""
