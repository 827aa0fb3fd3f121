"""LOAD: what a load that fails leaves behind, and what it tells."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from hot_reload_conformance.adapter import Channel, HostAdapter, PluginSpec
from hot_reload_conformance.bench.breakage import Breakage, load_breakages
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.leftovers import census, grown
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.load_lazy import (
    FailedFirstUse,
    first_uses,
    loads_at_the_next_use,
)
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.verdict import NotClaimed, Violation

STAGE_WORDS: Mapping[str, tuple[str, ...]] = {
    "read": ("read", "no such", "not found", "or found", "missing", "no file", "not exist"),
    "syntax": ("syntax",),
    "import": ("import", "module"),
    "plugin": ("plugin", "empty", "entry point", "has no "),
    "metadata": ("metadata", "version"),
    "construct": ("construct", "__init__", "instantiat", "create"),
    "setup": ("setup", "set up"),
    "start": ("start",),
}
"""How hosts name a stage; one of these has to be read in the message."""


@dataclass(frozen=True, slots=True)
class Several:
    """Loads that fail one after the other, drawn by ``seed``, of plugins that are drawn."""

    seed: int
    breakages: tuple[Breakage, ...]
    length: int = 6

    def drawn(self, case: Case) -> list[tuple[Breakage, PluginSpec]]:
        dice = random.Random((case.budget.seed or 0) * 1000 + self.seed)
        names = ("alpha", "beta")
        return [
            (dice.choice(self.breakages), PluginSpec(name=dice.choice(names)))
            for _ in range(self.length)
        ]


def _failures(adapter: type[HostAdapter]) -> list[Variant]:
    single = load_breakages(adapter)
    every = tuple(each.value for each in single)
    several = [Variant(f"several, seed {n}", Several(n, every)) for n in range(3)]
    return [*single, *several, *first_uses(adapter)]


@check("HR-LOAD-02", variants=_failures, also=(Kind.PROPERTY,))
async def failed_load_leaves_nothing(
    case: Case, failing: Breakage | Several | FailedFirstUse
) -> None:
    if isinstance(failing, FailedFirstUse):
        await loads_at_the_next_use(case)
        return
    alone = isinstance(failing, Breakage)
    drawn = [(failing, PluginSpec())] if isinstance(failing, Breakage) else failing.drawn(case)
    # The same failures once before, under another name: what a host imports or caches
    # on its first failure is not the plugin's.
    for number, breakage in enumerate(dict.fromkeys(breakage for breakage, _ in drawn)):
        warmup = PluginSpec(name=f"warmup{number or ''}")
        try:
            breakage.apply(case, warmup)
        except NotClaimed:
            if alone:
                raise
            drawn = [each for each in drawn if each[0] is not breakage]
            continue
        await case.load(warmup.ref)
        breakage.sprung(case)
    if not drawn:
        raise NotClaimed("several failures of a load: render() can show none of those drawn")
    registries, replies, before = await case.registries(), await case.replies(), await census()
    for breakage, spec in drawn:
        breakage.apply(case, spec)
        await case.load(spec.ref)
        breakage.sprung(case)
        await case.expect_replies(
            replies, f"the load failed ({breakage.name}), but a handler of the plugin answers"
        )
        left = await case.registries()
        case.expect(
            left == registries,
            f"the load failed ({breakage.name}), but the host's registries are not as before",
            expected=registries,
            seen=left,
        )
    how = "; then ".join(breakage.name for breakage, _ in drawn)
    more = grown(before, await census())
    case.expect(
        not more,
        f"the load failed ({how}), but it left something behind: {'; '.join(more)}",
        expected="nothing more than before",
        seen="; ".join(more),
    )
    for spec in dict.fromkeys(spec for _, spec in drawn):
        replies = await _corrected(case, spec, replies, how)


async def _corrected(case: Case, spec: PluginSpec, replies: list[str], how: str) -> list[str]:
    """The next good load of ``spec`` works; gives what answers by then."""
    case.write(spec)
    reply = await case.load(spec.ref)
    case.expect(
        reply.ok,
        f"after a load that failed ({how}), the corrected plugin does not load: "
        f"{reply.everything or 'no reason given'}",
        expected="loaded",
        seen="refused",
    )
    await case.expect_replies(
        [*replies, "v1"],
        f"after a load that failed ({how}), the corrected plugin does not serve",
    )
    return [*replies, "v1"]


@check("HR-LOAD-03", variants=load_breakages)
async def error_names_cause(case: Case, breakage: Breakage) -> None:
    spec = PluginSpec()
    line = breakage.apply(case, spec)
    reply = await case.load(spec.ref)
    breakage.sprung(case)
    answers = reply.channel in (Channel.RAISED, Channel.RETURNED)
    reached = not reply.ok and bool(reply.message) and answers
    told = "\n".join((reply.message, *reply.warnings)) if reached else reply.everything
    case.expect(
        bool(told),
        f"the load failed ({breakage.name}), and nobody is told why: not its caller, and no log",
        expected="the cause in an exception or the result",
        seen="ok" if reply.ok else "failed, and no word",
    )

    def names(what: str, holds: bool, wanted: str) -> None:
        case.expect(
            holds,
            f"the message of a failed load ({breakage.name}) does not name {what}",
            expected=wanted,
            seen=told,
        )

    low = told.lower()
    names("the plugin", spec.name in told, spec.name)
    stages = STAGE_WORDS[breakage.stage]
    stage_named = reply.stage == breakage.stage or any(word in low for word in stages)
    names("the stage", stage_named, f"{breakage.stage} (by one of: {', '.join(stages)})")
    causes = breakage.words
    names("the cause", any(word.lower() in low for word in causes), " or ".join(causes))
    if line is not None:
        main = next(iter(case.adapter.render(spec))).rsplit("/", 1)[-1]
        # The case's folder has a random name: a digit in it is no line.
        away = told.replace(str(case.workdir), "").replace(str(case.workdir.resolve()), "")
        named = main in told and re.search(rf"(?<!\w)[lL]?{line}(?!\w)", away) is not None
        names("the file and line", named, f"{main}, line {line}")
    if reached:
        return
    learns = "was told that it worked" if reply.ok else "learns only that, not why"
    raise Violation(
        f"the load failed ({breakage.name}), and its caller {learns}: the cause was logged or "
        "printed alone. Raise or return it as well",
        expected="the cause in the exception or the result",
        seen=reply.said,
        advisory=True,
    )
