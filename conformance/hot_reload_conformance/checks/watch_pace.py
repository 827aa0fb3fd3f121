"""WATCH: when a reload begins: after the quiet period, within the longest wait, never on half."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold
from hot_reload_conformance.bench.watching import (
    ALPHA,
    SLACK_SECONDS,
    Watching,
    manual_ports,
    wall_clock,
)
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.watch import DEADLINE_SECONDS, held, version
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.verdict import CannotJudge
from hot_reload_fixtures.mutators import SaveStyle, torn_save

Doing: TypeAlias = Callable[[Watching], Awaitable[None]]

# HR-WATCH-03


async def _saves(watching: Watching) -> None:
    for number in range(2, 12):
        watching.save(version(number))
        await watching.run(watching.pace.quiet_seconds / 20)
    await _one_reload(watching, "v11")


async def _backup_rename(watching: Watching) -> None:
    """One save that makes half a dozen events."""
    watching.save(version(2), SaveStyle.BACKUP_RENAME)
    for _ in range(5):
        watching.hint(watching.path(ALPHA))
    await _one_reload(watching, "v02")


async def _after_a_reload(watching: Watching) -> None:
    watching.save(version(2))
    await watching.run(watching.pace.notice_seconds + 3 * watching.pace.quiet_seconds)
    if not watching.runs_of(ALPHA.name, "v02"):
        await watching.settle()
    watching.runs.clear()
    for number in range(3, 7):
        watching.save(version(number))
        await watching.run(watching.pace.quiet_seconds / 10)
    await _one_reload(watching, "v06")


async def _two_plugins(watching: Watching) -> None:
    """As a checkout does: both files, twice, in a moment."""
    for number in (2, 3):
        watching.save(version(number))
        watching.save(version(number).at(f"w{number:02}", name="beta"))
        await watching.run(watching.pace.quiet_seconds / 5)
    await watching.settle()
    for name in (ALPHA.name, "beta"):
        watching.expect_runs(1, f"a burst of saves of two plugins reloads {name} once", plugin=name)
    await watching.expect_serving(["v03", "w03"], "after a burst of saves of two plugins")


async def _package(watching: Watching) -> None:
    for number in (2, 3):
        watching.case.write(version(number).at(f"v{number:02}", package=True))
        watching.hint(watching.path(ALPHA))
        watching.noted(ALPHA.name, "write all files of the package")
        await watching.run(watching.pace.quiet_seconds / 5)
    await _one_reload(watching, "v03")


async def _one_reload(watching: Watching, last: str) -> None:
    await watching.settle()
    watching.expect_runs(1, "a burst within the quiet period gives one reload")
    await watching.expect_serving(last, "after a burst the last of its edits does not run")


BURSTS: dict[str, Doing] = {
    "saves": _saves,
    "backup-rename": _backup_rename,
    "after-a-reload": _after_a_reload,
    "two-plugins": _two_plugins,
    "package": _package,
}


def _bursts(adapter: type[HostAdapter]) -> Sequence[Variant]:
    packages = Claim.PACKAGES in adapter.claims
    return [Variant(k, (k, do)) for k, do in BURSTS.items() if packages or k != "package"]


@check(
    "HR-WATCH-03",
    variants=_bursts,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def coalesces(case: Case, what: tuple[str, Doing]) -> None:
    name, do = what
    watching = Watching(case)
    plugins = [version(1).at("v01", package=name == "package")]
    if name == "two-plugins":
        plugins.append(version(1).at("w01", name="beta"))
    await watching.serving(*plugins)
    await do(watching)


# HR-WATCH-04


def _constant(steps: int) -> Doing:
    """Edits that leave no quiet period between them, for less than the longest wait."""

    async def do(watching: Watching) -> None:
        pause = watching.pace.quiet_seconds * 0.6
        # The first of them may have been noticed late, so count from the last one back.
        most = int((watching.pace.max_wait_seconds - 2 * watching.pace.quiet_seconds) / pause)
        for number in range(2, 2 + max(2, min(steps, most))):
            watching.save(version(number))
            await watching.run(pause)
        await watching.settle()

    return do


async def _while_it_loads(watching: Watching) -> None:
    """Another plugin is edited while this one is being reloaded: it has its own quiet period."""
    hold = Hold()
    watching.case.recording.plan("start", hold, plugin=ALPHA.name, version="v02")
    watching.save(version(2))
    await watching.run(watching.pace.notice_seconds + 3 * watching.pace.quiet_seconds)
    held(watching, hold)
    for number in (2, 3, 4):
        watching.save(version(number).at(f"w{number:02}", name="beta"))
        watching.save(version(number + 1))
        await watching.run(watching.pace.quiet_seconds * 0.6)
    hold.open()
    await watching.settle()


def _jumping(jump_seconds: float) -> Doing:
    async def do(watching: Watching) -> None:
        jumped = False
        with wall_clock(watching, lambda: jump_seconds if jumped else 0.0):
            # Once under it, for a host that has taken the real time until now.
            watching.save(version(2))
            await watching.settle()
            for number in (3, 4):
                watching.save(version(number))
                await watching.run(watching.pace.quiet_seconds * 0.4)
            jumped = True
            watching.case.tell(f"the system's clock is set by {jump_seconds:+g} s")
            await watching.settle()

    return do


async def _as_it_is_switched_on(watching: Watching) -> None:
    """What was edited a moment before may be half of what is to come."""
    await watching.driven(watching.case.adapter.disable_watch(), "disable_watch")
    watching.save(version(2))
    await watching.run(watching.pace.notice_seconds + 2 * watching.pace.quiet_seconds)
    watching.save(version(3))
    await watching.run(watching.pace.quiet_seconds * 0.2)
    await watching.driven(watching.case.adapter.enable_watch(), "enable_watch")
    await watching.settle()


QUIET: dict[str, tuple[str, Doing]] = {
    "switched-on": ("as the watch was switched on, ", _as_it_is_switched_on),
    "two-edits": ("", _constant(2)),
    "constant-edits": ("", _constant(50)),
    "while-another-loads": ("while another plugin was reloaded, ", _while_it_loads),
    "clock-set-back": ("with the system's clock set back, ", _jumping(-3600.0)),
    "clock-set-forward": ("with the system's clock set forward, ", _jumping(3600.0)),
}


def _quiet(adapter: type[HostAdapter]) -> Sequence[Variant]:
    needs = {"while-another-loads": Claim.HOOKS, "switched-on": Claim.ENABLE_WATCH}
    return [
        Variant(k, each)
        for k, each in QUIET.items()
        if k not in needs or needs[k] in adapter.claims
    ]


@check("HR-WATCH-04", variants=_quiet, ports=manual_ports, deadline_seconds=DEADLINE_SECONDS)
async def quiet_period(case: Case, what: tuple[str, Doing]) -> None:
    text, do = what
    watching = Watching(case)
    await watching.serving(version(1), version(1).at("w01", name="beta"))
    await do(watching)
    quiet = watching.pace.quiet_seconds
    edited = [name for name in watching.edited_at if watching.edited_at[name]]
    for name in edited:
        ran = watching.runs_of(name)
        case.expect(
            bool(ran) and ran[-1].at >= watching.edited_at[name][-1],
            f"{text}an edit of {name} was not loaded within {watching.pace.converge_seconds:g} s",
            expected="a reload after the quiet period",
            seen="none",
        )
    for each in watching.runs:
        before = [at for at in watching.edited_at.get(each.plugin, []) if at <= each.at]
        since = each.at - max(before)
        case.expect(
            since >= quiet - SLACK_SECONDS,
            f"{text}the host reloaded {each.plugin} {since:.3f} s after an edit of it; its quiet "
            f"period is {quiet:g} s",
            expected=f"a reload at least {quiet:g} s after the last edit",
            seen=str(each),
        )


# HR-WATCH-05


@check(
    "HR-WATCH-05",
    variants=[
        Variant("fast", 0.25),
        Variant("just-below-the-quiet-period", 0.8),
        Variant("untold", -0.5),
    ],
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
)
async def max_wait(case: Case, share: float) -> None:
    watching = Watching(case)
    pace = watching.pace
    await watching.serving(version(1))
    pause = pace.quiet_seconds * abs(share)
    bound = pace.max_wait_seconds + pace.notice_seconds
    began, number = watching.now(), 2
    while watching.now() - began < bound + pace.quiet_seconds:
        watching.save(version(number).at(f"v{number:03}"), told=share > 0)
        number += 1
        await watching.run(pause)
    first = watching.runs[0].at - began if watching.runs else None
    case.expect(
        first is not None and first <= bound + pause,
        f"under constant change, an edit every {pause:g} s, no reload came within the longest wait "
        f"of {pace.max_wait_seconds:g} s",
        expected=f"a reload within {bound:g} s of the first edit",
        seen="none" if first is None else f"after {first:.2f} s",
    )
    await watching.settle()
    await watching.expect_serving(
        f"v{number - 1:03}", "after edits without a pause the last of them does not run"
    )


# HR-WATCH-06

WHOLE = "whole"


def _long(spec: PluginSpec, watching: Watching) -> bytes:
    """``spec``, with a last line that tells that it was reached."""
    line = (
        "\n# the second half of the plugin begins here\n"
        "__import__('hot_reload_conformance.probe', fromlist=['reach'])"
        f".reach({spec.name!r}, {spec.version!r}, {WHOLE!r})\n"
    )
    return watching.text(spec) + line.encode()


def _save(watching: Watching, number: int) -> None:
    """Save a version, all of it at once."""
    spec = version(number)
    watching.put(watching.path(spec), _long(spec, watching))
    watching.noted(spec.name, f"save {spec.version}")


async def _torn(watching: Watching, number: int, seconds: float, *, empty: bool = False) -> None:
    """Save a version in two halves, ``seconds`` apart; the first one compiles."""
    spec = version(number)
    data = _long(spec, watching)
    cut = 0 if empty else data.rindex(b"\n# the second half") + 1
    path = watching.path(spec)
    with torn_save(path, data, at=cut):
        watching.hint(path)
        watching.noted(spec.name, f"{spec.version} is half written")
        await watching.run(seconds)
    watching.hint(path)
    watching.noted(spec.name, f"{spec.version} is whole")


def _paused(share: float, phase: float, *, empty: bool = False) -> Doing:
    async def do(watching: Watching) -> None:
        await watching.run(watching.pace.notice_seconds * phase)
        await _torn(watching, 2, watching.pace.quiet_seconds * share, empty=empty)

    return do


async def _at_the_end_of_the_cooldown(watching: Watching) -> None:
    """Waiting for a limit is no quiet period."""
    pace = watching.pace
    _save(watching, 2)
    for _ in range(1_000):
        await watching.run(pace.quiet_seconds / 5)
        if watching.runs:
            break
    else:
        raise CannotJudge("the edit was not loaded, so there was no cooldown")
    _save(watching, 3)
    ends = watching.runs[-1].at + pace.cooldown_seconds
    await watching.run(ends - 0.35 * pace.quiet_seconds - watching.now())
    await _torn(watching, 4, pace.quiet_seconds * 0.7)


async def _in_every_save(watching: Watching) -> None:
    """Saved all the time, each time torn for a moment, beyond the longest wait."""
    pace = watching.pace
    began, number = watching.now(), 2
    while watching.now() - began < pace.max_wait_seconds + pace.notice_seconds:
        await _torn(watching, number, pace.quiet_seconds / 40)
        await watching.run(pace.quiet_seconds / 2)
        number += 1


async def _during_a_reload(watching: Watching) -> None:
    hold = Hold()
    watching.case.recording.plan("start", hold, plugin=ALPHA.name, version="v02")
    _save(watching, 2)
    await watching.run(watching.pace.notice_seconds + 3 * watching.pace.quiet_seconds)
    held(watching, hold)
    spec = version(3)
    path, data = watching.path(spec), _long(spec, watching)
    with torn_save(path, data, at=data.rindex(b"\n# the second half") + 1):
        watching.hint(path)
        watching.noted(spec.name, "v03 is half written")
        hold.open()
        await watching.run(watching.pace.quiet_seconds * 0.7)
    watching.hint(path)
    watching.noted(spec.name, "v03 is whole")


TORN: dict[str, Doing] = {
    **{
        f"paused-{share:g}-{phase:g}": _paused(share, phase)
        for share in (0.1, 0.5, 0.9)
        for phase in (0.0, 0.3, 0.96)
    },
    "empty-first": _paused(0.7, 0.5, empty=True),
    "at-the-end-of-the-cooldown": _at_the_end_of_the_cooldown,
    "in-every-save": _in_every_save,
    "during-a-reload": _during_a_reload,
}


def _halves(adapter: type[HostAdapter]) -> Sequence[Variant]:
    hooks = Claim.HOOKS in adapter.claims
    return [
        Variant(name, do)
        for name, do in TORN.items()
        if (hooks or name != "during-a-reload")
        and (adapter.pace.cooldown_seconds or name != "at-the-end-of-the-cooldown")
    ]


@check(
    "HR-WATCH-06",
    variants=_halves,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def torn_file_never_runs(case: Case, do: Doing) -> None:
    watching = Watching(case)
    await watching.serving(version(1))
    await do(watching)
    await watching.settle()
    for each in dict.fromkeys(run.version for run in watching.runs):
        begun = case.recording.count("import", ALPHA.name, each)
        ended = case.recording.count(WHOLE, ALPHA.name, each)
        case.expect(
            begun == ended,
            f"half of a file ran: {each} was loaded {begun} times, and its last line reached "
            f"{ended} times; its second half was not written yet",
            expected="two equal reads before a load",
            seen=f"{begun} loads, {ended} of the whole file",
        )
    if WHOLE not in case.recording.whats(ALPHA.name):
        raise CannotJudge("the file that was torn was never loaded, not even when it was whole")
