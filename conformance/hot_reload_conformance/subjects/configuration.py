"""The ``[tool.hot-reload]`` table of a project: read, checked, and never guessed at.

Example::

    [tool.hot-reload]
    plugins = ["plugins/counter.py"]
    host = "my_project.testing:MyAdapter"
    subject = { counter = "tests.subjects:counter" }
    profile = "ci"

    [tool.hot-reload.expected-failures."my-host"]
    "HR-ROLL-02" = "stops the old generation first; see issue 12"

The table means nothing to anyone who has not installed the kit.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.bench.budgets import BUDGETS
from hot_reload_conformance.contract.clauses import CONTRACT_VERSION
from hot_reload_conformance.nearest import did_you_mean

TABLE = "[tool.hot-reload]"


class ConfigurationError(Exception):
    """The table is wrong; the text names the file, the key and the next step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a project says in its ``[tool.hot-reload]`` table; nothing said: the defaults."""

    root: Path
    file: Path
    plugins: tuple[str, ...] = ()
    """Paths below the root: plugin files, packages, or folders of plugins."""
    host: str = ""
    """``module:Name`` of a host's adapter."""
    subject: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """``module:name`` of descriptions by plugin name; under ``""`` the one for all."""
    profile: str = "quick"
    claims: frozenset[Claim] = frozenset()
    """Replaces the claims of ``host``; empty: the adapter's own."""
    expected_failures: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Reasons, by subject and then by clause code, slug or check id."""
    entry_points: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The project's own entry points in the group ``hot_reload.plugins``: name → value."""

    def describe(self, plugin: str) -> str:
        """The dotted name of the description of ``plugin``; "" where there is none."""
        return self.subject.get(plugin, self.subject.get("", ""))


def read_configuration(root: Path) -> Configuration:
    """The table in ``root``'s pyproject.toml; without file or table, the defaults.

    Raises:
        ConfigurationError: the file is no TOML, or the table is wrong.
    """
    file = root / "pyproject.toml"
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from error
    table = document.get("tool", {}).get("hot-reload", {})
    project = document.get("project", {})
    # The kit's own entry points are its samples, which stand for "nothing was found" already.
    own = project.get("name") == "pytest-hot-reload"
    entry_points = {} if own else project.get("entry-points", {}).get("hot_reload.plugins", {})
    problems: list[str] = []
    fields = _Walk(problems).fields(table)
    if problems:
        raise ConfigurationError("\n".join(f"{file}: {TABLE} {each}" for each in problems))
    return Configuration(root=root, file=file, entry_points=entry_points, **fields)


class _Walk:
    """Turns the raw table into fields, and gathers every problem on the way."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        self.readers: dict[str, Callable[[Any], Any]] = {
            "plugins": self.plugins,
            "host": self.host,
            "subject": self.subject,
            "profile": self.profile,
            "claims": self.claims,
            "contract": self.contract,
            "expected-failures": self.expected_failures,
        }

    def fields(self, table: Any) -> dict[str, Any]:
        if not isinstance(table, dict):
            self.problems.append(f"is a {_kind(table)}, not a table")
            return {}
        found: dict[str, Any] = {}
        for key, value in table.items():
            reader = self.readers.get(key)
            if reader is None:
                self.problems.append(f"has no key {key!r}.{did_you_mean(key, self.readers)}")
                continue
            before = len(self.problems)
            read = reader(value)
            if len(self.problems) == before and key != "contract":
                found[key.replace("-", "_")] = read
        return found

    def plugins(self, value: Any) -> tuple[str, ...]:
        return tuple(self.strings("plugins", value, 'plugins = ["plugins/counter.py"]'))

    def host(self, value: Any) -> str:
        return self.dotted("host", value)

    def subject(self, value: Any) -> Mapping[str, str]:
        if isinstance(value, dict):
            return {name: self.dotted(f"subject.{name}", each) for name, each in value.items()}
        return {"": self.dotted("subject", value)}

    def profile(self, value: Any) -> str:
        if value not in BUDGETS:
            names = ", ".join(BUDGETS)
            self.problems.append(f"profile is {value!r}; it is one of {names}")
        return str(value)

    def claims(self, value: Any) -> frozenset[Claim]:
        known = {claim.value: claim for claim in Claim}
        names = self.strings("claims", value, 'claims = ["reload", "hooks"]')
        for name in names:
            if name not in known:
                self.problems.append(
                    f"claims has the unknown claim {name!r}.{did_you_mean(name, known)}"
                )
        return frozenset(known[name] for name in names if name in known)

    def contract(self, value: Any) -> None:
        if value != CONTRACT_VERSION:
            self.problems.append(
                f"contract asks for version {value!r}; this kit holds {CONTRACT_VERSION!r}. "
                "Install the release of the kit that has it, or change the key."
            )

    def expected_failures(self, value: Any) -> Mapping[str, Mapping[str, str]]:
        shape = '[tool.hot-reload.expected-failures."subject"] with "HR-ROLL-02" = "the reason"'
        if not isinstance(value, dict):
            self.problems.append(f"expected-failures is a {_kind(value)}; write {shape}")
            return {}
        for subject, reasons in value.items():
            where = f"expected-failures.{subject!r}"
            if not isinstance(reasons, dict):
                self.problems.append(f"{where} is a {_kind(reasons)}; write {shape}")
                continue
            for key, reason in reasons.items():
                if not isinstance(reason, str) or not reason.strip():
                    self.problems.append(f"{where}.{key!r} gives no reason; write {shape}")
        return value

    def strings(self, key: str, value: Any, shape: str) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            self.problems.append(f"{key} is no list of strings; write {shape}")
            return []
        return value

    def dotted(self, key: str, value: Any) -> str:
        if not isinstance(value, str) or ":" not in value:
            self.problems.append(f'{key} is {value!r}; write {key} = "package.module:Name"')
            return ""
        return value


def _kind(value: object) -> str:
    name = type(value).__name__
    return {"str": "string", "dict": "table"}.get(name, name)
