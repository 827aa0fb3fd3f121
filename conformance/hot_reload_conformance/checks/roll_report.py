"""ROLL, continued: what the caller is told, and failures after the commit or of the roll-back."""

from __future__ import annotations

from dataclasses import dataclass

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import Channel, Claim, HostAdapter, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.blamed import (
    OneOfSeveral,
    expect_blamed,
    expect_file_named,
    one_of_several,
)
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.hang import hang
from hot_reload_conformance.checks.observe import SHUTDOWN, hooks_of, serial_of, turns, who
from hot_reload_conformance.checks.stages import CAUSE, KINDS, few, few_and_a_hang, plain, stages
from hot_reload_conformance.planned import PlannedBase, PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

STAGE_WORDS: dict[str, tuple[str, ...]] = {
    "read": (
        *("read", "open", "source", "no such", "not found", "or found", "missing"),
        *("directory", "empty"),
    ),
    "syntax": ("syntax", "compil", "pars", "null byte", "decode"),
    "import": ("import", "execut", "module"),
    "plugin": (
        *("at plugin", "no plugin", "plugin:", "plugin class", "plugins", "several", "class"),
        *("entry point", "has no "),
    ),
    "metadata": ("metadata", "manifest", "version"),
    "construct": ("construct", "__init__", "instantiat", "creat", "init"),
    "setup": ("setup", "set up", "initiali"),
    "start": ("start", "activat", "enabl", "launch"),
    "get_reload_state": ("state", "capture"),
    "set_reload_state": ("state", "restor"),
    "health_check": ("health",),
    "on_reload": ("on_reload", "on reload", "reload hook"),
}
"""Words of which a report of a failure at that stage has at least one."""

CLEAN_UP = "clean-up fault 0815"


def _with_clean_up(adapter: type[HostAdapter]) -> tuple[Variant, ...]:
    found = [Variant(each.name, (each.value, False)) for each in stages(adapter, hangs=False)]
    found += [Variant(e.name, (e.value, False)) for e in few_and_a_hang(adapter) if e.value.hangs]
    if Claim.HOOKS in adapter.claims:
        found += [
            Variant(f"{each.name}, and the clean-up fails", (each.value, True))
            for each in few(adapter)
            if each.value.starts and each.value.cause == (CAUSE,)
        ]
    return (*found, *one_of_several(adapter))


@check("HR-ROLL-04", variants=_with_clean_up)
async def failure_reported(case: Case, value: tuple[Fault, bool] | OneOfSeveral | str) -> None:
    if isinstance(value, OneOfSeveral):
        await expect_blamed(case, value)
        return
    if isinstance(value, str):
        await expect_file_named(case)
        return
    fault, clean_up_fails = value
    await case.loaded(plain(case))
    if clean_up_fails:
        case.recording.plan("stop", raising(PlannedError, CLEAN_UP), version="v2")
    reply = await fault.strike(case, plain(case, "v2"))
    if clean_up_fails and case.recording.count("stop", "alpha", "v2") == 0:
        raise NotClaimed("a failing clean-up: this host ran no stop on the half-started one")
    expect_told(case, fault, reply)


def expect_told(case: Case, fault: Fault, reply: Reply) -> None:
    """``reply``, of a reload that met ``fault``, gives its caller the stage and the cause."""
    case.expect(
        not reply.ok,
        f"a reload failed ({fault.name}), but its caller was told that it went well",
        expected="a failure, raised or returned",
        seen="ok",
    )
    case.expect(
        reply.channel in (Channel.RAISED, Channel.RETURNED) and bool(reply.message),
        f"a reload failed ({fault.name}), and its caller was not told why: "
        f"{_channel_in_words(reply)}",
        expected="the cause, raised or returned",
        seen=reply.channel.value,
    )
    told = f"{reply.message}\n" + "\n".join(reply.warnings)
    if fault.cause:
        case.expect(
            any(word in told.lower() for word in fault.cause),
            f"a reload failed ({fault.name}), and what its caller got does not have the original "
            "cause" + (": the clean-up's failure hides it" if CLEAN_UP in told else ""),
            expected=" or ".join(repr(word) for word in fault.cause),
            seen=told.strip(),
        )
    words = STAGE_WORDS[fault.stage]
    if "empty" in fault.how:
        words += STAGE_WORDS["plugin"]  # a file with nothing in it has no plugin in it either
    where = f"{reply.stage or ''} {told}".lower().replace(case.workdir.name.lower(), "")
    case.expect(
        any(word in where for word in words),
        f"a reload failed ({fault.name}), and what its caller got does not name the stage",
        expected=" or ".join(repr(word) for word in words),
        seen=told.strip(),
    )


def _channel_in_words(reply: Reply) -> str:
    return {
        Channel.LOGGED: "the cause was logged only, which no program can act on",
        Channel.PRINTED: "the cause was printed only, which no program can act on",
    }.get(reply.channel, "there is no word of it")


@dataclass(frozen=True, slots=True)
class _Shutdown:
    """How the old one's shutdown goes wrong."""

    hook: str
    kind: type[BaseException] | None
    swallows: bool = False

    @property
    def name(self) -> str:
        if self.kind is None:
            return f"{self.hook} hangs{' and swallows its cancellation' if self.swallows else ''}"
        base = self.kind if self.kind is PlannedBase else self.kind.__bases__[0]
        return f"{self.hook} raises {base.__name__}"


def _shutdowns(adapter: type[HostAdapter]) -> tuple[Variant, ...]:
    found = [_Shutdown(hook, kind) for hook in SHUTDOWN for kind in KINDS]
    if Claim.TIMEOUTS in adapter.claims:
        found += [_Shutdown("flush", None), _Shutdown("stop", None, swallows=True)]
    return tuple(Variant(each.name, each) for each in found)


@check("HR-ROLL-07", variants=_shutdowns)
async def old_shutdown_failure_contained(case: Case, fault: _Shutdown) -> None:
    await case.loaded(plain(case, "v0"))
    first = serial_of(await who(case))
    mark = case.recording.mark()
    await case.reloaded(plain(case, "v1"))
    await turns(5)
    usual = [w for w in hooks_of(case.recording.moments[mark:], serial=first) if w in SHUTDOWN]
    if fault.hook not in usual:
        raise NotClaimed(f"{fault.hook}: this host does not call it on the old one")
    old = serial_of(await who(case))
    undrivable: list[bool] = []

    def action(at: probe.Probe) -> object:
        if fault.kind is not None:
            raise fault.kind(CAUSE)
        return hang(at, swallows=fault.swallows, undrivable=lambda: undrivable.append(True))

    case.recording.plan(fault.hook, action, plugin="alpha", version="v1")  # type: ignore[arg-type]
    mark = case.recording.mark()
    case.write(plain(case, "v2"))
    reply = await case.reload("alpha")
    await turns(5)
    if undrivable:
        raise NotClaimed(f"a hang in {fault.hook}: this host's hooks are synchronous")
    ran = [w for w in hooks_of(case.recording.moments[mark:], serial=old) if w in SHUTDOWN]
    if fault.hook not in ran:
        raise CannotJudge(f"the old one's {fault.hook} ran in one reload, but not in the next")
    await case.expect_replies(
        ["v2"], f"the old one's {fault.name}, and the new one does not serve: the swap was undone"
    )
    case.expect(
        reply.ok,
        f"the old one's {fault.name}, and the reload is called a failure though the new one "
        f"serves: {reply.everything or 'no word why'}",
        expected="ok, with a warning",
        seen="failed",
    )
    case.expect(
        ran == usual,
        f"the old one's {fault.name}, and the hooks after it were skipped or ran twice",
        expected=usual,
        seen=ran,
    )
    words = (CAUSE,) if fault.kind else (fault.hook, "time", "deadline")
    case.expect(
        any(word in reply.everything.lower() for word in words),
        f"the old one's {fault.name}, and "
        + (
            "what is said of it with the successful reload does not have the original cause"
            if reply.everything
            else "nobody is told: no warning with the successful reload"
        ),
        expected=" or ".join(repr(word) for word in words),
        seen=reply.everything or "no word",
    )
    await case.reloaded(plain(case, "v3"))
    await case.expect_replies(["v3"], f"the old one's {fault.name}, and the next edit is not taken")


SECOND = "restore fault 0815"


def _late_faults(adapter: type[HostAdapter]) -> tuple[Variant, ...]:
    """Faults that strike when the old one has been stopped for the new one."""
    return tuple(
        each for each in few(adapter) if each.value.starts and each.value.cause == (CAUSE,)
    )


@check("HR-ROLL-09", needs=[Claim.HOOKS], variants=_late_faults)
async def rollback_failure_is_declared(case: Case, fault: Fault) -> None:
    def spec(version: str) -> PluginSpec:
        return plain(case, version, stop_first=True)

    struck: list[probe.Probe] = []

    def refuse(at: probe.Probe) -> None:
        struck.append(at)
        raise PlannedError(SECOND)

    await case.loaded(spec("v1"))
    case.recording.plan("start", refuse, version="v1", times=1000)
    reply = await fault.strike(case, spec("v2"))
    await turns(5)
    if not struck:
        raise NotClaimed(f"{fault.stage}: the old one is brought back without its start")
    told = reply.everything.lower()
    case.expect(
        not reply.ok, f"the new one failed ({fault.name}) and so did the old one's restart, but ok"
    )
    for cause, whose in ((CAUSE, "the new one's failure"), (SECOND, "the failed restart")):
        case.expect(
            cause in told,
            f"neither the new one nor the old one runs, and the cause of {whose} is not told",
            expected=cause,
            seen=reply.everything or "no word",
        )
    case.expect(
        "failed" in f"{told} {reply.stage or ''}".lower(),
        "neither the new one nor the old one runs, and no FAILED state is declared",
        expected="FAILED",
        seen=reply.everything,
    )
    await case.expect_replies([], "a plugin that could not be restored still answers")
    case.recording.unplanned()
    case.write(spec("v3"))
    reply = await case.reload("alpha")
    case.expect(
        reply.ok,
        "a plugin in FAILED state is not brought back by the next good edit: it is silently gone, "
        f"or stuck: {reply.everything or 'no word why'}",
        expected="reloaded",
        seen="refused",
    )
    await case.expect_replies(["v3"], "a plugin in FAILED state: the next good edit does not serve")
