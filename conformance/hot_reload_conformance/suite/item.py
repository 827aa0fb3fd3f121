"""The item: one check on one subject, as a test function that pytest knows how to handle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance import own_code
from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.bench.judge import Subject, kit_error
from hot_reload_conformance.bench.runner import deadline_of
from hot_reload_conformance.check import Check
from hot_reload_conformance.report.summary import counts_against
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.subjects.resolve import host_subject, resolve_plugin
from hot_reload_conformance.subjects.source import HOST_NAME, Source, SourceKind
from hot_reload_conformance.suite.run import Run
from hot_reload_conformance.verdict import CheckResult, KitError

RESULT = pytest.StashKey[CheckResult]()
SPARE_SECONDS = 30.0
"""For the self-test, and for opening and closing hosts."""
MAX_DEADLINE_SECONDS = 900.0
_USUAL_VARIANTS = 12
_QUIET = (
    "default",
    # What a broken subject leaves behind is the checks' to judge, not a later test's to fail on.
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::pytest.PytestUnhandledThreadExceptionWarning",
)


class Broken(Exception):
    """Ends an item whose verdict fails the run; the report tells the story."""


def judged(request: pytest.FixtureRequest) -> None:
    """What every item runs. Subjects may come from fixtures, so it asks for none by name."""
    __tracebackhide__ = True
    item = request.node
    assert isinstance(item, ContractItem)
    result = item.judge(request)
    item.settle(result)
    if counts_against(result):
        raise Broken(result.reason)


class ContractItem(pytest.Function):
    """``plugins/counter.py::hot-reload::old-keeps-serving``."""

    def __init__(
        self,
        *,
        check: Check,
        source: Source,
        run: Run,
        host: HostSubject | None,
        problem: str,
        **rest: Any,
    ) -> None:
        self.check = check
        self.source = source
        self.run = run
        self.host = host
        self.problem = problem
        self.reached: own_code.Lines = {}
        super().__init__(**rest)

    @classmethod
    def of(
        cls,
        parent: pytest.Collector,
        check: Check,
        source: Source,
        run: Run,
        host: HostSubject | None,
        problem: str,
    ) -> pytest.Item:
        item = cls.from_parent(
            parent,
            name=check.id,
            callobj=judged,
            check=check,
            source=source,
            run=run,
            host=host,
            problem=problem,
        )
        assert isinstance(item, cls)
        item._mark()
        return item

    def _mark(self) -> None:
        clause = self.check.clause
        self.extra_keyword_matches.add(clause.code)
        self.add_marker(
            pytest.mark.hot_reload(
                code=clause.code,
                level=clause.level.value,
                profile=clause.profile.value,
                kind=self.check.kind.name.lower(),
            )
        )
        self.add_marker(pytest.mark.filterwarnings(*_QUIET))
        if _deadline_is_ours(self.config):
            self.add_marker(pytest.mark.timeout(self._deadline_seconds()))

    def _deadline_seconds(self) -> float:
        variants, seconds = _USUAL_VARIANTS, self.check.deadline_seconds
        if self.host is not None:
            variants = len(self.check.variants(self.host.adapter))
            seconds = deadline_of(self.check, self.host.adapter)
        return min(MAX_DEADLINE_SECONDS, SPARE_SECONDS + variants * seconds)

    def has_variant(self, name: str) -> bool:
        """Whether a variant of this check is called so; known for hosts that no fixture gives."""
        if self.host is None or self.check.explores:
            return False
        return any(each.name == name for each in self.check.variants(self.host.adapter))

    @property
    def subject_name(self) -> str:
        """Also where there is no subject yet."""
        if self.host is not None:
            return self.host.name
        if self.source.fixture:
            return self.nodeid.partition("::")[0]
        return self.source.name

    def judge(self, request: pytest.FixtureRequest) -> CheckResult:
        """The verdict. Never raises but for what ends an item from outside."""
        if self.problem:
            return kit_error(self.subject_name, self.check, self.problem)
        try:
            subject = self._subject(request)
        except KitError as error:
            return kit_error(self.subject_name, self.check, str(error))
        if not self.run.coverage:
            return self.run.judge.judge(subject, self.check)
        with own_code.measured(subject, self.config.rootpath) as self.reached:
            return self.run.judge.judge(subject, self.check)

    def _subject(self, request: pytest.FixtureRequest) -> Subject:
        def fixture(name: str) -> Any:
            try:
                return request.getfixturevalue(name)
            except pytest.FixtureLookupError:
                raise KitError(
                    f"the kit cannot reach the fixture {name!r}: is its conftest.py loaded?"
                ) from None

        if self.source.kind is SourceKind.PLUGIN:
            return resolve_plugin(self.source, self.run.configuration, fixture=fixture)
        if self.host is not None:
            return self.host
        return _fixture_host(fixture(HOST_NAME), self.subject_name, self.source.anchor)

    def settle(self, result: CheckResult) -> None:
        """Keep ``result`` for the reports of this item."""
        self.stash[RESULT] = result
        self.user_properties += [
            ("hot_reload_code", result.code),
            ("hot_reload_level", self.check.clause.level.value),
            ("hot_reload_subject", result.subject),
            ("hot_reload_verdict", result.verdict.value),
        ]
        if result.extent:
            self.user_properties.append(("hot_reload_extent", result.extent))

    def getparent(self, cls: Any) -> Any:
        """Fixtures of module scope live as long as the subject's file: it stands for a module."""
        return super().getparent(pytest.File if cls is pytest.Module else cls)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self.path, 0, f"{self.check.clause.code} {self.name}"


def _fixture_host(value: object, name: str, anchor: Path) -> HostSubject:
    """A fixture may give an adapter itself: it is only asked how to make fresh ones."""
    subject = host_subject(value, f"the fixture {HOST_NAME} of {anchor}")
    make = subject.make
    if isinstance(value, HostAdapter):
        make = type(value)
    return HostSubject(subject.adapter, name, subject.claims, make=make)


def _deadline_is_ours(config: pytest.Config) -> bool:
    """Where the user set a timeout it holds for these items too."""
    if not config.pluginmanager.hasplugin("timeout"):
        return False
    return not (
        config.getoption("timeout", None)
        or config.getini("timeout")
        or os.environ.get("PYTEST_TIMEOUT")
    )
