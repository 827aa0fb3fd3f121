"""The run: hooks that collect the contract, gather its verdicts, and decide the exit status."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance import own_code
from hot_reload_conformance.bench.budgets import budget_of
from hot_reload_conformance.bench.judge import Judge, Replay
from hot_reload_conformance.check import all_checks
from hot_reload_conformance.contract.clauses import CONTRACT_VERSION
from hot_reload_conformance.contract.document import clause_named
from hot_reload_conformance.door import finished
from hot_reload_conformance.report.json import from_plain, write_json
from hot_reload_conformance.report.markup import STYLES, Line, line, wrapped
from hot_reload_conformance.report.summary import Report, SubjectReport
from hot_reload_conformance.report.terminal import report_lines, title
from hot_reload_conformance.report.unreached import Unreached
from hot_reload_conformance.shard import Part
from hot_reload_conformance.subjects.configuration import (
    Configuration,
    ConfigurationError,
    read_configuration,
)
from hot_reload_conformance.subjects.discovery import (
    DEFAULT_LINE,
    DiscoveryError,
    default_sources,
    sources_at,
)
from hot_reload_conformance.subjects.expectation import ExpectationError, Expectations
from hot_reload_conformance.subjects.resolve import resolve_host
from hot_reload_conformance.subjects.source import Source, SourceKind
from hot_reload_conformance.suite.collector import SubjectFile
from hot_reload_conformance.suite.item import ContractItem
from hot_reload_conformance.suite.keeping import Kept, failures, keep
from hot_reload_conformance.suite.outcome import ATTRIBUTE, Status, dress, status, undress
from hot_reload_conformance.suite.selection import Selection, select
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
    config.args[:] = session.selection.arguments
    config.pluginmanager.register(session, "hot-reload-conformance-session")


class ConformanceSession:
    """One process's part of a run. The controller's alone reports."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.configuration: Configuration = read_configuration(config.rootpath)
        self.selection: Selection = select(config, self.configuration)
        self.budget = config.getoption("hot_reload_profile") or self.configuration.profile
        self.replay = _replay(config)
        self.expectations = Expectations.of(self.configuration.expected_failures, all_checks())
        seed = config.getoption("--hypothesis-seed", None)
        budget = replace(
            budget_of(self.budget, whole=self._names_checks()),
            seed=_seed(seed),
            database="\n".join(_places(config)),
        )
        self.judge = Judge(budget, self.expectations, self.replay)
        self.sharding = Sharding.of(config)
        self.keep_in = _folder_to_keep_in(config, self.configuration)
        self.report_file = _report_file(config)
        self.coverage: bool = config.getoption("hot_reload_coverage")
        if self.coverage and not own_code.installed():
            raise pytest.UsageError(own_code.MISSING)
        self.reached: dict[tuple[SourceKind, str], dict[str, set[int]]] = {}
        self.sources: dict[tuple[SourceKind, str], Source] = {}
        self.unused: list[str] = []
        self.gathered: dict[tuple[SourceKind, str], list[CheckResult]] = {}
        self.kept = Kept()
        self._report: Report | None = None

    def _names_checks(self) -> bool:
        """Whether the user chose among the checks, by ids or pytest's own options."""
        chosen = self.config.getoption("keyword") or self.config.getoption("markexpr")
        return bool(chosen or self.selection.names)

    def check_expected_subjects(self) -> None:
        """Refuse expected failures of subjects that there are not, before anything runs.

        Raises:
            ExpectationError: see ``Expectations.check_subjects``.
        """
        if not self.expectations.reasons:
            return
        sources = [*self.selection.sources.values()]
        if self.selection.explicit:
            sources += default_sources(self.configuration)[0]
        names = [name for each in sources if (name := self._name(each))]
        complete = not self.selection.explicit and len(names) == len(sources)
        self.unused = self.expectations.check_subjects(names, all_known=complete)

    def _name(self, source: Source) -> str:
        if source.kind is SourceKind.PLUGIN:
            return source.name
        if source.fixture:
            return str(source.anchor.relative_to(self.config.rootpath))
        try:
            return resolve_host(source, self.configuration).name
        except KitError:
            return ""  # its items will say why

    # Collection

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
        # For a subject, others' collectors are thrown away: they import nothing until they collect.
        found = yield
        source = self.selection.sources.get(file_path)
        if source is not None:
            return [SubjectFile.of(parent, file_path, source, self)]
        return found

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(
        self, path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """pytest's Package would import the ``__init__`` of a plugin, outside the kit's hands."""
        if self.selection.holds(path):
            made: pytest.Collector = pytest.Dir.from_parent(parent, path=path)
            return made
        return None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.sharding.shard is not None:
            self._leave(items, self.sharding.chosen(items))
        if self.replay is None:
            return
        of_code = [
            each
            for each in items
            if isinstance(each, ContractItem) and each.check.clause.code == self.replay.code
        ]
        named = [each for each in of_code if each.has_variant(self.replay.script)]
        explorers = [each for each in of_code if each.check.replays(self.replay.script)]
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
        source = self.selection.sources.get(Path(carried["anchor"]))
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
            if self.sharding.part is not None:
                worker: Any = self.config
                worker.workeroutput["hot_reload_part"] = asdict(self.sharding.part)
            return
        if self.config.getoption("collectonly"):
            return
        report = self._report = self._finished()
        if self.keep_in is not None:
            found = [
                (result, self.sources[key])
                for key, results in self.gathered.items()
                for result in failures(results)
                if key in self.sources
            ]
            self.kept = keep(found, self.config.rootpath, self.keep_in)
        if self.report_file is not None:
            write_json(report, self.report_file)
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self.sharding.part:
            session.exitstatus = pytest.ExitCode.OK  # more shards than checks: the others have them
        if session.exitstatus == pytest.ExitCode.OK and not report.ok:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """A worker of pytest-xdist ended: it collected, and knows which part this is."""
        told = getattr(node, "workeroutput", {}).get("hot_reload_part")
        if told:
            self.sharding.part = Part(**told)

    def _finished(self) -> Report:
        subjects = [
            SubjectReport(name, kind, tuple(results))
            for (kind, name), results in sorted(self.gathered.items(), key=_hosts_first)
        ]
        notes = [DEFAULT_LINE] if self.selection.default else []
        part = self.sharding.part
        if part is not None:
            notes.append(part.words)
        return finished(
            self.budget,
            subjects,
            self.expectations,
            self.unused,
            notes,
            part=part,
            unreached=self._unreached() if self.coverage else None,
        )

    def _unreached(self) -> tuple[Unreached, ...]:
        return tuple(
            each
            for (kind, name), files in self.reached.items()
            for each in own_code.unreached(
                name, kind is SourceKind.PLUGIN, files, self.config.rootpath
            )
        )

    # What is shown

    def pytest_report_header(self) -> list[str]:
        lines = [f"hot-reload: contract {CONTRACT_VERSION}, profile {self.budget}"]
        if self.selection.default:
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
        if self.keep_in is not None or not failures(report.results):
            return []
        text = "Keep each failure as a test of yours: the same again with --hot-reload-write-tests"
        return [line(), *wrapped(text, width)]


def _places(config: pytest.Config) -> list[str]:
    """Where examples are kept; folders as whole paths, as seen from where pytest was begun."""
    found: list[str] = []
    for text in config.getoption("hot_reload_database"):
        mode = "readonly:" if text.startswith("readonly:") else ""
        place = text.removeprefix(mode)
        if not place.strip():
            raise pytest.UsageError("--hot-reload-database: name a folder, or redis://host:6379/0")
        if "://" not in place:
            place = str(config.invocation_params.dir / place)
        elif not place.startswith(("redis://", "rediss://", "unix://")):
            raise pytest.UsageError(
                f"--hot-reload-database: {place} is no folder and no URL of a Redis server: "
                "redis://, rediss:// and unix:// are known"
            )
        found.append(mode + place)
    return found


def _report_file(config: pytest.Config) -> Path | None:
    text = config.getoption("hot_reload_report")
    if not text:
        return None
    file: Path = config.invocation_params.dir / text
    if file.suffix not in ("", ".json"):
        xml = " JUnit XML is written by --junitxml." if file.suffix == ".xml" else ""
        raise pytest.UsageError(
            f"--hot-reload-report writes JSON, and {text} ends in {file.suffix}: write "
            f"--hot-reload-report={Path(text).with_suffix('.json')}.{xml}"
        )
    if file.is_dir():
        raise pytest.UsageError(
            f"--hot-reload-report: {text} is a folder: name a file in it, {Path(text) / 'r.json'}"
        )
    return file


def _folder_to_keep_in(config: pytest.Config, configuration: Configuration) -> Path | None:
    text = config.getoption("hot_reload_write_tests")
    if text is None:
        return None
    folder: Path = config.invocation_params.dir / text
    with contextlib.suppress(DiscoveryError):
        if folder.exists() and sources_at(folder, configuration):
            raise pytest.UsageError(
                f"--hot-reload-write-tests takes {text} for the folder to write to, and it is a "
                "subject: write --hot-reload-write-tests=tests/contract, or put the option last"
            )
    return folder


def _hosts_first(entry: tuple[tuple[SourceKind, str], object]) -> bool:
    return entry[0][0] is SourceKind.PLUGIN


def _replay(config: pytest.Config) -> Replay | None:
    text = config.getoption("hot_reload_replay")
    if text is None:
        return None
    try:
        replay = Replay.of(text)
        return replace(replay, code=clause_named(replay.code).code)
    except (ValueError, LookupError) as error:
        raise pytest.UsageError(f"--hot-reload-replay: {error.args[0]}") from error


def _seed(text: str | None) -> int | None:
    return int(text) if text and text.lstrip("-").isdigit() else None
