"""Wrong hosts: rates that are not kept, requests that vanish, retries without end or sense."""

from __future__ import annotations

import asyncio
import dataclasses

from hot_reload_conformance.specimens.blue_green import HostError
from hot_reload_conformance.specimens.package_host import PackageHost
from hot_reload_conformance.specimens.registry import specimen
from hot_reload_conformance.specimens.watching_host import (
    PACE,
    Entry,
    Print,
    WatchingAdapter,
    WatchingHost,
)

# HR-LIMIT-01 and 02


class _NoCooldown(WatchingHost):
    def free_at(self, entry: Entry) -> float:
        return entry.not_before


@specimen("HR-LIMIT-01", says="the declared cooldown is", bug="design E-c: never recorded")
class CooldownNeverRecorded(WatchingAdapter):
    name = "cooldown-never-recorded"
    host_class = _NoCooldown


@specimen("HR-LIMIT-01", says="the declared cooldown is 0.35 s", bug="hidden by a slow editor")
class ShortCooldownNotKept(WatchingAdapter):
    """Hardly longer than the quiet period: whoever saves at leisure never sees it broken."""

    name = "short-cooldown-not-kept"
    host_class = _NoCooldown
    pace = dataclasses.replace(WatchingAdapter.pace, limit=0, cooldown_seconds=0.35)


class _FailuresAreFree(WatchingHost):
    def failed_at(self, name: str, entry: Entry, target: Print, error: HostError) -> None:
        super().failed_at(name, entry, target, error)
        if entry.began:
            entry.began.pop()


@specimen("HR-LIMIT-01", says="under constant failing edits two reloads", bug="a success sets it")
class FailuresAreFree(WatchingAdapter):
    name = "cooldown-after-success-only"
    host_class = _FailuresAreFree


class _NoWindow(WatchingHost):
    def free_at(self, entry: Entry) -> float:
        began = entry.began[-1] + self.pace.cooldown_seconds if entry.began else 0.0
        return max(entry.not_before, began)


@specimen("HR-LIMIT-01", says="the declared rate is", bug="only the last reload is remembered")
class NoWindow(WatchingAdapter):
    name = "rate-of-the-last-reload-only"
    host_class = _NoWindow


class _Drops(WatchingHost):
    def may_start(self, name: str, entry: Entry, now: float) -> bool:
        if now < self.free_at(entry):
            entry.applied, entry.waits_since = entry.seen, None
            return False
        return super().may_start(name, entry, now)


@specimen("HR-LIMIT-02", says="was dropped", bug="https://github.com/fluent/fluent-bit/issues/8457")
class DropsOverTheLimit(WatchingAdapter):
    name = "drops-what-is-over-the-limit"
    host_class = _Drops


class LimitedHost(WatchingHost):
    """Correct: requests fall under the rate too, and are refused with the time to wait."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.reloaded: dict[str, list[float]] = {}

    async def reload(self, name: str) -> list[str]:
        now, past = self.now(), self.reloaded.setdefault(name, [])
        wait = past[-1] + self.pace.cooldown_seconds - now if past else 0.0
        if len(past) >= self.pace.limit:
            wait = max(wait, past[-self.pace.limit] + self.pace.window_seconds - now)
        if wait > 0:
            return self.over_the_limit(name, wait)
        past.append(now)
        return await super().reload(name)

    def over_the_limit(self, name: str, wait: float) -> list[str]:
        raise HostError(f"reload of {name!r} refused: too many; try again in {wait:.1f} s")


class LimitedAdapter(WatchingAdapter):
    """Correct, but no host for the other sections: their checks reload far more often."""

    name = "limited-host"
    pace = dataclasses.replace(PACE, limits_requests=True)
    host_class = LimitedHost


class _SaysOk(LimitedHost):
    def over_the_limit(self, name: str, wait: float) -> list[str]:
        return []


@specimen("HR-LIMIT-02", says="answered with ok, and dropped", bug="fluent-bit acknowledges it")
class AcknowledgesAndDrops(LimitedAdapter):
    name = "acknowledges-and-drops"
    host_class = _SaysOk


class _NoTime(LimitedHost):
    def over_the_limit(self, name: str, wait: float) -> list[str]:
        raise HostError(f"reload of {name!r} refused: too many")


@specimen("HR-LIMIT-02", says="without a word when to try again", bug="429 without Retry-After")
class RefusesWithoutATime(LimitedAdapter):
    name = "refuses-without-a-time"
    host_class = _NoTime


class _RequestsUnlimited(LimitedHost):
    async def reload(self, name: str) -> list[str]:
        return await WatchingHost.reload(self, name)


@specimen("HR-LIMIT-01", says="under constant requests", bug="the rate is asked in one path only")
class RequestsUnlimited(LimitedAdapter):
    name = "requests-unlimited"
    host_class = _RequestsUnlimited


# HR-LIMIT-03


class _RetriesAll(WatchingHost):
    def transient(self, error: HostError) -> bool:
        return True


@specimen("HR-LIMIT-03", says="a syntax error was tried again", bug="design D-f")
class RetriesSyntaxErrors(WatchingAdapter):
    name = "retries-syntax-errors"
    host_class = _RetriesAll


class _NeverRetries(WatchingHost):
    def transient(self, error: HostError) -> bool:
        return False


@specimen("HR-LIMIT-03", says="is not tried again", bug="design C-f")
class NeverRetries(WatchingAdapter):
    name = "never-retries"
    host_class = _NeverRetries


class _FixedDelay(WatchingHost):
    def delay(self, tries: int) -> float:
        return self.pace.retry_seconds


@specimen("HR-LIMIT-03", says="without a growing delay", bug='design D-f: "exponential" in name')
class FixedDelay(WatchingAdapter):
    name = "fixed-retry-delay"
    host_class = _FixedDelay


class _NoDelay(WatchingHost):
    def delay(self, tries: int) -> float:
        return 0.01 * 2.0**tries


@specimen("HR-LIMIT-03", says="the declared delay", bug="a retry at once meets the same trouble")
class RetriesAtOnce(WatchingAdapter):
    name = "retries-at-once"
    host_class = _NoDelay


class _ForEver(WatchingHost):
    def failed_at(self, name: str, entry: Entry, target: Print, error: HostError) -> None:
        tries, entry.tries = entry.tries, 0
        super().failed_at(name, entry, target, error)
        entry.tries = tries + entry.tries
        entry.not_before = self.now() + self.delay(min(entry.tries, 3))

    def free_at(self, entry: Entry) -> float:
        return entry.not_before if entry.tries else super().free_at(entry)


@specimen("HR-LIMIT-03", says="what fails for ever was tried", bug="retries without a bound")
class RetriesForEver(WatchingAdapter):
    name = "retries-for-ever"
    host_class = _ForEver


class _BudgetKept(WatchingHost):
    def changed(self, entry: Entry, found: Print, now: float) -> None:
        tries = entry.tries
        super().changed(entry, found, now)
        entry.tries = tries


@specimen("HR-LIMIT-03", says="does not reset the budget", bug="failures counted for each plugin")
class BudgetNotReset(WatchingAdapter):
    name = "budget-not-reset"
    host_class = _BudgetKept


# HR-LIMIT-05


class _EachRequest(WatchingHost):
    async def reload(self, name: str) -> list[str]:
        return await PackageHost.reload(self, name)


@specimen("HR-LIMIT-05", says="a storm of", bug="https://github.com/PostHog/posthog/pull/18120")
class OneReloadPerRequest(WatchingAdapter):
    name = "one-reload-per-request"
    host_class = _EachRequest


class _EachChange(WatchingHost):
    """What is seen to change during a reload is queued behind it, change by change."""

    def changed(self, entry: Entry, found: Print, now: float) -> None:
        super().changed(entry, found, now)
        for name, each in self.entries.items():
            if each is entry and name in self.busy:
                self.spawn(PackageHost.reload(self, name))


@specimen("HR-LIMIT-05", says="a storm of", bug="design E-b: three events, three reloads queued")
class QueuesEachChange(WatchingAdapter):
    name = "queues-each-change"
    host_class = _EachChange


class _SideBySide(WatchingHost):
    """Begins a second reload while the first one runs."""

    def may_start(self, name: str, entry: Entry, now: float) -> bool:
        return self.watching and not self.stopped

    def look(self, name: str, now: float) -> None:
        super().look(name, now)
        if name in self.entries:
            self.entries[name].busy = False

    def lock(self, name: str) -> asyncio.Lock:
        return asyncio.Lock()


@specimen("HR-LIMIT-05", says="another one of it is begun", bug="no mark that a reload runs")
class ReloadsSideBySide(WatchingAdapter):
    name = "reloads-side-by-side"
    host_class = _SideBySide
