"""The run: what its options and its table ask for, read once in every process of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hot_reload_conformance import own_code
from hot_reload_conformance.bench.budgets import budget_of
from hot_reload_conformance.bench.judge import Judge, Replay
from hot_reload_conformance.check import all_checks
from hot_reload_conformance.contract.document import clause_named
from hot_reload_conformance.report.form import FormError, checked
from hot_reload_conformance.subjects.configuration import Configuration, read_configuration
from hot_reload_conformance.subjects.discovery import DiscoveryError, sources_at
from hot_reload_conformance.subjects.expectation import Expectations
from hot_reload_conformance.suite.selection import Selection, select


@dataclass(frozen=True)
class Run:
    """What is to be judged, and how."""

    configuration: Configuration
    selection: Selection
    profile: str
    """The budget's name: quick, ci or nightly."""
    replay: Replay | None
    expectations: Expectations
    judge: Judge
    keep_in: Path | None
    """The folder to which failures are written as tests."""
    report_files: tuple[Path, ...]
    coverage: bool
    """Whether it is measured which lines of the subjects' own code the checks reach."""

    @classmethod
    def of(cls, config: pytest.Config) -> Run:
        """As the options and ``[tool.hot-reload]`` have it.

        Raises:
            pytest.UsageError: an option is wrong.
            ConfigurationError, DiscoveryError, ExpectationError: as their names say.
        """
        configuration = read_configuration(config.rootpath)
        selection = select(config, configuration)
        profile = config.getoption("hot_reload_profile") or configuration.profile
        replay = _replay(config)
        expectations = Expectations.of(configuration.expected_failures, all_checks())
        budget = replace(
            budget_of(profile, whole=_names_checks(config, selection)),
            seed=_seed(config.getoption("--hypothesis-seed", None)),
            database="\n".join(_places(config)),
        )
        coverage: bool = config.getoption("hot_reload_coverage")
        if coverage and not own_code.installed():
            raise pytest.UsageError(own_code.MISSING)
        return cls(
            configuration=configuration,
            selection=selection,
            profile=profile,
            replay=replay,
            expectations=expectations,
            judge=Judge(budget, expectations, replay),
            keep_in=_folder_to_keep_in(config, configuration),
            report_files=_report_files(config),
            coverage=coverage,
        )


def _names_checks(config: pytest.Config, selection: Selection) -> bool:
    """Whether the user chose among the checks, by ids or pytest's own options."""
    chosen = config.getoption("keyword") or config.getoption("markexpr")
    return bool(chosen or selection.names)


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


def _report_files(config: pytest.Config) -> tuple[Path, ...]:
    try:
        return tuple(
            checked(config.invocation_params.dir / text, text)
            for text in config.getoption("hot_reload_report")
        )
    except FormError as error:
        raise pytest.UsageError(f"--hot-reload-report: {error}") from error


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
