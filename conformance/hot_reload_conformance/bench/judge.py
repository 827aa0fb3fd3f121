"""The judge: one check, one subject, one verdict; the same behind all three doors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.cost import (
    affordable,
    case_seconds,
    chosen,
    left_out,
    patient,
    thinned,
)
from hot_reload_conformance.bench.runner import run_host_check, self_test
from hot_reload_conformance.bench.stall import Stalls
from hot_reload_conformance.check import Check, Variant
from hot_reload_conformance.subject import HostSubject, PluginUnderTest
from hot_reload_conformance.subjects.expectation import Expectations
from hot_reload_conformance.verdict import THINNED, CheckResult, KitError, LeftOut, Verdict

Subject: TypeAlias = HostSubject | PluginUnderTest


@dataclass(frozen=True, slots=True)
class Replay:
    """``CODE=script``: run only this again.

    For a machine its script, for a simulation its trace too, else a variant's name.
    """

    code: str
    script: str

    @classmethod
    def of(cls, text: str) -> Replay:
        """From what was typed.

        Raises:
            ValueError: there is no ``=`` in it.
        """
        code, equals, script = text.partition("=")
        if not equals:
            raise ValueError(f"{text!r} is no replay: write 'HR-ROLL-01=script'")
        return cls(code.strip(), script)


@dataclass
class Judge:
    """Judges subjects under one budget. Used from one thread; keeps no subject's state."""

    budget: Budget = field(default_factory=Budget)
    expectations: Expectations = field(default_factory=Expectations)
    replay: Replay | None = None
    _self_tests: dict[tuple[type, str], str | None] = field(default_factory=dict)
    _costs: dict[tuple[object, str], float] = field(default_factory=dict)
    """What one case takes, in seconds."""
    _stalls: dict[tuple[object, str], Stalls] = field(default_factory=dict)
    """Where it has hung in this run, so that it is not waited for at length again."""

    def judge(self, subject: Subject, check: Check) -> CheckResult:
        """What ``check`` finds on ``subject``, expected failures applied.

        Never raises but for the user's own Ctrl-C and for what pytest raises to
        end an item: a broken kit or adapter is a kit-error.
        """
        budget, check = self._prepared(subject, check)
        try:
            result = self._run(subject, check, budget)
        except KitError as error:
            result = kit_error(subject.name, check, str(error))
        except Exception as error:
            reason = f"the kit itself broke: {type(error).__name__}: {error}"
            result = kit_error(subject.name, check, reason)
        if (self.replay is not None or result.thinned) and result.verdict is Verdict.PASS:
            return result  # some variants that pass prove no expected failure stale
        return self.expectations.applied(result)

    def _run(self, subject: Subject, check: Check, budget: Budget) -> CheckResult:
        stalls = self._stalls_of(subject)
        claimed = isinstance(subject, PluginUnderTest) or check.needs <= subject.claims
        if claimed and stalls.too_much and self.replay is None:
            return unasked(subject.name, check, stalls.too_much)
        if isinstance(subject, PluginUnderTest):
            return self._run_on_plugin(subject, check, budget, stalls)
        problem = self._self_test(subject)
        if problem is not None:
            return kit_error(subject.name, check, f"your adapter fails its self-test: {problem}")
        seconds = self._cost(subject)
        check = patient(check, seconds)
        most = affordable(seconds, budget)
        if most is None or self.replay is not None:
            return run_host_check(subject, check, budget, stalls=stalls)
        if (check.explores or check.repeats) and check.needs <= subject.claims:
            return left_out(subject, check, seconds)
        every = check.variants(subject.adapter)
        taken = chosen(every, most)
        names = [each.name for each in taken]
        result = run_host_check(subject, narrowed(check, names), budget, stalls=stalls)
        return _thinned(result, every, taken, seconds)

    def _run_on_plugin(
        self, subject: PluginUnderTest, check: Check, budget: Budget, stalls: Stalls
    ) -> CheckResult:
        from hot_reload_conformance.plugins.case import run_plugin_check

        every: Sequence[Variant] = () if check.explores else check.variants(subject)
        if len(every) < 2 or budget.check_seconds is None or self.replay is not None:
            return run_plugin_check(subject, check, budget, stalls=stalls)
        seconds = self._cost(subject)
        taken = chosen(every, affordable(seconds, budget) or len(every))
        result = run_plugin_check(
            subject, narrowed(check, [each.name for each in taken]), budget, stalls=stalls
        )
        return _thinned(result, every, taken, seconds)

    def _cost(self, subject: Subject) -> float:
        key = _key(subject)
        if key not in self._costs:
            stalls = self._stalls_of(subject)
            if isinstance(subject, PluginUnderTest):
                from hot_reload_conformance.plugins.cost import plugin_seconds

                self._costs[key] = plugin_seconds(subject, stalls)
            else:
                self._costs[key] = case_seconds(subject, stalls)
        return self._costs[key]

    def _self_test(self, subject: HostSubject) -> str | None:
        key = (subject.adapter, subject.name)
        if key not in self._self_tests:
            self._self_tests[key] = self_test(subject, stalls=self._stalls_of(subject))
        return self._self_tests[key]

    def _stalls_of(self, subject: Subject) -> Stalls:
        return self._stalls.setdefault(_key(subject), Stalls())

    def _prepared(self, subject: Subject, check: Check) -> tuple[Budget, Check]:
        budget = self.budget
        if self.expectations.reason(subject.name, check.clause.code, check.id) is not None:
            budget = replace(budget, shrink=False)  # what is known to fail needs no small example
        if self.replay is None:
            return budget, check
        if check.explores:
            return replace(budget, replay=self.replay.script), check
        return budget, narrowed(check, (self.replay.script,))


def _thinned(
    result: CheckResult, every: Sequence[Variant], taken: Sequence[Variant], seconds: float
) -> CheckResult:
    """``result``, with what was not taken of ``every`` left out."""
    if len(taken) == len(every) or result.verdict is Verdict.NOT_CLAIMED:
        return result
    note = thinned(seconds)
    why = note.removeprefix(THINNED)
    names = {each.name for each in taken}
    return replace(
        result,
        notes=(*result.notes, note),
        left_out=(
            *result.left_out,
            *(LeftOut(each.name, why) for each in every if each.name not in names),
        ),
    )


def _key(subject: Subject) -> tuple[object, str]:
    return subject.path if isinstance(subject, PluginUnderTest) else subject.adapter, subject.name


def narrowed(check: Check, names: Sequence[str]) -> Check:
    """``check`` in those of its variants alone; no names: as it is."""
    if not names or check.explores:
        return check
    chosen, every = frozenset(names), check.variants
    return replace(
        check, variants=lambda adapter: [each for each in every(adapter) if each.name in chosen]
    )


def unasked(subject: str, check: Check, reason: str) -> CheckResult:
    """The verdict where a subject has hung so often that it is not asked any more."""
    return CheckResult(
        code=check.clause.code,
        check=check.id,
        subject=subject,
        verdict=Verdict.UNKNOWN,
        reason=reason,
    )


def kit_error(subject: str, check: Check, reason: str) -> CheckResult:
    """The verdict where the kit, an adapter or a description broke."""
    return CheckResult(
        code=check.clause.code,
        check=check.id,
        subject=subject,
        verdict=Verdict.KIT_ERROR,
        reason=reason,
    )
