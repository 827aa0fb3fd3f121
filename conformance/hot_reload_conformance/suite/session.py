"""The session: hooks that collect the contract, gather its verdicts, and decide the exit status."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance import own_code
from hot_reload_conformance.bench.straggler import Stragglers, told
from hot_reload_conformance.contract.clauses import CONTRACT_VERSION
from hot_reload_conformance.door import finished
from hot_reload_conformance.report.form import write
from hot_reload_conformance.report.json import from_plain
from hot_reload_conformance.report.markup import STYLES, Line, line, wrapped
from hot_reload_conformance.report.summary import Report, SubjectReport
from hot_reload_conformance.report.terminal import report_lines, title
from hot_reload_conformance.report.unreached import Unreached
from hot_reload_conformance.shard import Part
from hot_reload_conformance.subjects.configuration import (
    ConfigurationError,
)
from hot_reload_conformance.subjects.discovery import (
    DEFAULT_LINE,
    DiscoveryError,
    default_sources,
)
from hot_reload_conformance.subjects.expectation import ExpectationError
from hot_reload_conformance.subjects.resolve import resolve_host
from hot_reload_conformance.subjects.source import Source, SourceKind
from hot_reload_conformance.suite.collector import SubjectFile
from hot_reload_conformance.suite.item import ContractItem
from hot_reload_conformance.suite.keeping import Kept, failures, keep
from hot_reload_conformance.suite.outcome import ATTRIBUTE, Status, dress, status, undress
from hot_reload_conformance.suite.run import Run
from hot_reload_conformance.suite.sharding import Sharding
from hot_reload_conformance.verdict import CheckResult, KitError


def register(config: pytest.Config) -> None:
    """Turn this run into a run of the contract. Called in every process of it.

    Raises:
        pytest.UsageError: the table, a path, an expected failure or an option is wrong.
    """
    try:
        session = ConformanceSession(config)
        if not hasattr(config, "workerinput"):
            session.check_expected_subjects()
    except (ConfigurationError, DiscoveryError) as error:
        raise pytest.UsageError(str(error)) from error
    except ExpectationError as error:
        file = config.rootpath / "pyproject.toml"
        raise pytest.UsageError(f"{file}: [tool.hot-reload] {error}") from error
    config.args[:] = session.run.selection.arguments
    config.pluginmanager.register(session, "hot-reload-conformance-session")


class ConformanceSession:
    """One process's part of a run. The controller's alone reports."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.run = Run.of(config)
        self.sharding = Sharding.of(config)
        self.reached: dict[tuple[SourceKind, str], dict[str, set[int]]] = {}
        self.sources: dict[tuple[SourceKind, str], Source] = {}
        self.unused: list[str] = []
        self.gathered: dict[tuple[SourceKind, str], list[CheckResult]] = {}
        self.kept = Kept()
        self.stragglers = Stragglers()
        self._last_words: list[str] = []
        self._report: Report | None = None

    def check_expected_subjects(self) -> None:
        """Refuse expected failures of subjects that there are not, before anything runs.

        Raises:
            ExpectationError: see ``Expectations.check_subjects``.
        """
        if not self.run.expectations.reasons:
            return
        sources = [*self.run.selection.sources.values()]
        if self.run.selection.explicit:
            sources += default_sources(self.run.configuration)[0]
        names = [name for each in sources if (name := self._name(each))]
        complete = not self.run.selection.explicit and len(names) == len(sources)
        self.unused = self.run.expectations.check_subjects(names, all_known=complete)

    def _name(self, source: Source) -> str:
        if source.kind is SourceKind.PLUGIN:
            return source.name
        if source.fixture:
            return str(source.anchor.relative_to(self.config.rootpath))
        try:
            return resolve_host(source, self.run.configuration).name
        except KitError:
            return ""  # its items will say why

    # Collection

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
        # For a subject, others' collectors are thrown away: they import nothing until they collect.
        found = yield
        source = self.run.selection.sources.get(file_path)
        if source is not None:
            return [SubjectFile.of(parent, file_path, source, self.run)]
        return found

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(
        self, path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """pytest's Package would import the ``__init__`` of a plugin, outside the kit's hands."""
        if self.run.selection.holds(path):
            made: pytest.Collector = pytest.Dir.from_parent(parent, path=path)
            return made
        return None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.sharding.shard is not None:
            self._leave(items, self.sharding.chosen(items))
        if self.run.replay is None:
            return
        of_code = [
            each
            for each in items
            if isinstance(each, ContractItem) and each.check.clause.code == self.run.replay.code
        ]
        named = [each for each in of_code if each.has_variant(self.run.replay.script)]
        explorers = [each for each in of_code if each.check.replays(self.run.replay.script)]
        self._leave(items, named or explorers or of_code)

    def _leave(self, items: list[pytest.Item], mine: Sequence[pytest.Item]) -> None:
        kept = set(mine)
        away = [each for each in items if each not in kept]
        if away:
            self.config.hook.pytest_deselected(items=away)
            items[:] = mine

    # Results

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if isinstance(item, ContractItem):
            dress(item, call, report)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        carried = getattr(report, ATTRIBUTE, None)
        if carried is None:
            return
        undress(report, self.config)
        result = from_plain(carried["result"])
        key = (SourceKind(carried["kind"]), result.subject)
        self.gathered.setdefault(key, []).append(result)
        source = self.run.selection.sources.get(Path(carried["anchor"]))
        if source is not None:
            self.sources[key] = source
        reached = self.reached.setdefault(key, {})
        for file, lines in carried["reached"].items():
            reached.setdefault(file, set()).update(lines)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> Status | None:
        return status(report) if isinstance(report, pytest.TestReport) else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(self.config, "workerinput"):
            worker: Any = self.config
            worker.workeroutput["hot_reload_threads"] = told(self.stragglers.let_go())
            if self.sharding.part is not None:
                worker.workeroutput["hot_reload_part"] = asdict(self.sharding.part)
            return
        if self.config.getoption("collectonly"):
            return
        report = self._report = self._finished()
        if self.run.keep_in is not None:
            found = [
                (result, self.sources[key])
                for key, results in self.gathered.items()
                for result in failures(results)
                if key in self.sources
            ]
            self.kept = keep(
                found, self.config.rootpath, self.run.keep_in, profile=self.run.profile
            )
        for file in self.run.report_files:
            write(report, file)
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self.sharding.part:
            session.exitstatus = pytest.ExitCode.OK  # more shards than checks: the others have them
        if session.exitstatus == pytest.ExitCode.OK and not report.ok:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """A worker of pytest-xdist ended: it collected, and knows which part this is."""
        output = getattr(node, "workeroutput", {})
        self._shown_at_the_end(output.get("hot_reload_threads", ""))
        part = output.get("hot_reload_part")
        if part:
            self.sharding.part = Part(**part)

    def _finished(self) -> Report:
        subjects = [
            SubjectReport(name, kind, tuple(results))
            for (kind, name), results in sorted(self.gathered.items(), key=_hosts_first)
        ]
        notes = [DEFAULT_LINE] if self.run.selection.default else []
        part = self.sharding.part
        if part is not None:
            notes.append(part.words)
        return finished(
            self.run.profile,
            subjects,
            self.run.expectations,
            self.unused,
            notes,
            part=part,
            unreached=self._unreached() if self.run.coverage else None,
        )

    def _unreached(self) -> tuple[Unreached, ...]:
        return tuple(
            each
            for (kind, name), files in self.reached.items()
            for each in own_code.unreached(
                name, kind is SourceKind.PLUGIN, files, self.config.rootpath
            )
        )

    def pytest_unconfigure(self) -> None:
        # Of a controller of pytest-xdist the threads are its own; the checks run in its workers.
        if not self.config.pluginmanager.has_plugin("dsession"):
            self._shown_at_the_end(told(self.stragglers.let_go()))
        for words in self._last_words:
            print(words, file=sys.__stderr__)

    def _shown_at_the_end(self, words: str) -> None:
        if words:
            self._last_words.append(words)

    # What is shown

    def pytest_report_header(self) -> list[str]:
        lines = [f"hot-reload: contract {CONTRACT_VERSION}, profile {self.run.profile}"]
        if self.run.selection.default:
            lines.append(f"hot-reload: {DEFAULT_LINE}")
        return lines

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        report = self._report
        if report is None:
            return
        width = self.config.get_terminal_writer().fullwidth
        encoding = getattr(sys.__stdout__, "encoding", None) or ""
        terminalreporter.write_sep("=", title(report), bold=True)
        unicode, verbose = "utf" in encoding.lower(), self.config.get_verbosity() > 0
        for spans in report_lines(report, width, unicode=unicode, verbose=verbose):
            for text, style in spans:
                terminalreporter.write(text, **STYLES[style])
            terminalreporter.write("\n")
        for spans in self._about_tests(report, width):
            terminalreporter.write_line("".join(text for text, _ in spans))

    def _about_tests(self, report: Report, width: int) -> list[Line]:
        """What was written, or how to have it written."""
        if self.kept.notes:
            return [line(), *(each for note in self.kept.notes for each in wrapped(note, width))]
        if self.run.keep_in is not None or not failures(report.results):
            return []
        text = "Keep each failure as a test of yours: the same again with --hot-reload-write-tests"
        return [line(), *wrapped(text, width)]


def _hosts_first(entry: tuple[tuple[SourceKind, str], object]) -> bool:
    return entry[0][0] is SourceKind.PLUGIN
