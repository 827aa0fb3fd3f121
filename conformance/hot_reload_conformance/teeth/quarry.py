"""The quarry: every specimen and every correct subject, hosts and plugins alike, by name.

Filled from the registries, so whatever is registered there is measured here. A
quarry is looked up by its name in each process: names cross processes, hosts do not.
"""

from __future__ import annotations

import contextlib
import copyreg
import functools
import logging
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.adapters.reference import ReferenceAdapter
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import Check, host_checks, plugin_checks
from hot_reload_conformance.plugins.case import run_plugin_check
from hot_reload_conformance.specimens.plug import PLUGIN_SPECIMENS
from hot_reload_conformance.specimens.plug_correct import CORRECT_PLUGINS
from hot_reload_conformance.specimens.plugin_specimen import CorrectPlugin
from hot_reload_conformance.specimens.registry import all_specimens, correct_hosts
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CheckResult


@dataclass(frozen=True, slots=True)
class Quarry:
    """One subject of the measurement. ``code`` and ``says`` are "" for a correct one."""

    name: str
    """Unique: a plugin's has ``plugin:`` before it."""
    subject: type[HostAdapter] | CorrectPlugin
    code: str = ""
    says: str = ""
    bug: str = ""

    @property
    def is_host(self) -> bool:
        return isinstance(self.subject, type)

    @property
    def checks(self) -> tuple[Check, ...]:
        """Those that are held against such a subject, in the order of a run."""
        return host_checks() if self.is_host else plugin_checks()

    @property
    def named_checks(self) -> tuple[Check, ...]:
        """The checks of the clause that it breaks."""
        return tuple(each for each in self.checks if each.clause.code == self.code)

    def judged(
        self,
        check: Check,
        budget: Budget,
        *,
        only: str | None = None,
        stop_at_first: bool = False,
    ) -> CheckResult:
        """What ``check`` finds on it (``only``: in that variant). Leaves nothing behind."""
        if isinstance(self.subject, type):
            return run_host_check(
                HostSubject(self.subject), check, budget, only=only, stop_at_first=stop_at_first
            )
        with tempfile.TemporaryDirectory(prefix="hot-reload-teeth-") as folder, _registries():
            return run_plugin_check(self.subject.write(Path(folder)), check, budget, only=only)

    def variants(self, check: Check) -> list[str]:
        """The names of the variants of ``check`` that apply to it."""
        if isinstance(self.subject, type):
            return [each.name for each in check.variants(self.subject)]
        with tempfile.TemporaryDirectory(prefix="hot-reload-teeth-") as folder:
            return [each.name for each in check.variants(self.subject.write(Path(folder)))]


@contextlib.contextmanager
def _registries() -> Iterator[None]:
    """Plugin specimens that register things elsewhere do not do it to the next one."""
    kept = dict(copyreg.dispatch_table)
    try:
        yield
    finally:
        copyreg.dispatch_table.clear()
        copyreg.dispatch_table.update(kept)
        vars(logging).pop("hot_reload_specimen", None)


@functools.cache
def specimens() -> Mapping[str, Quarry]:
    """Every wrong host and wrong plugin, by name."""
    hosts = [Quarry(s.name, s.adapter, s.code, s.says, s.bug) for s in all_specimens()]
    plugins = [Quarry(f"plugin:{s.name}", s, s.code, s.says, s.bug) for s in PLUGIN_SPECIMENS]
    return {each.name: each for each in (*hosts, *plugins)}


@functools.cache
def correct_subjects() -> Mapping[str, Quarry]:
    """Every correct host, the reference engine among them, and every correct plugin, by name."""
    adapters: list[type[HostAdapter]] = [*correct_hosts(), ReferenceAdapter]
    hosts = [Quarry(each.name, each) for each in adapters]
    plugins = [Quarry(f"plugin:{each.name}", each) for each in CORRECT_PLUGINS]
    return {each.name: each for each in (*hosts, *plugins)}
