"""The matrix: what all trials together say, kept in a file, added to run by run."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hot_reload_conformance.contract.clauses import CONTRACT_VERSION
from hot_reload_conformance.teeth.quarry import specimens
from hot_reload_conformance.teeth.trial import Order, Scope, Trial

SCHEMA = 1


@dataclass
class Matrix:
    """Counts of trials. Used from one thread."""

    made: str = ""
    """The day of the last addition, as YYYY-MM-DD."""
    python: str = field(default_factory=platform.python_version)
    specimens: dict[str, dict[str, str]] = field(default_factory=dict)
    """Specimen → its ``code``, ``says`` and ``bug``, as they were when it was measured."""
    rates: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    """Profile → specimen → [killed by its clause in its words, tries]."""
    kills: dict[str, dict[str, int]] = field(default_factory=dict)
    """Specimen → clause → in how many of its ``crossed`` runs of all checks it failed."""
    crossed: dict[str, int] = field(default_factory=dict)
    """Specimen → how often it was held against every check."""
    correct: dict[str, list[int]] = field(default_factory=dict)
    """Correct subject → [verdicts, false alarms]."""
    alarms: list[str] = field(default_factory=list)
    """What was said on correct subjects."""
    missed: dict[str, str] = field(default_factory=dict)
    """Specimen → what was last said where it was not killed in its words."""

    def add(self, trial: Trial) -> None:
        name, scope = trial.order.subject, trial.order.scope
        if scope is Scope.NAMED:
            rate = self.rates.setdefault(trial.order.profile, {}).setdefault(name, [0, 0])
            rate[0] += bool(trial.killed_by)
            rate[1] += 1
            if not trial.killed_by:
                self.missed[name] = "; ".join(trial.said) or "every check passed"
        elif scope is Scope.ALL:
            if trial.said:  # it ended its process: no clause had its say
                self.missed[name] = "; ".join(trial.said)
                return
            self.crossed[name] = self.crossed.get(name, 0) + 1
            kills = self.kills.setdefault(name, {})
            for code in trial.killed_by:
                kills[code] = kills.get(code, 0) + 1
        else:
            counts = self.correct.setdefault(name, [0, 0])
            counts[0] += trial.judged
            counts[1] += len(trial.killed_by) or bool(trial.said)
            self.alarms += [f"{name}: {each}" for each in trial.said]

    def wanted(self, orders: Iterable[Order]) -> list[Order]:
        """Those of ``orders`` that the matrix does not hold yet, by their numbers."""
        found = []
        for order in orders:
            if order.scope is Scope.NAMED:
                held = self.rates.get(order.profile, {}).get(order.subject, [0, 0])[1]
            elif order.scope is Scope.ALL:
                held = self.crossed.get(order.subject, 0)
            else:
                held = 0
            if order.seed >= held:
                found.append(order)
        return found

    def trimmed(self) -> Matrix:
        """Without what was measured on specimens that are gone, or name another clause now."""
        now = {
            each.name: {"code": each.code, "says": each.says, "bug": each.bug}
            for each in specimens().values()
        }
        for name in {*self.specimens, *self.crossed, *self.missed} - {
            each for each, said in now.items() if self.specimens.get(each, said) == said
        }:
            tables: list[dict[str, Any]] = [self.kills, self.crossed, self.missed]
            for table in (*tables, *self.rates.values()):
                table.pop(name, None)
        self.specimens = now
        return self

    # What it says

    def rate(self, name: str) -> tuple[int, int]:
        """Killed by its clause, and tries, over all profiles."""
        each = [rates[name] for rates in self.rates.values() if name in rates]
        return sum(one[0] for one in each), sum(one[1] for one in each)

    def killers(self, name: str) -> set[str]:
        """The clauses that were seen to kill it, each at least once."""
        found = set(self.kills.get(name, {}))
        if self.rate(name)[0]:
            found.add(self.specimens[name]["code"])
        return found

    def victims(self, code: str) -> dict[str, set[str]]:
        """Every specimen that ``code`` kills, with the other clauses that do."""
        return {
            name: killers - {code}
            for name in self.specimens
            if code in (killers := self.killers(name))
        }

    def lucky(self) -> dict[str, tuple[int, int]]:
        """The specimens that were not killed every time, with their rates."""
        rates = {name: self.rate(name) for name in self.specimens}
        return {name: rate for name, rate in rates.items() if rate[0] < rate[1]}

    # The file

    def to_plain(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "contract": CONTRACT_VERSION,
            "made": self.made,
            "python": self.python,
            "specimens": self.specimens,
            "rates": self.rates,
            "kills": self.kills,
            "crossed": self.crossed,
            "correct": self.correct,
            "alarms": self.alarms,
            "missed": self.missed,
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Matrix:
        """The matrix that ``to_plain`` made ``plain`` of.

        Raises:
            ValueError: it is of another schema.
        """
        if plain.get("schema") != SCHEMA:
            raise ValueError(
                f"the kill matrix has schema {plain.get('schema')!r}, not {SCHEMA}: "
                "measure it again, into a new file"
            )
        return cls(**{each.name: plain[each.name] for each in fields(cls)})

    @classmethod
    def read(cls, path: Path) -> Matrix:
        """The matrix in ``path``, or an empty one where there is no such file.

        Raises:
            ValueError: it is no kill matrix, or one of another schema.
        """
        if not path.exists():
            return cls()
        try:
            return cls.of(json.loads(path.read_text(encoding="utf-8")))
        except (json.JSONDecodeError, KeyError, AttributeError) as error:
            raise ValueError(f"{path} is no kill matrix: {error!r}") from error

    def write(self, path: Path) -> None:
        text = json.dumps(self.to_plain(), indent=1, sort_keys=True, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
