"""The contract as a document: ``docs/reference/contract.md`` and ``--hot-reload-explain``."""

from __future__ import annotations

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
    lines = [
        f"{clause.code} {clause.slug}  {clause.level.value}, profile {clause.profile.value}",
        "",
        f"  {clause.text}",
        "",
        f"  holds for    {_subjects(clause)}",
        f"  checked by   {', '.join(_KINDS[kind] for kind in clause.kinds)}",
        f"  since        contract {clause.since}",
    ]
    if clause.why:
        lines += ["", f"  why: {clause.why}"]
    if clause.fix:
        lines += ["", f"  fix: {clause.fix}"]
    return "\n".join(lines)


def _subjects(clause: Clause) -> str:
    claims = ", ".join(sorted(claim.value for claim in clause.claims))
    who = "plugins" if clause.for_plugins else "hosts"
    return f"{who} that claim {claims}" if claims else f"all {who}"


def contract_markdown() -> str:
    """The whole contract, ready to be written to the documentation."""
    lines = [
        "# The reload contract",
        "",
        f"Version {CONTRACT_VERSION}. Made by `hot-reload contract --markdown`; do not edit.",
        "",
        "What a host (an engine that reloads plugins) and a plugin owe each other. *G* is a",
        "generation: one loaded version of one plugin, old or new. A clause with claims binds",
        "only a subject that claims them; what is claimed is tested.",
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
        lines += [_row(clause) for clause in clauses]
    return "\n".join(lines) + "\n"


def _row(clause: Clause) -> str:
    claims = " ".join(sorted(claim.value for claim in clause.claims))
    kinds = " ".join(kind.value for kind in clause.kinds)
    text = clause.text.replace("|", "\\|")
    return f"| {clause.code} {clause.slug} | {clause.level.value} | {claims} | {kinds} | {text} |"
