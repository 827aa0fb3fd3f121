"""CONF-01: a change of a settings file reaches whom it concerns, and nobody else."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from hot_reload_conformance.adapter import Claim, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.conf_lives import (
    after_a_failed_reload,
    changed_while_disabled,
    changed_while_out,
    out_and_in,
    reloads_behind_it,
)
from hot_reload_conformance.checks.graphs import touched
from hot_reload_conformance.checks.observe import SHUTDOWN
from hot_reload_conformance.checks.settings_file import SettingsFile
from hot_reload_conformance.probe import Probe

Settings = dict[str, dict[str, Any]]
Judge: TypeAlias = Callable[[Case, SettingsFile], Awaitable[None]]
"""What a variant brings: it does something to settings that run, and looks at what comes of it."""


@dataclass(frozen=True)
class Change:
    """A change of good settings, and the plugins that it concerns."""

    make: Callable[[Settings], object]
    concerns: tuple[str, ...]
    same_date: bool = False
    """The file keeps its mtime, as a copy that keeps dates does, or two writes in one grain."""

    async def __call__(self, case: Case, file: SettingsFile) -> None:
        await _there_and_back(case, file, self)


def _set(name: str, key: str, value: object) -> Callable[[Settings], object]:
    return lambda settings: settings[name].update({key: value})


def _two(settings: Settings) -> None:
    settings["alpha"]["size"], settings["gamma"]["greeting"] = 20, "good night"


def _two_keys(settings: Settings) -> None:
    settings["beta"].update(size=20, greeting="good night")


_EMPTY = {"size": 0, "greeting": "", "nested": {"list": [], "on": False}}
"""Settings that are there, and count as nothing where only their truth is looked at."""
_TEXT = "grüß dich, 'ihr' \"da\" \\ # {x}: 日本 \t."


def _set_all(name: str, values: dict[str, Any]) -> Callable[[Settings], object]:
    return lambda settings: settings[name].update(copy.deepcopy(values))


def _one_for_true(settings: Settings) -> None:
    """To Python they are equal; to a plugin they need not be."""
    settings["beta"]["nested"]["on"] = 1


async def _there_and_back(case: Case, file: SettingsFile, change: Change) -> None:
    how = f"another part for {', '.join(change.concerns)}"
    if change.same_date:
        file.dated, how = file.path.stat().st_mtime_ns, f"{how}, and the date is as before"
    for settings in (_changed(change, file.running), copy.deepcopy(file.running)):
        mark = case.recording.mark()
        whole, had = [*file.running.values(), *settings.values()], list[Any]()
        case.recording.plan("configure", _had_before(had), times=20)
        await file.took(settings, how)
        case.recording.unplanned()
        after = f"after a good settings file{' of the same date' * change.same_date} was applied"
        await file.expect_running(after)
        halves = [each for each in had if each and each not in whole]
        case.expect(
            not halves,
            f"{', '.join(change.concerns)} was given its new settings piece by piece: in between "
            "it ran with some that stand in no file",
            expected="all of them at once",
            seen=halves,
        )
        strange = sorted(touched(case.recording.moments[mark:]) - set(change.concerns))
        case.expect(
            not strange,
            f"a change of the settings of {', '.join(change.concerns)} touched "
            f"{', '.join(strange)}, whose own did not change",
            expected=f"only {', '.join(change.concerns)}",
            seen=[str(m) for m in case.recording.moments[mark:] if m.plugin in strange],
        )


def _had_before(had: list[Any]) -> Callable[[Probe], None]:
    """Notes what a plugin had, each time that it is given settings."""
    return lambda plugin: had.append(plugin.settings)


async def _reloaded(case: Case, file: SettingsFile) -> None:
    """New code begins with the settings that are there, not with its defaults."""
    mark = case.recording.mark()
    await case.reloaded(PluginSpec(name="beta", version="v2", settings=True))
    await file.expect_running("after a reload of beta's code")
    if not {Claim.HOOKS, Claim.BLUE_GREEN} <= case.claims:
        return
    moments = [m for m in case.recording.moments[mark:] if m.plugin == "beta"]
    given = [m.order for m in moments if m.version == "v2" and m.what == "configure"]
    gone = [m.order for m in moments if m.version == "v1" and m.what in SHUTDOWN]
    if given and gone:
        case.expect(
            given[0] < gone[0],
            "beta's new code was given its settings only when the old one was being shut down: it "
            "had begun to serve without them",
            expected="settings first, then the swap",
            seen=[str(m) for m in moments],
        )


async def _part_gone(case: Case, file: SettingsFile) -> None:
    """What a plugin then has is the host's to say: none, defaults, or it is refused."""
    before = await file.seen()
    rest = {name: settings for name, settings in file.running.items() if name != "beta"}
    file.write(file.text(rest), "without a part for beta")
    reply = await file.apply()
    after = await file.seen()
    if not reply.ok:
        await file.expect_running("after a settings file without a part for beta was refused")
        return
    case.expect(
        after.get("beta") != before["beta"],
        "a settings file without a part for beta was applied, and beta still runs with the "
        "settings that it had: no file has them any more",
        expected="no settings, defaults, or a refusal of the file",
        seen=after.get("beta"),
    )
    case.expect(
        all(after.get(name) == before[name] for name in rest),
        "a settings file without a part for beta was applied, and others have other settings too",
        expected={name: before[name] for name in rest},
        seen={name: after.get(name) for name in rest},
    )


@dataclass(frozen=True)
class Written:
    """Good settings in a file that is written otherwise than the host's own would be."""

    write: Callable[[str], str]
    greeting: str = "as it is written"

    async def __call__(self, case: Case, file: SettingsFile) -> None:
        settings = copy.deepcopy(file.running)
        settings["beta"]["greeting"] = self.greeting
        file.write(self.write(file.text(settings)), "good settings")
        reply = await file.apply()
        case.expect(
            reply.ok,
            f"a good settings file is refused for how it is written: {reply.everything}",
            expected="applied",
            seen="refused",
        )
        file.running = settings
        await file.expect_running("after a good settings file was applied")


_LONG = 70_000 * "x"
"""A value so long that no host has read the file in one go."""


def _changed(change: Change, settings: Settings) -> Settings:
    made = copy.deepcopy(settings)
    change.make(made)
    return made


_CHANGES: dict[str, Judge] = {
    "one value": Change(_set("beta", "size", 20), ("beta",)),
    "a text": Change(_set("alpha", "greeting", "good morning"), ("alpha",)),
    "a value deep inside": Change(lambda s: s["beta"]["nested"]["list"].append(3), ("beta",)),
    "a new key": Change(_set("gamma", "more", 7), ("gamma",)),
    "a key less": Change(lambda s: s["beta"].pop("nested"), ("beta",)),
    "two plugins": Change(_two, ("alpha", "gamma")),
    "two keys": Change(_two_keys, ("beta",)),
    "empty and false values": Change(_set_all("beta", _EMPTY), ("beta",)),
    "a number for what is equal to it": Change(_one_for_true, ("beta",)),
    "another order in a list": Change(lambda s: s["beta"]["nested"]["list"].reverse(), ("beta",)),
    "text of all kinds": Change(_set("alpha", "greeting", _TEXT), ("alpha",)),
    "the same date": Change(_set("beta", "size", 20), ("beta",), same_date=True),
    "Windows line ends": Written(lambda text: text.replace("\n", "\r\n")),
    "no line end at its end": Written(lambda text: text.rstrip("\n")),
    "more than 64 KiB": Written(lambda text: text, _LONG),
    "a reload of the code": _reloaded,
    "a part gone": _part_gone,
    "changed while it is disabled": changed_while_disabled,
    "unloaded and loaded again": out_and_in,
    "changed while it is unloaded": changed_while_out,
    "loaded again, then reloaded": reloads_behind_it,
    "a reload that fails between": after_a_failed_reload,
}


@check("HR-CONF-01", variants=[Variant(name, judge) for name, judge in _CHANGES.items()])
async def applied(case: Case, judge: Judge) -> None:
    file = SettingsFile(case)
    await file.applied()
    await judge(case, file)
