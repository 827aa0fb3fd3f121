"""CONF: a settings file is applied wholly or not at all, and belongs to nobody but its host."""

from __future__ import annotations

import copy
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, implements
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.graphs import touched
from hot_reload_conformance.checks.settings_file import (
    PLUGINS,
    SettingsFile,
    first_settings,
    numbers_in,
)
from hot_reload_conformance.checks.stages import CAUSE
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

Settings = dict[str, dict[str, Any]]

# HR-CONF-02


def _bad_files(adapter: type[HostAdapter]) -> Sequence[Variant]:
    names = ["empty", "blank", "half-written", "not UTF-8", "gone", "a directory", "a wrong value"]
    names += ["a list", "nothing but a number", "twice half-written", "a wrong value further down"]
    found = [
        Variant(f"{ending} {name}", BadFile(ending, name))
        for ending in adapter.config_formats
        for name in (names if ending == adapter.config_formats[0] else names[:3] + names[6:7])
    ]
    if implements(adapter, "configure"):
        found.append(Variant("a wrong value in a mapping", _wrong_mapping))
    return found


@dataclass(frozen=True)
class BadFile:
    """A settings file of that ending with ``what`` wrong in it."""

    ending: str
    what: str

    async def __call__(self, case: Case) -> None:
        await _refused(case, SettingsFile(case, self.ending), self.what)


@check("HR-CONF-02", variants=_bad_files)
async def invalid_keeps_old(case: Case, judge: Callable[[Case], Awaitable[None]]) -> None:
    await judge(case)


async def _refused(case: Case, file: SettingsFile, what: str) -> None:
    await file.applied()
    mark = case.recording.mark()
    line: int | None = None
    if what.startswith("a wrong value"):
        line = _wrong_value(file, "gamma" if what.endswith("down") else "alpha")
    else:
        _spoil(file, what)
    reply = await file.apply()
    if what.startswith("twice"):
        reply = await file.apply()
    said = f"a settings file that is {what}" if "value" not in what else f"a file with {what}"
    case.expect(
        not reply.ok,
        f"{said} is applied",
        expected="a refusal",
        seen="success",
    )
    await file.expect_running(f"after {said} was refused")
    moved = sorted(touched(case.recording.moments[mark:]))
    case.expect(
        not moved,
        f"{said} was refused, and yet {', '.join(moved)} was stopped, started or given settings",
        expected="nothing touched",
        seen=[str(m) for m in case.recording.moments[mark:]],
    )
    words = reply.everything
    case.expect(
        file.path.name in words,
        f"the refusal of {said} does not name the file",
        expected=file.path.name,
        seen=words or "no word why",
    )
    rest = words.replace(str(file.path), "").replace(str(case.workdir), "")
    if what in ("half-written", "twice half-written"):
        line = file.path.read_text().count("\n") + 1
    if line is not None:
        # A parser may find out only behind the end of a value where it began to be wrong.
        near = {line - 1, line, line + 1} if "half" in what else {line}
        # Of a file that was cut, its end is the line: tomllib says no more than this.
        at_end = "half" in what and re.search(r"end of (the )?(document|file|input)", rest, re.I)
        case.expect(
            bool(near & numbers_in(rest)) or bool(at_end),
            f"the refusal of {said} does not name the line",
            expected=f"line {line}",
            seen=words,
        )
    if what.startswith("a wrong value"):
        case.expect(
            "size" in rest,
            f"the refusal of {said} does not name the key",
            expected="size",
            seen=words,
        )


async def _wrong_mapping(case: Case) -> None:
    """What a program hands over is judged as what stands in a file, by its key at least."""
    file = SettingsFile(case)
    await file.applied()
    mark = case.recording.mark()
    given = copy.deepcopy(file.running)
    given["alpha"]["greeting"] = "beside a wrong value"
    given["beta"]["size"] = "no whole number"
    reply = await case.configure(given)
    case.expect(
        not reply.ok,
        "a mapping with a text for beta's size, which has to be a whole number, is accepted",
        expected="a refusal",
        seen="success",
    )
    await file.expect_running("after a mapping with a wrong value was refused")
    moments = case.recording.moments[mark:]
    given_settings = sorted({m.plugin for m in moments if m.what == "configure"} & {"beta"})
    case.expect(
        not given_settings,
        "a mapping with a wrong value was refused, and yet the plugin had been given it",
        expected="nothing given to beta",
        seen=[str(m) for m in moments],
    )
    case.expect(
        "size" in reply.everything,
        "the refusal of a mapping with a wrong value does not name the key",
        expected="size",
        seen=reply.everything or "no word why",
    )


def _wrong_value(file: SettingsFile, plugin: str) -> int:
    """A text where a whole number has to stand; gives its line."""
    before = copy.deepcopy(file.running)
    for settings in file.running.values():
        settings["greeting"] = "beside a wrong value"
    text = file.with_mark(plugin, "size")
    file.running = before
    file.write(text, f"a text for {plugin}'s size, which has to be a whole number")
    return next(n for n, each in enumerate(text.splitlines(), 1) if file.quoted_mark in each)


def _spoil(file: SettingsFile, what: str) -> None:
    if what == "gone":
        file.path.unlink()
    elif what == "a directory":
        file.path.unlink()
        file.path.mkdir()
    else:
        texts: dict[str, str | bytes] = {
            "empty": "",
            "blank": "\n \n",
            "not UTF-8": file.with_mark().encode().replace(b"this", b"\xff\xfe"),
            "a list": "[1, 2]\n",
            "nothing but a number": "5\n",
        }
        file.write(texts.get(what, file.cut()), what)


# HR-CONF-03


@dataclass(frozen=True)
class Refuser:
    name: str
    times: int = 1


@check(
    "HR-CONF-03",
    variants=[
        *(Variant(f"{name} refuses", Refuser(name)) for name in PLUGINS),
        Variant("refused twice", Refuser("beta", 2)),
    ],
)
async def all_or_nothing(case: Case, refuser: Refuser) -> None:
    file = SettingsFile(case)
    await file.applied()
    good = copy.deepcopy(file.running)
    for _ in range(refuser.times):
        new = copy.deepcopy(good)
        for settings in new.values():
            settings["greeting"] = "refused"
        fault = raising(PlannedError, CAUSE)
        case.recording.plan("configure", fault, plugin=refuser.name)
        file.write(file.text(new), f"other settings for all, which {refuser.name} refuses")
        reply = await file.apply()
        if case.recording.pending() and not reply.ok:
            case.recording.unplanned()
            raise CannotJudge(f"{refuser.name} was never given the settings that it was to refuse")
        case.expect(
            not reply.ok,
            f"{refuser.name} refused its settings, and the host says that they are applied",
            expected="a refusal",
            seen="success",
        )
        case.expect(
            refuser.name in reply.everything,
            f"the refusal does not name {refuser.name!r}, which did not take its settings",
            expected=refuser.name,
            seen=reply.everything or "no word why",
        )
        await file.expect_running(f"after {refuser.name} refused its part of new settings")
    await file.took(good, "the last good settings again")
    await file.expect_running("after the last good settings were applied again")
    for settings in good.values():
        settings["greeting"] = "and on"
    await file.took(good, "the next good settings")
    await file.expect_running("after a refusal, and then good settings,")


# HR-CONF-05


@check(
    "HR-CONF-05",
    variants=[
        Variant(name, name)
        for name in ("the caller's top", "deep inside", "then a reload", "two share", "its own")
    ],
)
async def copied(case: Case, script: str) -> None:
    if not implements(case.adapter, "configure"):
        raise NotClaimed(
            "settings as a mapping: give the adapter configure(settings), if the host takes one"
        )
    file = SettingsFile(case)
    await file.applied()
    given = {name: copy.deepcopy(file.running[name]) for name in PLUGINS}
    given["alpha"]["greeting"] = "given"
    if script == "two share":
        given["beta"] = given["alpha"]
    file.running = {name: copy.deepcopy(each) for name, each in given.items()}
    reply = await case.configure(given)
    if not reply.ok:
        raise CannotJudge(f"good settings in a mapping are refused: {reply.everything}")
    await file.expect_running("after settings were given in a mapping")
    if script in ("its own", "two share"):
        await _changed_by_plugins(case, file, given)
        return
    given["alpha"]["greeting"] = "changed by the caller"
    given["alpha"]["nested"]["list"].append("changed by the caller")
    if script == "the caller's top":
        given.clear()
    if script == "then a reload":
        if Claim.RELOAD not in case.claims:
            raise NotClaimed("reload")
        await case.reloaded(PluginSpec(name="alpha", version="v2", settings=True))
    await file.expect_running(
        "after the caller changed the mapping that he had given"
        + (", and a reload" if script == "then a reload" else "")
    )


async def _changed_by_plugins(case: Case, file: SettingsFile, given: Settings) -> None:
    """Each plugin changes its own settings, which are nobody else's."""
    await case.replies(Event("change settings"))
    for name in PLUGINS:
        file.running[name]["greeting"] = f"changed by {name}"
    await file.expect_running("after each plugin changed its own settings")
    case.expect(
        all("changed" not in each["greeting"] for each in given.values()),
        "a plugin changed its own settings, and the mapping that the caller had given changed",
        expected="a copy for each plugin",
        seen=given,
    )


# HR-CONF-06


@check(
    "HR-CONF-06",
    variants=[
        Variant(name, name)
        for name in ("as it is", "written anew", "in another order", "after a refusal")
    ],
)
async def unchanged_noop(case: Case, script: str) -> None:
    file = SettingsFile(case)
    await file.applied()
    if script == "after a refusal":
        file.write(file.cut(), "half of it")
        await file.apply()
    if script == "in another order":
        turned = {
            name: dict(reversed(settings.items()))
            for name, settings in reversed(first_settings().items())
        }
        file.write(file.text(turned), "the same in another order")
    elif script != "as it is":
        file.write(file.text(file.running), "the same again")
    mark = case.recording.mark()
    reply = await file.apply()
    case.expect(
        reply.ok,
        f"the same settings again are refused: {reply.everything or 'no word why'}",
        expected="nothing to do",
        seen="a refusal",
    )
    moved = sorted(touched(case.recording.moments[mark:]))
    case.expect(
        not moved,
        f"the same settings {script} were applied a second time: {', '.join(moved)} was stopped, "
        "started or given them",
        expected="nothing touched",
        seen=[str(m) for m in case.recording.moments[mark:]],
    )
    await file.expect_running("after the same settings were applied again")
