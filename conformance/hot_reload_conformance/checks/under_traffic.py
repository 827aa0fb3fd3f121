"""What is done to sinks under traffic, and what the accounts show of each of them after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hot_reload_conformance.adapter import Claim, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.checks.sinks import KEEPER, SUBJECT, added, named
from hot_reload_conformance.verdict import CannotJudge, KitError, NotClaimed, Violation
from hot_reload_fixtures.ledger import Mark
from hot_reload_fixtures.ledger_report import LedgerReport
from hot_reload_fixtures.stamp import Stamped

Windows: TypeAlias = dict[str, dict[str, Mark]]
"""For each sink to judge, the arguments of ``Traffic.report``: from when and until when."""
Operation: TypeAlias = Callable[[Case, Traffic], Awaitable[Windows]]
ALL_THE_TIME: Windows = {"keeper": {}, "subject": {}}


@dataclass(frozen=True)
class Doing:
    """One operation under traffic. ``text`` begins the sentence "…, the sink lost"."""

    text: str
    run: Operation
    state: bool = False
    alone: bool = False
    """Only the keeper is there before."""
    threads: bool = False
    raised: int = 0
    """How many writes of the subject raise: each may cost its own event."""

    @property
    def spec(self) -> PluginSpec:
        return SUBJECT.at("v1", state=self.state)


async def run(case: Case, doing: Doing) -> dict[str, LedgerReport]:
    """Do it under traffic; the accounts of each sink that was there.

    Raises:
        CannotJudge: nothing was accepted, or the host counted drops as its own.
    """
    threads: tuple[str, ...] = ()
    if doing.threads:
        if Claim.THREADS not in case.claims:
            raise NotClaimed("producers in threads: claim 'threads' if emit() is safe from them")
        threads = ("t1", "t2")
    await added(case, KEEPER)
    if not doing.alone:
        await added(case, doing.spec)
    dropped = await _dropped(case)
    async with Traffic(case, threads=threads) as traffic:
        windows = await doing.run(case, traffic)
    for note in traffic.notes:
        case.tell(f"note: {note}")
    reports = {sink: traffic.report(sink, **window) for sink, window in windows.items()}
    # What its write raised for, a host may count as dropped.
    dropped = await _dropped(case) - dropped - doing.raised
    if dropped > 0 and sum(len(report.lost) for report in reports.values()) <= dropped:
        raise CannotJudge(f"the host counts {dropped} events as dropped under light traffic")
    return reports


async def _dropped(case: Case) -> int:
    try:
        return await case.guarded(case.adapter.dropped(), "dropped")
    except (KitError, Violation):
        if not case.closed:
            raise
        return 0  # a host that is closed need not answer any more


def judge(case: Case, doing: Doing, reports: dict[str, LedgerReport], kind: str, verb: str) -> None:
    """No sink's accounts show ``kind``: ``lost``, ``duplicated``, ``reordered``, ``unexpected``."""
    for sink, report in reports.items():
        stamps: Sequence[Stamped] = getattr(report, kind)
        if kind == "lost" and sink == SUBJECT.name:
            stamps = stamps[doing.raised :]
        case.expect(
            not stamps,
            f"{doing.text}, the sink {sink!r} {verb} {len(stamps)} of {report.accepted} accepted "
            f"events: {named(stamps)}",
            expected=f"no event {kind}",
            seen=report.describe(),
        )
