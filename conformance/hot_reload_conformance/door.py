"""Two doors besides the flag: a function for programs, a decorator for ordinary test files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.bench.budgets import BUDGETS, budget_of
from hot_reload_conformance.bench.cost import told
from hot_reload_conformance.bench.judge import Judge, Replay, Subject, narrowed
from hot_reload_conformance.check import Check, all_checks, host_checks, plugin_checks
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.contract.document import clause_named
from hot_reload_conformance.nearest import did_you_mean
from hot_reload_conformance.report.markup import plain
from hot_reload_conformance.report.story import headline, story
from hot_reload_conformance.report.summary import Report, SubjectReport, counts_against
from hot_reload_conformance.report.unreached import Unreached
from hot_reload_conformance.shard import Part
from hot_reload_conformance.subject import HostSubject, PluginUnderTest
from hot_reload_conformance.subjects.configuration import Configuration, read_configuration
from hot_reload_conformance.subjects.discovery import DiscoveryError, default_sources, sources_at
from hot_reload_conformance.subjects.expectation import Expectations
from hot_reload_conformance.subjects.resolve import host_subject, resolve_host, resolve_plugin
from hot_reload_conformance.subjects.source import Source, SourceKind
from hot_reload_conformance.verdict import CheckResult, KitError, Verdict

Given: TypeAlias = (
    "type[HostAdapter] | HostAdapter | Callable[[], HostAdapter] | Subject | str | Path"
)
Test = TypeVar("Test", bound=Callable[..., Any])


def run_contract(
    *subjects: Given,
    profile: str | None = None,
    only: Sequence[str] = (),
    checks: Sequence[str] = (),
    root: Path | None = None,
    on_result: Callable[[CheckResult], None] | None = None,
) -> Report:
    """Hold ``subjects`` against the contract; pytest is neither needed nor imported.

    Each is an adapter (its class, or a function that makes one) or the path of a
    plugin, a folder of plugins or an adapter's file. Given none: what the project in
    ``root`` (the working directory) has, else the embedded default. ``only`` names
    clauses by code or slug. ``[tool.hot-reload]`` of ``root`` is obeyed; its profile is
    taken where ``profile`` is None. ``checks`` names checks by id and leaves out the others.
    ``on_result`` is called after every check.

    Raises:
        LookupError: ``profile``, a clause in ``only`` or a check in ``checks`` is unknown.
        ConfigurationError, DiscoveryError, ExpectationError: as their names say.
        KitError: an adapter cannot be imported. Later failures of an adapter are
            verdicts: ``Verdict.KIT_ERROR``.
    """
    configuration = read_configuration((root or Path.cwd()).resolve())
    profile = profile or configuration.profile
    if profile not in BUDGETS:
        raise LookupError(f"there is no profile {profile!r}.{did_you_mean(profile, BUDGETS)}")
    codes = {clause_named(each).code for each in only}
    _known_checks(checks)
    expectations = Expectations.of(configuration.expected_failures, all_checks())
    judge = Judge(budget_of(profile, whole=bool(only or checks)), expectations)
    found = list(_subjects(subjects, configuration))
    unused = expectations.check_subjects((each.name for each in found), all_known=not subjects)
    judged: list[SubjectReport] = []
    for subject in found:
        results: list[CheckResult] = []
        for check in checks_for(subject):
            if checks and check.id not in checks:
                continue
            if not codes or check.clause.code in codes:
                results.append(judge.judge(subject, check))
                if on_result is not None:
                    on_result(results[-1])
        judged.append(SubjectReport(subject.name, _kind(subject), tuple(results)))
    return finished(profile, judged, expectations, unused)


def _known_checks(names: Sequence[str]) -> None:
    known = [check.id for check in all_checks()]
    for name in names:
        if name not in known:
            raise LookupError(f"there is no check {name!r}.{did_you_mean(name, known)}")


def finished(
    profile: str,
    subjects: Sequence[SubjectReport],
    expectations: Expectations,
    unused: Iterable[str] = (),
    notes: Iterable[str] = (),
    *,
    part: Part | None = None,
    unreached: tuple[Unreached, ...] | None = None,
) -> Report:
    """The report of a run, with what can be said only at its end."""
    every = all_checks()
    results = [result for subject in subjects for result in subject.results]
    return Report(
        budget=profile,
        subjects=tuple(subjects),
        checked=frozenset(check.clause.code for check in every),
        stale=tuple(expectations.stale(results, every)),
        notes=(
            *notes,
            *told(results),
            *(
                f"expected failures of {name!r} are not used: no such subject here"
                for name in unused
            ),
        ),
        part=part,
        expected_failures={
            each.name: expectations.reasons[each.name]
            for each in subjects
            if each.name in expectations.reasons
        },
        unreached=unreached,
    )


def hosts_of(given: Given, root: Path) -> list[HostSubject]:
    """The hosts among what ``given`` stands for.

    Raises:
        ConfigurationError, DiscoveryError: as their names say.
        KitError: an adapter cannot be imported.
    """
    found = _subjects((given,), read_configuration(root.resolve()))
    return [each for each in found if isinstance(each, HostSubject)]


def checks_for(subject: Subject) -> tuple[Check, ...]:
    """The checks that such a subject is held to, in the order of a run."""
    return plugin_checks() if isinstance(subject, PluginUnderTest) else host_checks()


def _kind(subject: Subject) -> SourceKind:
    return SourceKind.PLUGIN if isinstance(subject, PluginUnderTest) else SourceKind.HOST


def _subjects(given: Sequence[Given], configuration: Configuration) -> Iterable[Subject]:
    if not given:
        for source in default_sources(configuration)[0]:
            yield _resolved(source, configuration)
    for each in given:
        if isinstance(each, (HostSubject, PluginUnderTest)):
            yield each
        elif isinstance(each, (str, Path)):
            yield from _at(each, configuration)
        else:
            yield host_subject(each, getattr(each, "__name__", repr(each)))


def _at(given: str | Path, configuration: Configuration) -> Iterable[Subject]:
    path = (configuration.root / given).resolve()
    if not path.exists():
        raise DiscoveryError(f"there is no file or folder {path}")
    sources = sources_at(path, configuration)
    if not sources:
        raise DiscoveryError(f"{path} is no plugin, no folder of plugins and no adapter's file")
    for source in sources:
        yield _resolved(source, configuration)


def _resolved(source: Source, configuration: Configuration) -> Subject:
    if source.kind is SourceKind.PLUGIN:
        return resolve_plugin(source, configuration)
    if source.fixture:
        raise KitError(
            f"your adapter in {source.anchor} is given by a pytest fixture: run it with "
            "pytest --hot-reload-conformance, or make hot_reload_host a class or a function"
        )
    return resolve_host(source, configuration)


def parametrize_with_contract(
    adapter: Given,
    *,
    profile: str = "quick",
    checks: Sequence[str] = (),
    variants: Sequence[str] = (),
    root: Path | None = None,
) -> Callable[[Test], Test]:
    """Parametrize a test by the checks of the contract: one test for each, named by its clause.

    Example::

        @parametrize_with_contract(MyAdapter)
        def test_contract(clause_check):
            clause_check()

    ``clause_check()`` fails the test with the story of the failure, skips it where
    something is not claimed, and marks a broken SHOULD as an expected failure.
    ``checks`` names checks by id and leaves out the others, ``variants`` does so for the
    ways in which they are run. Of ``[tool.hot-reload]`` in ``root`` the host, its claims and
    the descriptions of plugins are taken; without ``root`` nothing is. Expected failures
    never are: mark the test itself.

    Raises:
        LookupError: ``profile`` or a check in ``checks`` is unknown.
    """
    import pytest

    if profile not in BUDGETS:
        raise LookupError(f"there is no profile {profile!r}.{did_you_mean(profile, BUDGETS)}")
    _known_checks(checks)
    judge = Judge(budget_of(profile, whole=bool(checks or variants)))
    subject = _one(adapter, root)
    marks = pytest.mark.parametrize(
        "clause_check",
        [
            pytest.param(
                _ClauseCheck(judge, subject, narrowed(check, variants)),
                id=f"{check.clause.code}-{check.id}",
            )
            for check in checks_for(subject)
            if not checks or check.id in checks
        ],
    )
    return lambda test: marks(test)


def follow_steps(
    adapter: Given, code: str, steps: Sequence[str], *, root: Path | None = None
) -> None:
    """Do ``steps`` to a fresh host and ask the clause ``code`` after each: for a test's body.

    The steps are those that a failure of a state machine tells, ``load a v1`` and the
    like. The test fails with the story where the clause is broken, or where it could
    not be judged because another one is. ``root`` as for ``parametrize_with_contract``.

    Raises:
        LookupError: no state machine judges ``code``.
    """
    __tracebackhide__ = True
    code = clause_named(code).code
    machines = [each for each in host_checks() if each.kind is Kind.MACHINE]
    check = next((each for each in machines if each.clause.code == code), None)
    if check is None:
        known = ", ".join(each.clause.code for each in machines)
        raise LookupError(f"{code} has no state machine; those that have: {known}")
    judge = Judge(BUDGETS["quick"], replay=Replay(code, "; ".join(steps)))
    _ClauseCheck(judge, _one(adapter, root), check)()


def _one(given: Given, root: Path | None) -> Subject:
    folder = (root or Path.cwd()).resolve()
    configuration = (
        Configuration(root=folder, file=folder / "pyproject.toml")
        if root is None
        else read_configuration(folder)
    )
    (subject,) = _subjects((given,), configuration)
    return subject


class _ClauseCheck:
    """What a parametrized test is given: call it to have the verdict."""

    def __init__(self, judge: Judge, subject: Subject, check: Check) -> None:
        self._judge, self._subject, self.check = judge, subject, check

    def __call__(self) -> None:
        import pytest

        __tracebackhide__ = True
        result = self._judge.judge(self._subject, self.check)
        if result.verdict is Verdict.PASS:
            return
        if result.verdict in (Verdict.NOT_CLAIMED, Verdict.NOT_RUN):
            pytest.skip(result.reason)
        if not counts_against(result):
            pytest.xfail(f"SHOULD {headline(result)}")
        pytest.fail(plain(story(result, again="", full=True)), pytrace=False)

    def __repr__(self) -> str:
        return f"<clause_check {self.check.clause.code}>"
