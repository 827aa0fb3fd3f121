"""One part of a run: which items are this shard's, and what its report says of that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hot_reload_conformance.report.json import from_json
from hot_reload_conformance.shard import Part, Shard, part_of
from hot_reload_conformance.suite.item import ContractItem


@dataclass
class Sharding:
    """The shard of a run, where it is one. The same in every process of it."""

    shard: Shard | None = None
    seconds: dict[tuple[str, str], float] = field(default_factory=dict)
    """(subject, check) → how long it took before."""
    part: Part | None = None
    """Known once items are collected; in a run by pytest-xdist its workers tell it."""

    @classmethod
    def of(cls, config: pytest.Config) -> Sharding:
        """As the options have it.

        Raises:
            pytest.UsageError: an option is malformed, or the report cannot be read.
        """
        text, file = config.getoption("hot_reload_shard"), config.getoption("hot_reload_durations")
        if file and not text:
            raise pytest.UsageError("--hot-reload-durations needs --hot-reload-shard beside it")
        if not text:
            return cls()
        try:
            shard = Shard.parse(text)
        except ValueError as error:
            raise pytest.UsageError(f"--hot-reload-shard: {error}") from error
        return cls(shard, _durations(config.invocation_params.dir / file) if file else {})

    def chosen(self, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """Those of ``items`` that are this shard's, in their order."""
        if self.shard is None:
            return list(items)
        seconds = {
            each.nodeid: self.seconds[key]
            for each in items
            if isinstance(each, ContractItem)
            and (key := (each.subject_name, each.check.id)) in self.seconds
        }
        mine, self.part = part_of(self.shard, [each.nodeid for each in items], seconds)
        return [each for each in items if each.nodeid in mine]


def _durations(path: Path) -> dict[tuple[str, str], float]:
    try:
        report = from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise pytest.UsageError(
            f"--hot-reload-durations: {path} is no report of this kit "
            f"({type(error).__name__}: {error}). Write one by --hot-reload-report"
        ) from error
    found: dict[tuple[str, str], float] = {}
    for each in report.results:
        key = (each.subject, each.check)
        found[key] = max(each.duration_seconds, found.get(key, 0.0))
    return found
