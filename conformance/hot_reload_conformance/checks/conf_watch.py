"""CONF-04: a bad settings file costs the next good one nothing."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim, HostAdapter, implements
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.watching import SLACK_SECONDS, Watching, manual_ports
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.settings_file import SettingsFile
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import CannotJudge

REST_SECONDS = 120.0
"""Between two edits that have nothing to do with each other; each begins on a full minute."""
LATEST_SECONDS = 60.0
"""How long a good file is waited for, of the host's own time."""


@dataclass(frozen=True)
class Bad:
    """What is written before the good file, and how long before it."""

    what: str
    seconds_before: float

    async def __call__(self, case: Case) -> None:
        await _watched(case, self)


def _scripts(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant("when it is asked", _asked)]
    if implements(adapter, "start_config_watch"):
        found += [
            Variant(f"{what}, {seconds:g} s before", Bad(what, seconds))
            for what in ("half-written", "empty", "a wrong value")
            for seconds in (0.05, 1.5, 3.0)
        ]
    return found


@check(
    "HR-CONF-04",
    variants=_scripts,
    ports=manual_ports,
    needs=(Claim.CONFIG, Claim.CLOCK),
    kind=Kind.EXAMPLE,
)
async def next_good_applies(case: Case, judge: Callable[[Case], Awaitable[None]]) -> None:
    await judge(case)


async def _asked(case: Case) -> None:
    file = SettingsFile(case)
    await file.applied()
    for what in ("half-written", "empty", "a wrong value"):
        _write_bad(file, what)
        await file.apply()
        await file.took(_other(file, f"behind {what}"))
        await file.expect_running("after a bad settings file and then a good one")


async def _watched(case: Case, bad: Bad) -> None:
    file = SettingsFile(case)
    await file.applied()
    watching = Watching(case)
    await watching.driven(case.adapter.start_config_watch(file.path), "start_config_watch")
    without = await _took_seconds(watching, file, None, bad.seconds_before)
    if without is None:
        raise CannotJudge(
            f"the watch of the settings file did not apply a good one in {LATEST_SECONDS:g} s"
        )
    behind = await _took_seconds(watching, file, bad, bad.seconds_before)
    case.expect(
        behind is not None,
        f"a good settings file, written {bad.seconds_before:g} s after one that was {bad.what}, "
        f"is not applied in {LATEST_SECONDS:g} s",
        expected=f"applied after {without:.2f} s, as without the bad one",
        seen="never",
    )
    assert behind is not None
    # A poll may come at another moment of its period.
    latest = without + watching.pace.notice_seconds + watching.pace.quiet_seconds + SLACK_SECONDS
    case.expect(
        behind <= latest,
        f"a good settings file, written {bad.seconds_before:g} s after one that was {bad.what}, "
        f"is applied after {behind:.2f} s; without the bad one it took {without:.2f} s",
        expected=f"at most {latest:.2f} s",
        seen=f"{behind:.2f} s",
    )
    await file.expect_running("after a bad settings file and then a good one")


async def _took_seconds(
    watching: Watching, file: SettingsFile, bad: Bad | None, before: float
) -> float | None:
    """How long it takes until a good file is applied; None: it is not."""
    case = watching.case
    await watching.run(REST_SECONDS - watching.now() % 60.0)
    if bad is not None:
        _write_bad(file, bad.what)
        watching.hint(file.path)
    await watching.run(before)
    file.running = _other(file, f"good at {watching.now():.2f} s")
    file.write(file.text(file.running), f"good settings [{watching.now():.2f} s]")
    began, given = watching.now(), list[float]()

    def hear(moment: Moment) -> None:
        if moment.what == "configure" and moment.phase == "end":
            given.append(watching.now())

    case.recording.listeners.append(hear)
    watching.hint(file.path)
    await watching.run(LATEST_SECONDS)
    case.recording.listeners.remove(hear)
    return given[0] - began if given else None


def _write_bad(file: SettingsFile, what: str) -> None:
    texts = {
        "half-written": file.cut(),
        "empty": "",
        "a wrong value": file.with_mark("beta", "size"),
    }
    file.write(texts[what], what)


def _other(file: SettingsFile, greeting: str) -> dict[str, dict[str, object]]:
    settings = copy.deepcopy(file.running)
    settings["alpha"]["greeting"] = greeting
    return settings
