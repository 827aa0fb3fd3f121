"""The contract as a document: ``docs/reference/contract.md`` and ``--hot-reload-explain``."""

from __future__ import annotations

import re
import textwrap

from hot_reload_conformance.contract.clause import SECTIONS, Clause, Kind, Profile
from hot_reload_conformance.contract.clauses import CONTRACT, CONTRACT_VERSION
from hot_reload_conformance.nearest import did_you_mean

HEADS = {
    "LOAD": "loading and unloading",
    "SWAP": "the new generation takes over",
    "ROLL": "a reload that fails at any stage",
    "STATE": "what survives a reload",
    "FLOW": "no log loss",
    "GUARD": "what may not be removed",
    "DEPS": "plugins that need plugins",
    "WATCH": "edits on disk",
    "LIMIT": "how often and how long",
    "CONF": "changes of configuration",
    "OBS": "what the host tells",
    "RACE": "operations that overlap",
    "LEAK": "nothing stays behind",
    "ISO": "plugins do not harm each other",
    "PROC": "plugins in processes of their own",
    "CTRL": "control over HTTP",
    "PLUG": "a plugin as the subject",
}
WIDTH = 80
"""Of an explanation, in characters. A link is never broken, and may be longer."""
_KINDS = {
    Kind.EXAMPLE: "examples",
    Kind.PROPERTY: "properties",
    Kind.MACHINE: "a state machine",
    Kind.SIMULATION: "simulated interleavings",
    Kind.REAL: "real files and real time",
}


def clause_named(name: str) -> Clause:
    """The clause of that code or slug, whatever its case.

    Raises:
        LookupError: there is none; says which was probably meant.
    """
    for clause in CONTRACT.values():
        if name.casefold() in (clause.code.casefold(), clause.slug.casefold()):
            return clause
    known = [*CONTRACT, *(clause.slug for clause in CONTRACT.values())]
    raise LookupError(f"there is no clause {name!r}.{did_you_mean(name, known)}")


def explain(name: str) -> str:
    """All that the registry knows of one clause.

    Raises:
        LookupError: there is none.
    """
    clause = clause_named(name)
    return "\n".join(
        [
            f"{clause.code} {clause.slug}  {clause.level.value}, profile {clause.profile.value}",
            _filled(clause.text, 2),
            "",
            "  why it matters",
            _filled(clause.why, 4),
            "",
            "  how to fix it",
            _filled(clause.fix, 4),
            "",
            f"  holds for    {_subjects(clause)}",
            f"  asks for     {', '.join(_KINDS[kind] for kind in clause.kinds)}",
            f"  checks now   {_checks(clause)}",
            *_specimens(clause),
            f"  since        contract {clause.since}",
        ]
    )


def _filled(text: str, indent: int) -> str:
    margin = " " * indent
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=margin,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _subjects(clause: Clause) -> str:
    claims = ", ".join(sorted(claim.value for claim in clause.claims))
    who = "plugins" if clause.for_plugins else "hosts"
    return f"{who} that claim {claims}" if claims else f"all {who}"


def _checks(clause: Clause) -> str:
    """The checks that there are, which may be fewer kinds than the clause asks for."""
    from hot_reload_conformance.check import all_checks

    return ", ".join(each.id for each in all_checks() if each.clause is clause) or "none yet"


def _specimens(clause: Clause) -> list[str]:
    """The wrong hosts or plugins that prove that it can fail, by name."""
    if clause.for_plugins:
        from hot_reload_conformance.specimens.plug import PLUGIN_SPECIMENS

        named = [each.name for each in PLUGIN_SPECIMENS if each.code == clause.code]
    else:
        from hot_reload_conformance.specimens.registry import all_specimens

        named = [each.name for each in all_specimens() if each.code == clause.code]
    if not named:
        return []
    return textwrap.wrap(
        ", ".join(named),
        WIDTH,
        initial_indent="  catches      ",
        subsequent_indent=" " * len("  catches      "),
        break_on_hyphens=False,
    )


def contract_markdown() -> str:
    """The whole contract, ready to be written to the documentation."""
    lines = [
        "# The reload contract",
        "",
        f"Version {CONTRACT_VERSION}. Made by `hot-reload contract --markdown`; do not edit.",
        "",
        "What a host (an engine that reloads plugins) and a plugin owe each other. *G* is a",
        "generation: one loaded version of one plugin, old or new. A clause with claims binds",
        "only a subject that claims them; what is claimed is tested. Below each table stands,",
        "clause by clause, what happens to people where it is broken (with a case that was",
        "reported somewhere, where one fits), and the next step for whoever reads a failure.",
        "",
        "Checked by: E examples · P properties · M a state machine · S simulated interleavings ·",
        "R real files and real time.",
        "",
        "## Profiles",
        "",
        "| profile | sections |",
        "|---|---|",
    ]
    lines += [f"| {profile.value} | {' '.join(SECTIONS[profile])} |" for profile in Profile]
    sections: dict[str, list[Clause]] = {}
    for clause in CONTRACT.values():
        sections.setdefault(clause.section, []).append(clause)
    for name, clauses in sections.items():
        lines += ["", f"## {name}: {HEADS[name]}", ""]
        lines += ["| code · slug | level | claims | by | clause |", "|---|---|---|---|---|"]
        lines += [*(_row(clause) for clause in clauses), ""]
        lines += [_item(clause) for clause in clauses]
    return "\n".join(lines) + "\n"


def _row(clause: Clause) -> str:
    claims = " ".join(sorted(claim.value for claim in clause.claims))
    kinds = " ".join(kind.value for kind in clause.kinds)
    text = clause.text.replace("|", "\\|")
    return f"| {clause.code} {clause.slug} | {clause.level.value} | {claims} | {kinds} | {text} |"


def _item(clause: Clause) -> str:
    why, fix = _marked_up(clause.why), _marked_up(clause.fix)
    end = "" if why.endswith((".", "?", "!")) else "."
    return f"- **{clause.code} {clause.slug}**: {why}{end} **Fix:** {fix}"


def _marked_up(text: str) -> str:
    """Links get a short name, and ``__dunder__`` names are kept from turning bold."""
    text = re.sub(r"(?<!`)\b__\w+?__(?!`)", r"`\g<0>`", text)
    return re.sub(r"https://\S+", lambda found: f"[{_link_name(found[0])}]({found[0]})", text)


def _link_name(link: str) -> str:
    """``owner/repository#12`` for a thread; what a page's fragment names for any other."""
    thread = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)/(?:issues|pull)/(\d+)", link)
    if thread:
        return f"{thread[1]}#{thread[2]}"
    return link.partition("#")[2] or link.removeprefix("https://")
