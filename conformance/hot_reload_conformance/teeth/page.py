"""The matrix as a document: ``docs/reference/kill-matrix.md``, made of the file alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.teeth.gate import EXCUSED
from hot_reload_conformance.teeth.matrix import Matrix

MOST_NAMED = 6
"""How many names a cell lists before it counts the rest."""


def matrix_page(matrix: Matrix) -> str:
    """The whole page. The same matrix gives the same page."""
    parts = (
        _head(matrix),
        _clauses(matrix),
        _nothing_unique(matrix),
        _by_chance(matrix),
        _correct(matrix),
        _specimens(matrix),
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(matrix: Matrix) -> Iterator[str]:
    total, crossed = len(matrix.specimens), len(matrix.crossed)
    caught = sum(bool(matrix.rate(name)[0]) for name in matrix.specimens)
    always = sum(0 < rate[0] == rate[1] for rate in map(matrix.rate, matrix.specimens))
    yield from (
        "# The kill matrix",
        "",
        "Made by `hot-reload kill-matrix --json FILE --page PAGE`; do not edit.",
        "",
        "A specimen is a host or a plugin with one bug, and names the clause that must catch it,",
        "with words of the message. Here is which clause was seen to kill which specimen.",
        "",
        f"- Measured up to {matrix.made}, on Python {matrix.python}.",
        f"- {total} specimens; {caught} were killed by the clause that they name, in its words,",
        f"  {always} of them every time.",
        *(
            f"- Profile {profile}: {_spread(matrix, profile)} tries for each specimen, each under"
            " a seed of its own."
            for profile in sorted(matrix.rates)
        ),
        f"- {crossed} of {total} specimens were held against every clause, machines left out;",
        "  what is said below of other clauses is known of those only.",
        "",
        "How many faults that are planted in the engine itself are seen: [mutation testing]"
        "(mutation.md).",
    )


def _spread(matrix: Matrix, profile: str) -> str:
    tries = [rate[1] for name, rate in matrix.rates[profile].items() if name in matrix.specimens]
    low, high = min(tries, default=0), max(tries, default=0)
    return str(low) if low == high else f"{low} to {high}"


def _clauses(matrix: Matrix) -> Iterator[str]:
    yield from (
        "",
        "## Clauses",
        "",
        "| clause | level | kills | kills that no other clause makes |",
        "|---|---|---|---|",
    )
    for code in _codes(matrix):
        victims = matrix.victims(code)
        alone = sorted(name for name in matrix.crossed if name in victims and not victims[name])
        clause = CONTRACT[code]
        yield (
            f"| {code} {clause.slug} | {clause.level.value} | {len(victims)} "
            f"| {len(alone)}: {_names(alone)} |"
            if alone
            else f"| {code} {clause.slug} | {clause.level.value} | {len(victims)} | |"
        )


def _codes(matrix: Matrix) -> list[str]:
    """The clauses that kill something or are named by a specimen, in the contract's order."""
    known = {each["code"] for each in matrix.specimens.values()}
    known |= {code for kills in matrix.kills.values() for code in kills}
    return [code for code in CONTRACT if code in known]


def _nothing_unique(matrix: Matrix) -> Iterator[str]:
    yield from (
        "",
        "## Clauses that kill nothing alone",
        "",
        "Each of their specimens breaks other clauses too: one bug shows in several places, and",
        "the clause that it names says best what is wrong. A clause stays, though another would",
        "have seen these bugs: it is another promise, and its message another advice.",
        "",
        "| clause | its specimens | every one of them is killed by one of these as well |",
        "|---|---|---|",
    )
    for code in _codes(matrix):
        victims = matrix.victims(code)
        known = {name: others for name, others in victims.items() if name in matrix.crossed}
        if any(not others for others in known.values()):
            continue
        label = f"{code} {CONTRACT[code].slug}"
        if not known:
            yield f"| {label} | {_names(sorted(victims))} | none was held against all clauses yet |"
            continue
        counts = Counter(other for others in known.values() for other in others)
        others = ", ".join(
            f"{other} ({count})"
            for other, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))[
                :MOST_NAMED
            ]
        )
        yield f"| {label} | {_names(sorted(known))} | {others} |"
    yield from (f"| {code} {CONTRACT[code].slug} | | {why} |" for code, why in EXCUSED.items())


def _by_chance(matrix: Matrix) -> Iterator[str]:
    yield from ("", "## Specimens that were not killed every time", "")
    lucky = matrix.lucky()
    if not lucky:
        yield "None."
        return
    yield from ("| specimen | clause | killed | where it was not |", "|---|---|---|---|")
    for name, (killed, tries) in sorted(lucky.items()):
        said = _cell(matrix.missed.get(name, ""))
        yield f"| {name} | {matrix.specimens[name]['code']} | {killed} of {tries} | {said} |"


def _correct(matrix: Matrix) -> Iterator[str]:
    verdicts = sum(count for count, _ in matrix.correct.values())
    alarms = sum(count for _, count in matrix.correct.values())
    yield from (
        "",
        "## False alarms",
        "",
        f"{verdicts} verdicts of MUST clauses on correct subjects; {alarms} were false alarms.",
    )
    if matrix.correct:
        yield from ("", "| correct subject | verdicts | false alarms |", "|---|---|---|")
        for name, (count, wrong) in sorted(matrix.correct.items()):
            yield f"| {name} | {count} | {wrong} |"
    yield from (f"- {_cell(each)}" for each in sorted(set(matrix.alarms)))


def _specimens(matrix: Matrix) -> Iterator[str]:
    yield from (
        "",
        "## Specimens",
        "",
        "| specimen | names | killed | killed by other clauses too |",
        "|---|---|---|---|",
    )
    order = list(CONTRACT)
    for name, specimen in sorted(
        matrix.specimens.items(), key=lambda each: (order.index(each[1]["code"]), each[0])
    ):
        killed, tries = matrix.rate(name)
        others = matrix.killers(name) - {specimen["code"]}
        also = _names([code for code in CONTRACT if code in others])
        if name not in matrix.crossed:
            also = "not measured"
        yield f"| {name} | {specimen['code']} | {killed} of {tries} | {also} |"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown


def _cell(text: str) -> str:
    short = text if len(text) <= 200 else f"{text[:197]}..."
    return " ".join(short.split()).replace("|", "\\|")
