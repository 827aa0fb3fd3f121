"""ROLL: what a host owes when a reload fails, at whatever stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.fault import Fault
from hot_reload_conformance.checks.observe import hooks_of, serial_of, turns, who
from hot_reload_conformance.checks.stages import few, few_and_a_hang, plain, stages
from hot_reload_conformance.planned import PlannedError
from hot_reload_conformance.verdict import CannotJudge, NotClaimed


def restored_as_itself(case: Case) -> bool:
    """Whether the same object has to serve on, and not a fresh one of the old code.

    A host that stops the old one first has stopped it; it may start the old code anew.
    """
    return Claim.STOP_FIRST not in case.claims or Claim.BLUE_GREEN in case.claims


@dataclass(frozen=True)
class _GivesWay:
    """The old one is stopped first, as it declares, and ``fault`` strikes then."""

    fault: Fault


def _failures(adapter: type[HostAdapter]) -> tuple[Variant, ...]:
    found = stages(adapter)
    if {Claim.STOP_FIRST, Claim.BLUE_GREEN, Claim.STATE} <= adapter.claims:
        # Where every reload is one of these, the others have shown it.
        found += tuple(
            Variant(f"stopped first, {each.name}", _GivesWay(each.value))
            for each in stages(adapter, kinds=(PlannedError,), hangs=False)
            if each.value.starts
        )
    return found


@check("HR-ROLL-01", variants=_failures)
async def old_keeps_serving(case: Case, fault: Fault | _GivesWay) -> None:
    if isinstance(fault, _GivesWay):
        await _given_back(case, fault.fault)
        return
    await case.loaded(plain(case))
    await case.replies(Event("add", 5))
    state = await case.replies(Event("get"))
    old = await who(case)
    await fault.strike(case, plain(case, "v2"))
    await turns(5)
    case.expect(
        await case.replies(tell=False) != ["v2"],
        f"a reload was made to fail ({fault.name}), and the new one serves all the same: the old "
        "one does not serve any more",
        expected=["v1"],
        seen=["v2"],
    )
    await case.expect_replies(
        ["v1"], f"a reload failed ({fault.name}), and the old one does not serve any more"
    )
    same = restored_as_itself(case)
    if same:
        now = await who(case)
        case.expect(
            now == old,
            f"a reload failed ({fault.name}), and another object than the old one serves",
            expected=old,
            seen=now,
        )
    if same or Claim.STATE in case.claims:
        kept = await case.replies(Event("get"))
        case.expect(
            kept == state,
            f"a reload failed ({fault.name}), and the old one's state is not what it was",
            expected=state,
            seen=kept,
        )


async def _given_back(case: Case, fault: Fault) -> None:
    """The old one comes back with its state, though it may be another object by then."""
    await case.loaded(plain(case, stop_first=True))
    await case.replies(Event("add", 5))
    state = await case.replies(Event("get"))
    await fault.strike(case, plain(case, "v2", stop_first=True))
    await turns(5)
    await case.expect_replies(
        ["v1"],
        f"a reload of a plugin that stops first failed ({fault.name}), and the old one did not "
        "come back",
    )
    kept = await case.replies(Event("get"))
    case.expect(
        kept == state,
        f"a reload of a plugin that stops first failed ({fault.name}), and the old one came back "
        "without the state that it had",
        expected=state,
        seen=kept,
    )


@check("HR-ROLL-02", needs=[Claim.HOOKS], variants=few)
async def old_untouched(case: Case, fault: Fault) -> None:
    await case.loaded(plain(case))
    old = serial_of(await who(case))
    mark = case.recording.mark()
    await fault.strike(case, plain(case, "v2"))
    await turns(5)
    if await case.replies() == ["v2"]:
        return  # the new one serves for all that, HR-ROLL-01's matter: the old one had to go
    ran = hooks_of(case.recording.moments[mark:], serial=old)
    touched = [what for what in ran if what in ("stop", "teardown", "setup", "start")]
    case.expect(
        not touched,
        f"a reload failed ({fault.name}), but the old one's {', '.join(touched)} ran: what serves "
        "on is a plugin that was shut down or set up again",
        expected="none of stop, teardown, setup, start on the old one",
        seen=touched,
    )


@check("HR-ROLL-03", variants=few_and_a_hang)
async def new_released(case: Case, fault: Fault) -> None:
    await case.loaded(plain(case, "v1"))
    await case.reloaded(plain(case, "v2"))
    await turns(5)
    if case.recording.count("stop", "alpha", "v1") == 0:
        raise NotClaimed("stop: this host never called a plugin's stop, not even the old one's")
    before = await case.registries() if Claim.SNAPSHOT in case.claims else {}
    # A hang costs its deadline in real time, so it is shown once.
    for version in ("v3",) if fault.hangs else ("v3", "v4", "v5"):
        mark = case.recording.mark()
        await fault.strike(case, plain(case, version))
        await turns(5)
        if await case.replies() == [version]:
            return  # it serves for all that, HR-ROLL-01's matter: there is nothing to release
        stops = hooks_of(case.recording.moments[mark:], version=version).count("stop")
        if fault.hangs and not stops:
            # Where start and stop are parts of one coroutine, stop comes when start lets go.
            case.recording.let_go()
            await turns()
            stops = hooks_of(case.recording.moments[mark:], version=version).count("stop")
        if _began(case, mark, version):
            _released_once(case, fault, stops)
        else:
            case.expect(
                stops <= 1,
                f"the new one that failed ({fault.name}) was stopped {stops} times",
                expected="at most once",
                seen=stops,
            )
        seen = await case.replies()
        case.expect(
            version not in seen,
            f"something of the new one that failed ({fault.name}) still answers",
            expected=["v2"],
            seen=seen,
        )
        if seen != ["v2"]:
            return  # the old one is gone, HR-ROLL-01's matter: there is nothing to compare with
        if Claim.SNAPSHOT in case.claims:
            now = await case.registries()
            case.expect(
                now == before,
                f"something of the new one that failed ({fault.name}) stayed registered",
                expected=before,
                seen=now,
            )


def _began(case: Case, mark: int, version: str) -> bool:
    """Whether that version's start began, after which it may hold something."""
    return "start" in hooks_of(case.recording.moments[mark:], version=version)


def _released_once(case: Case, fault: Fault, stops: int) -> None:
    case.expect(
        stops != 0,
        f"the new one's start had begun when it failed ({fault.name}), but its stop never ran: "
        "what it had acquired leaks",
        expected="stop, once",
        seen="no stop",
    )
    case.expect(
        stops == 1,
        f"the half-started new one that failed ({fault.name}) was stopped {stops} times",
        expected="stop, once",
        seen=f"{stops} times",
    )


@check("HR-ROLL-05", variants=few_and_a_hang)
async def next_good_edit_loads(case: Case, fault: Fault) -> None:
    await case.loaded(plain(case))
    for number in (2, 4) if not fault.hangs else (2,):
        await fault.strike(case, plain(case, f"v{number}"))
        if number == 4:  # twice in a row: an error must not pile up either
            again = fault.arrange(case, plain(case, "v4"))
            reply = await case.reload("alpha")
            if not reply.ok:  # else it took the same bytes for no change, and ran nothing
                again.require(reply)
            again.undo()
            case.recording.unplanned()
        # Whether the old one serves on meanwhile is HR-ROLL-01's matter.
        good = f"v{number + 1}"
        case.write(plain(case, good))
        reply = await case.reload("alpha")
        case.expect(
            reply.ok,
            f"after a failed reload ({fault.name}) the next good edit does not load: "
            f"{reply.everything or 'no reason given'}",
            expected="reloaded",
            seen="refused",
        )
        await case.expect_replies(
            [good],
            f"after a failed reload ({fault.name}) the next good edit does not serve, though the "
            "reload said ok",
        )


_UNCHANGED = ("unchanged", "nothing changed", "no change", "not changed", "up to date")


@check("HR-ROLL-06", variants=few)
async def revert_clears_error(case: Case, fault: Fault) -> None:
    await case.loaded(plain(case))
    await fault.strike(case, plain(case, "v2"))
    case.write(plain(case, "v1"))
    reply = await case.reload("alpha")
    case.expect(
        reply.ok or any(word in reply.everything.lower() for word in _UNCHANGED),
        f"a bad edit ({fault.name}) was taken back, but the error stays: "
        f"{reply.everything or 'no reason given'}",
        expected="ok: what is on disk is what runs",
        seen="failed",
    )
    await case.expect_replies(["v1"], f"a bad edit ({fault.name}) was taken back: v1 is not on")
    # The bytes that failed before are tried again, now that nothing is wrong with them.
    await case.reloaded(plain(case, "v2"))
    await case.expect_replies(
        ["v2"], f"a bad edit ({fault.name}) was taken back; the good edit after it is not taken"
    )


@check("HR-ROLL-08", needs=[Claim.HOOKS], variants=few)
async def setup_that_cannot_run_twice(case: Case, fault: Fault) -> None:
    await case.loaded(plain(case))
    # A host with one hook for both has a plugin set up in its start.
    hooks = [each for each in ("setup", "start") if case.recording.count(each, "alpha")]
    if not hooks:
        raise NotClaimed(
            "setup: the rendered plugin reports neither a setup nor a start hook, so nothing "
            "runs twice"
        )
    hook = hooks[0]
    again: list[probe.Probe] = []

    def refuse(at: probe.Probe) -> None:
        again.append(at)
        raise PlannedError("this plugin is set up already")

    if fault.stage != hook:
        case.recording.plan(hook, refuse, version="v1", times=1000)
    arranged = fault.arrange(case, plain(case, "v2"))
    reply = await case.reload("alpha")
    arranged.require(reply)
    await turns(5)
    await case.expect_replies(
        ["v1"],
        f"a reload failed ({fault.name}), and the old one is gone: its {hook} can run only once, "
        + ("and the roll-back ran it again" if again else "and the roll-back did not restore it"),
    )
    if not again:
        return
    # What answers now may be what the second attempt had registered before it was refused.
    case.write(plain(case, "v3"))
    reply = await case.reload("alpha")
    case.expect(
        reply.ok,
        f"a reload failed ({fault.name}), the roll-back ran the old one's {hook} again, which can "
        f"run only once, and now the next good edit is refused: {reply.everything}",
        expected="the old one as it was, and the edit reloaded",
        seen="failed",
    )


def base_exceptions(adapter: Any) -> list[Variant]:
    """The stages at which a plugin can raise one; a variant without, where there are none."""
    return [each for each in stages(adapter, hangs=False) if each.value.base] or [Variant("")]


@check("HR-ROLL-10", variants=base_exceptions)
async def host_survives_base_exceptions(case: Case, fault: Fault | None) -> None:
    if fault is None:
        raise NotClaimed(
            "a stage at which the kit can have a plugin raise: declare 'import' in the adapter's "
            "stages if its plugins run in this process"
        )
    await case.loaded(plain(case))
    await case.loaded(PluginSpec(name="beta", version="v7"))
    await fault.strike(case, plain(case, "v2"))
    await turns(5)
    escaped = ", ".join(type(each).__mro__[1].__name__ for each in case.escaped)
    case.expect(
        not case.escaped,
        f"{escaped} from a plugin ({fault.name}) came out of the host's reload: in a real program "
        "it ends the host or its watcher",
        expected="a failed reload",
        seen=escaped,
    )
    await case.expect_replies(
        ["v1", "v7"], f"after a plugin's BaseException ({fault.name}) not everybody serves"
    )
    await case.reloaded(plain(case, "v3"))
    await case.expect_replies(
        ["v3", "v7"], f"after a plugin's BaseException ({fault.name}) the host reloads no more"
    )


@check("HR-ROLL-11")
async def deleted_file(case: Case, _: Any) -> None:
    files = await _loaded_files(case)
    old = await who(case)
    next(iter(files.values())).unlink()
    case.tell("delete the plugin's file")
    reply = await case.reload("alpha")
    seen = await case.replies()
    if seen == [] and reply.ok:
        said = reply.everything.lower()
        case.expect(
            any(word in said for word in ("unload", "remov", "delet", "gone")),
            "a plugin whose file is gone was taken out without a word",
            expected="a declared unload, or a failed reload",
            seen=reply.everything or "no word",
        )
        await case.loaded(plain(case, "v2"))
    else:
        case.expect(
            not reply.ok,
            "the reload of a plugin whose file is gone says ok",
            expected="a failed reload",
            seen="ok",
        )
        case.expect(
            seen == ["v1"],
            "a plugin's file is gone, its reload failed, and the old one does not serve on",
            expected=["v1"],
            seen=seen,
        )
        if restored_as_itself(case):
            now = await who(case)
            case.expect(
                now == old, "another object than the old one serves", expected=old, seen=now
            )
        await case.reloaded(plain(case, "v2"))
    await case.expect_replies(["v2"], "the plugin's file is back, but it does not serve")


async def _loaded_files(case: Case) -> dict[str, Any]:
    files = case.write(plain(case))
    reply = await case.load("alpha")
    if not reply.ok:
        raise CannotJudge(f"a good plugin does not load: {reply.everything}")
    return dict(files)
