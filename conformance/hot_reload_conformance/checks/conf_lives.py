"""CONF-01, continued: a plugin that comes back, or comes late, has the settings of the file."""

from __future__ import annotations

import copy
from typing import Any

from hot_reload_conformance.adapter import Claim, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.checks.graphs import touched
from hot_reload_conformance.checks.settings_file import SettingsFile, first_settings
from hot_reload_conformance.verdict import NotClaimed

BETA = PluginSpec(name="beta", settings=True)
Settings = dict[str, dict[str, Any]]


async def out_and_in(case: Case, file: SettingsFile) -> None:
    """What it had when it was loaded first is nobody's wish any more."""
    await _changed(file, 20)
    await _unloaded(case)
    await case.loaded(BETA.at("v2"))
    mark = case.recording.mark()
    await _has_what_the_file_says(case, file, "was unloaded and loaded again")
    await file.apply()
    others = sorted(touched(case.recording.moments[mark:]) - {"beta"})
    case.expect(
        not others,
        f"beta was unloaded and loaded again, the same file was applied, and {', '.join(others)} "
        f"{'was' if len(others) == 1 else 'were'} stopped, started or given settings",
        expected="nobody touched but beta",
        seen=[str(m) for m in case.recording.moments[mark:] if m.plugin in others],
    )


async def changed_while_out(case: Case, file: SettingsFile) -> None:
    """The file changes while nothing of it runs, and is applied before or behind its load."""
    await _changed(file, 20)
    await _unloaded(case)
    new = _with_size(file.running, 30)
    file.write(file.text(new), "another part for beta, which is not loaded")
    early = await file.apply()
    if "beta" in await file.seen():
        # The host loads what a settings file names: then it has this part of it.
        file.running = new
        await file.expect_running("after a settings file was applied that brought beta back")
        return
    if early.ok:
        file.running = new
        await case.loaded(BETA.at("v2"))
        await _has_what_the_file_says(case, file, "was loaded, whose part had changed before")
        return
    # A host may refuse a part for nobody; what was good before that counts until it is asked
    # again.
    await case.loaded(BETA.at("v2"))
    await _is_not_older(case, file, "was loaded again")
    await file.took(new, "the same part for beta, which is loaded again")
    await file.expect_running("after a part was applied that had been refused for nobody")


async def reloads_behind_it(case: Case, file: SettingsFile) -> None:
    """New code of a plugin that came back begins with the settings that it had before."""
    if Claim.RELOAD not in case.claims:
        raise NotClaimed("reload")
    await _changed(file, 20)
    await _unloaded(case)
    await case.loaded(BETA.at("v2"))
    await _has_what_the_file_says(case, file, "was unloaded and loaded again")
    await case.reloaded(BETA.at("v3"))
    await file.expect_running("after a plugin that had been loaded again was reloaded")
    await _changed(file, 40)
    await file.expect_running("after a settings file for a plugin that had been loaded again")


async def after_a_failed_reload(case: Case, file: SettingsFile) -> None:
    """New code that fails takes the settings with it that it was given."""
    if Claim.RELOAD not in case.claims:
        raise NotClaimed("reload")
    await _changed(file, 20)
    case.spoil(BETA.at("v2"), lambda text: text + "\nraise RuntimeError('as planned')\n", "broken")
    await case.reload(BETA.ref)
    await file.expect_running("after a reload that failed")
    await _changed(file, 30)
    await file.expect_running("after a failed reload, and new settings,")
    await case.reloaded(BETA.at("v3"))
    await file.expect_running("after a failed reload, new settings and a good reload,")


async def changed_while_disabled(case: Case, file: SettingsFile) -> None:
    """Who does not serve for a while is told all the same, or as it serves again."""
    if Claim.ENABLE not in case.claims:
        raise NotClaimed("a plugin that is disabled: claim 'enable'")
    await case.disable(BETA.ref)
    await _changed(file, 20)
    await case.enable(BETA.ref)
    await file.expect_running("after a plugin whose part changed while it was disabled is enabled")


async def _changed(file: SettingsFile, size: int) -> None:
    await file.took(_with_size(file.running, size), f"a size of {size} for beta")


def _with_size(settings: Settings, size: int) -> Settings:
    made = copy.deepcopy(settings)
    made["beta"]["size"] = size
    return made


async def _unloaded(case: Case) -> None:
    if Claim.UNLOAD not in case.claims:
        raise NotClaimed("a plugin that is loaded again: claim 'unload'")
    reply = await case.unload(BETA.ref)
    if not reply.ok:
        raise NotClaimed(f"a plugin that can be unloaded: {reply.everything}")


async def _is_not_older(case: Case, file: SettingsFile, how: str) -> None:
    """It has its part, or none: nothing that it had before."""
    given = (await file.seen()).get("beta")
    older = (first_settings()["beta"], _with_size(first_settings(), 20)["beta"])
    case.expect(
        given == file.running["beta"] or given not in older,
        f"beta {how}, and runs with settings that it had before: the file has said otherwise "
        "since then",
        expected=f"{file.running['beta']}, or none until the file is applied again",
        seen=given,
    )


async def _has_what_the_file_says(case: Case, file: SettingsFile, how: str) -> None:
    """The load gave it its part, or it has none until the file is applied once more."""
    await _is_not_older(case, file, how)
    if (await file.seen()).get("beta") != file.running["beta"]:
        reply = await file.apply()
        case.expect(
            reply.ok,
            f"beta {how}, and the settings file is refused since then: {reply.everything}",
            expected="applied",
            seen="refused",
        )
    has = (await file.seen()).get("beta")
    case.expect(
        has == file.running["beta"],
        f"beta {how} without its settings, and a host that is given the file again holds them for "
        "applied: it compares the file with the last one, and not with what runs",
        expected=file.running["beta"],
        seen=has,
    )
    await file.expect_running(f"after beta {how}")
