"""Another's measurement of a host, row by row, held beside the kit's verdicts.

``comparison.toml`` in a host's folder::

    source = "independent measurement, 2026-11"

    [[row]]
    check = "syntax_old_kept"            # what the other called it
    seen = "kept"                        # kept, broken or not run
    clauses = ["HR-ROLL-01 syntax:*"]    # who judges it here: code, and a pattern of variants
    because = "…"                        # where the two differ, and only there
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.hosts.folder import HostFolder, HostFolderError
from hot_reload_conformance.hosts.record import Record

KEPT, BROKEN, NOT_RUN = "kept", "broken", "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One check of the other's, what it saw, and the clauses that judge the same here."""

    check: str
    seen: str
    clauses: tuple[str, ...] = ()
    because: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows, and where they come from."""

    source: str
    rows: tuple[Row, ...]


def read_comparison(folder: HostFolder) -> Comparison | None:
    """The table in the host's folder; None: it has none.

    Raises:
        HostFolderError: the file is wrong; names the row.
    """
    try:
        text = folder.comparison.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        table = tomllib.loads(text)
        rows = tuple(
            Row(**{**each, "clauses": tuple(each.get("clauses", ()))}) for each in table["row"]
        )
        source = str(table["source"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise HostFolderError(f"{folder.comparison}: {error}") from error
    for row in rows:
        if row.seen not in (KEPT, BROKEN, NOT_RUN):
            raise HostFolderError(f"{folder.comparison}: {row.check}: seen = {row.seen!r}")
        for clause in row.clauses:
            if clause.partition(" ")[0] not in CONTRACT:
                raise HostFolderError(f"{folder.comparison}: {row.check}: no clause {clause!r}")
    return Comparison(source, rows)


def seen_here(clauses: Sequence[str], record: Record) -> str:
    """What the kit saw of ``clauses``: kept, broken or not run."""
    found = {_one_seen(each, record) for each in clauses}
    return next((each for each in (BROKEN, KEPT) if each in found), NOT_RUN)


def _one_seen(clause: str, record: Record) -> str:
    code, _, pattern = clause.partition(" ")
    seen = NOT_RUN
    for result in record.subject.results:
        # A machine's findings are about whole histories; a row is about one example.
        if result.code != code or result.check.endswith("[machine]"):
            continue
        if any(fnmatchcase(each.variant, pattern or "*") for each in result.findings):
            return BROKEN
        if any(fnmatchcase(each, pattern or "*") for each in result.variants):
            seen = KEPT
    return seen


def disagreements(comparison: Comparison, record: Record) -> list[str]:
    """The rows that differ without a reason, or have a reason and do not differ."""
    found: list[str] = []
    for row in comparison.rows:
        here = seen_here(row.clauses, record)
        if here != row.seen and not row.because:
            found.append(
                f"{row.check}: {comparison.source} saw it {row.seen}, the kit sees it {here} "
                f"({', '.join(row.clauses) or 'no clause'}): find out who is right, and write "
                "`because`"
            )
        if here == row.seen and row.because:
            found.append(f"{row.check}: both saw it {here} now: delete its `because`")
    return found
