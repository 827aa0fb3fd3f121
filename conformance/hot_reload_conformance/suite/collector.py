"""The collectors: a file of the user's own, and under it the contract."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance.check import host_checks, plugin_checks
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.subjects.resolve import resolve_host
from hot_reload_conformance.subjects.source import Source, SourceKind
from hot_reload_conformance.suite.item import ContractItem
from hot_reload_conformance.suite.run import Run
from hot_reload_conformance.verdict import KitError


class SubjectFile(pytest.File):
    """Where a subject's ids hang. Its file is never imported as a test module."""

    obj: Any = None

    def __init__(self, *, source: Source, run: Run, **rest: Any) -> None:
        super().__init__(**rest)
        self.source = source
        self.run = run

    @classmethod
    def of(cls, parent: pytest.Collector, path: Path, source: Source, run: Run) -> SubjectFile:
        rest: dict[str, Any] = {"nodeid": source.label} if source.label else {}
        made = cls.from_parent(parent, path=path, source=source, run=run, **rest)
        assert isinstance(made, cls)
        return made

    def collect(self) -> Iterable[pytest.Collector]:
        yield ContractCollector.from_parent(self, name="hot-reload")


class ContractCollector(pytest.Collector):
    """One item for each check that such a subject is held to."""

    def collect(self) -> Iterable[pytest.Item]:
        file = self.parent
        assert isinstance(file, SubjectFile)
        host, problem = _host(file)
        plugin = file.source.kind is SourceKind.PLUGIN
        checks = plugin_checks() if plugin else host_checks()
        every = {check.id for check in checks}
        selection = file.run.selection
        for check in checks:
            if selection.wants(file.source.anchor, check.id, every):
                yield ContractItem.of(self, check, file.source, file.run, host, problem)


def _host(file: SubjectFile) -> tuple[HostSubject | None, str]:
    """The host, imported once; or why it could not be, which every item of it then says."""
    if file.source.kind is not SourceKind.HOST or file.source.fixture:
        return None, ""
    try:
        return resolve_host(file.source, file.run.configuration), ""
    except KitError as error:
        return None, str(error)
