"""LOAD: unloading, and names: taken, unknown, or shared by two files."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Reply
from hot_reload_conformance.bench.breakage import CAUSE
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import IF_LACKING
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.planned import PlannedError, PlannedExit, raising
from hot_reload_conformance.verdict import NotClaimed

WHO = Event("who")


def is_bare(words: str, name: str) -> bool:
    """Whether ``words`` are what ``plugins[name]`` raises, and nothing else."""
    return re.fullmatch(rf"(KeyError: *)?[\"']?{re.escape(name)}[\"']?", words.strip()) is not None


@check("HR-LOAD-05", variants=(Variant("same-bytes", "v1"), Variant("other-bytes", "v2")))
async def duplicate_refused(case: Case, version: str) -> None:
    spec = PluginSpec()
    await case.loaded(spec)
    await case.replies(Event("add", 5))
    registries = await case.registries() if Claim.SNAPSHOT in case.claims else {}
    served = await case.replies(WHO)
    case.write(spec.at(version))
    reply = await case.load(spec.ref)
    after = await case.replies(WHO)
    case.expect(
        after == served,
        "a second plugin was loaded under a name that was live, and what serves has changed",
        expected=served,
        seen=after,
    )
    state = await case.replies(Event("get"))
    case.expect(
        state == ["{'count': 5}"],
        "a second load under a live name changed the state of the plugin that serves",
        expected="{'count': 5}",
        seen=state,
    )
    case.expect(
        not reply.ok,
        "a second load under a live name was not refused: its caller believes that the new "
        "plugin serves",
        expected="a refusal",
        seen="ok",
    )
    if Claim.SNAPSHOT in case.claims:
        left = await case.registries()
        case.expect(
            left == registries,
            "a refused second load under a live name changed the host's registries",
            expected=registries,
            seen=left,
        )


def _unloads(adapter: type[HostAdapter]) -> Sequence[Variant]:
    names = ["plain", "inherited-hooks", "with-a-neighbour"]
    if Claim.RELOAD in adapter.claims:
        names.append("after-a-reload")
    if Claim.HOOKS in adapter.claims:
        names += ["stop-raises", "stop-exits"]
    return [Variant(name, name) for name in names]


@check("HR-LOAD-06", variants=_unloads)
async def unload_is_complete(case: Case, script: str) -> None:
    spec = PluginSpec(inherited=script == "inherited-hooks")
    if spec.inherited and dict(case.adapter.render(spec)) == dict(
        case.adapter.render(PluginSpec())
    ):
        raise NotClaimed("render() does nothing on inherited=True: hooks in a base class untried")
    neighbours: list[str] = []
    if script == "with-a-neighbour":
        await case.loaded(PluginSpec(name="beta", version="v7"))
        neighbours = ["v7"]
    modules = set(sys.modules)
    await case.loaded(spec)
    version = "v1"
    if script == "after-a-reload":
        await case.reloaded(spec.at("v2"))
        version = "v2"
    if script.startswith("stop-"):
        kind = PlannedExit if script == "stop-exits" else PlannedError
        case.recording.plan("stop", raising(kind, CAUSE), plugin=spec.name)
    reply = await case.unload(spec.ref)
    if script.startswith("stop-"):
        if case.recording.pending():
            raise NotClaimed("no stop hook ran: the rendered plugin reports none")
    else:
        case.expect(
            reply.ok,
            f"unload of a loaded plugin was refused: {reply.everything or 'no reason given'}",
            expected="unloaded",
            seen="refused",
        )
    await case.expect_replies(neighbours, "after unload a handler of the plugin still answers")
    if Claim.HOOKS in case.claims:
        _stopped_once(case, spec, version)
    left = sorted(set(sys.modules) - modules - set(sys.stdlib_module_names))
    left = [name for name in left if spec.name in name]
    case.expect(
        not left,
        f"after unload modules of the plugin are still in sys.modules: {', '.join(left)}",
        expected="none",
        seen=left,
    )
    await case.loaded(spec.at("v9"))
    await case.expect_replies(
        [*neighbours, "v9"], "a plugin that was unloaded does not serve when it is loaded again"
    )


def _stopped_once(case: Case, spec: PluginSpec, version: str) -> None:
    order = set(case.adapter.hook_order)
    for hook in ("stop", "teardown"):
        if f"old {hook}" not in order:
            continue
        ran = case.recording.count(hook, spec.name, version)
        case.expect(
            ran == 1,
            f"unload ran {hook} {ran} times"
            + (" (its hooks are inherited from a base class)" if spec.inherited else "")
            + ("" if ran or _ever(case, hook) else IF_LACKING),
            expected=f"{hook} once",
            seen=case.recording.whats(spec.name, version),
        )


def _ever(case: Case, hook: str) -> bool:
    return any(moment.what == hook for moment in case.recording.moments)


def _operations(adapter: type[HostAdapter]) -> Sequence[Variant]:
    claimed = [("reload", Claim.RELOAD), ("unload", Claim.UNLOAD)]
    claimed += [("enable", Claim.ENABLE), ("disable", Claim.ENABLE)]
    found = [name for name, claim in claimed if claim in adapter.claims]
    variants = [Variant(name, (name, "")) for name in ["load", *found]]
    for before, claim in (("unloaded", Claim.UNLOAD), ("failed", None)):
        if claim is None or claim in adapter.claims:
            variants += [
                Variant(f"{name}, of one that {_WAS[before]}", (name, before)) for name in found
            ]
    return variants


_WAS = {"unloaded": "was unloaded", "failed": "failed to load"}


async def _nobody(case: Case, before: str) -> None:
    """See to it that ``ghost`` was heard of, and is not there."""
    spec = PluginSpec(name="ghost")
    if before == "unloaded":
        await case.loaded(spec)
        await case.unload(spec.ref)
    elif before == "failed":
        shown = Claim.SNAPSHOT in case.claims
        registries = await case.registries() if shown else {}
        case.spoil(spec, lambda text: text + "\ndef broken(:\n", "and broken")
        if (await case.load(spec.ref)).ok:
            raise NotClaimed("a load that fails: this host takes what does not even compile")
        if shown and await case.registries() != registries:
            raise NotClaimed("a name that is forgotten: what failed to load stays (see HR-LOAD-02)")
    for relative in case.adapter.render(spec):
        # A host that finds plugins by itself would know one whose file is there.
        (case.workdir / relative).unlink(missing_ok=True)


@check("HR-LOAD-07", variants=_operations)
async def unknown_name(case: Case, what: tuple[str, str]) -> None:
    operation, before = what
    await case.loaded(PluginSpec())
    if before:
        await _nobody(case, before)
    served = await case.replies(WHO)
    registries = await case.registries() if Claim.SNAPSHOT in case.claims else {}
    name = f"a name that {_WAS[before]}" if before else "a name that nobody knows"
    reply: Reply = await getattr(case, operation)("ghost")
    after = await case.replies(WHO)
    case.expect(
        after == served,
        f"{operation} of {name} changed what serves",
        expected=served,
        seen=after,
    )
    if Claim.SNAPSHOT in case.claims:
        left = await case.registries()
        case.expect(
            left == registries,
            f"{operation} of {name} left something in the host's registries",
            expected=registries,
            seen=left,
        )
    case.expect(
        not reply.ok,
        f"{operation} of {name} was not refused",
        expected="a refusal",
        seen="ok",
    )
    case.expect(
        "ghost" in reply.everything,
        f"the refusal of {operation} of an unknown name does not say which name",
        expected="a message with 'ghost' in it",
        seen=reply.everything or "no message",
    )
    case.expect(
        not is_bare(reply.everything, "ghost"),
        f"{operation} of {name} ends in a look-up that failed, with no word of what is wrong",
        expected="words that say that no such plugin is known",
        seen=reply.everything,
    )


def _same_names(adapter: type[HostAdapter]) -> Sequence[Variant]:
    names = ["load"]
    if Claim.RELOAD in adapter.claims:
        names.append("reload")
    if Claim.UNLOAD in adapter.claims:
        names.append("unload")
    if Claim.PACKAGES in adapter.claims:
        names.append("packages")
    return [Variant(name, name) for name in names]


@check("HR-LOAD-09", variants=_same_names)
async def same_file_name(case: Case, script: str) -> None:
    package = script == "packages"
    one = PluginSpec(directory="one", version="v1", package=package)
    two = PluginSpec(directory="two", version="v5", package=package)
    await case.loaded(one)
    await case.loaded(two)
    await case.expect_replies(
        ["v1", "v5"],
        "two plugins whose files have the same name, in two directories, do not both serve "
        "their own code",
    )
    if script == "reload":
        await case.reloaded(two.at("v6"))
        await case.expect_replies(
            ["v1", "v6"], "a reload of one of two plugins with the same file name hit the other"
        )
        await case.reloaded(one.at("v2"))
        await case.expect_replies(
            ["v2", "v6"], "a reload of one of two plugins with the same file name hit the other"
        )
    if script == "unload":
        await case.unload(one.ref)
        await case.expect_replies(
            ["v5"], "an unload of one of two plugins with the same file name hit the other"
        )
