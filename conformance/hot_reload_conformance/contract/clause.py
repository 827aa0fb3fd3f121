"""What a clause is, and the order in which the contract's sections stand."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim


class Level(enum.Enum):
    """How binding a clause is."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class Kind(enum.Enum):
    """How a clause is checked."""

    EXAMPLE = "E"
    PROPERTY = "P"
    MACHINE = "M"
    SIMULATION = "S"
    REAL = "R"


class Profile(enum.Enum):
    """A set of sections that a subject is judged by as a whole."""

    CORE = "core"
    STATEFUL = "stateful"
    PIPELINE = "pipeline"
    GRAPH = "graph"
    WATCHING = "watching"
    OPERATIONS = "operations"
    PLUGIN = "plugin"


SECTIONS: dict[Profile, tuple[str, ...]] = {
    Profile.CORE: ("LOAD", "SWAP", "ROLL", "ISO", "LEAK", "RACE"),
    Profile.STATEFUL: ("STATE",),
    Profile.PIPELINE: ("FLOW", "GUARD"),
    Profile.GRAPH: ("DEPS",),
    Profile.WATCHING: ("WATCH", "CONF", "LIMIT"),
    Profile.OPERATIONS: ("OBS", "CTRL", "PROC"),
    Profile.PLUGIN: ("PLUG",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One sentence that binds a host or a plugin. ``code`` is ``HR-ROLL-01``."""

    code: str
    slug: str
    level: Level
    claims: frozenset[Claim]
    kinds: tuple[Kind, ...]
    text: str
    since: str = "1.0"
    why: str = ""
    """One line: what happens to people where the clause is broken, with a real case's link
    where there is one."""
    fix: str = ""
    """The next step for whoever reads the failure."""

    @property
    def section(self) -> str:
        return self.code.split("-")[1]

    @property
    def profile(self) -> Profile:
        return next(each for each, names in SECTIONS.items() if self.section in names)

    @property
    def for_plugins(self) -> bool:
        """Whether a plugin is the subject, not a host."""
        return self.profile is Profile.PLUGIN


def clause(
    code: str,
    slug: str,
    level: str,
    *,
    claims: str,
    kinds: str,
    text: str,
    why: str,
    fix: str,
    since: str = "1.0",
) -> Clause:
    """A clause as the sections write it: claims and kinds are words between spaces."""
    return Clause(
        code=code,
        slug=slug,
        level=Level(level),
        claims=frozenset(Claim(name) for name in claims.split()),
        kinds=tuple(Kind(letter) for letter in kinds.split()),
        text=text,
        since=since,
        why=why,
        fix=fix,
    )
