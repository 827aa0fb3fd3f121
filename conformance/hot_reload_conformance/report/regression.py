"""A failure as a test file of the user's own: it fails until the bug is mended. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.verdict import CheckResult

MARK = "Written by pytest-hot-reload"
"""Stands in each such file."""

_EXAMPLE = '''"""{head}

{body}

{mark}. It passes once that is mended; it is yours to edit.
"""

from pathlib import Path

from hot_reload_conformance import parametrize_with_contract

ROOT = {root}


@parametrize_with_contract(
    ROOT / {subject},
    root=ROOT,
    checks=[{check}],{variants}{profile}
)
def test_{name}(clause_check):
    clause_check()
'''

_MACHINE = '''"""{head}

{body}

{mark}. It passes once that is mended; it is yours to edit.
"""

from pathlib import Path

from hot_reload_conformance import follow_steps

ROOT = {root}

STEPS = [
{steps}
]
"""What is done to a fresh host, one after the other: a and b are plugins with a handler, s, t
and u are sinks. The clause is asked after each step."""


def test_{name}():
    follow_steps(ROOT / {subject}, {code}, STEPS, root=ROOT)
'''


def file_name(result: CheckResult) -> str:
    """``test_contract_counter_state_round_trip.py``; one for each check on each subject."""
    return f"test_contract_{_name(result.subject)}_{_name(result.check)}.py"


def regression_test(
    result: CheckResult, subject: Path, root: Path, folder: Path, *, profile: str = "quick"
) -> str:
    """The text of the file in ``folder`` that has ``result``'s failures again, and no others.

    ``subject``: the plugin's file, the adapter's file or the pyproject.toml that names it.
    ``profile``: the one that found them. What a simulation found is hunted for again: its
    trace is one of the host as it is now, and would not exist in one that was mended.
    """
    simulated = result.check.endswith("[simulated]")
    path = subject.relative_to(root).as_posix()
    head = _plain(f"{result.code} {result.check} is broken on {result.subject}.")
    facts = {
        "head": head,
        "body": _body(result) + (_trace(result, path) if simulated else ""),
        "mark": MARK,
        "root": _root(root, folder),
        "subject": _quoted(path),
        "name": _name(result.check),
    }
    script = next((each.replay for each in result.findings if each.replay), "")
    if script and not simulated:
        steps = script.partition("=")[2].split(";")
        told = "\n".join(f"    {_quoted(each.strip())}," for each in steps if each.strip())
        return _MACHINE.format(**facts, steps=told, code=_quoted(result.code))
    names = [] if simulated else [each.variant for each in result.findings if each.variant]
    facts["profile"] = f'\n    profile="{profile}",' if profile != "quick" else ""
    return _EXAMPLE.format(**facts, check=_quoted(result.check), variants=_variants(names))


def _body(result: CheckResult) -> str:
    clause = CONTRACT[result.code]
    said = result.findings[0].message if result.findings else result.reason
    parts = [f"The contract: {clause.text}", f"Seen: {said.splitlines()[0] if said else ''}"]
    text = "\n".join(textwrap.fill(each, 95, break_long_words=False) for each in parts)
    return _plain(text)


def _trace(result: CheckResult, path: str) -> str:
    """How the very run is seen again, as long as the bug is there; one line for each."""
    lines = "".join(
        f"\n    pytest --hot-reload-conformance {path} --hot-reload-replay '{each.replay}'"
        for each in result.findings
        if each.replay
    )
    return _plain(f"\n\nAs it was met:\n{lines}") if lines else ""


def _plain(text: str) -> str:
    """As it stands in a docstring."""
    return text.replace("\\", "\\\\").replace('"""', "'''")


def _variants(names: Sequence[str]) -> str:
    if not names:
        return ""
    told = "".join(f"\n        {_quoted(each)}," for each in dict.fromkeys(names))
    return f"\n    variants=[{told}\n    ],"


def _root(root: Path, folder: Path) -> str:
    if not folder.is_relative_to(root):
        return f"Path({_quoted(str(root))})"
    depth = len(folder.relative_to(root).parts)
    return f"Path(__file__).resolve().parents[{depth}]"


def _name(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_").lower() or "subject"


def _quoted(text: str) -> str:
    # repr() would do; double quotes are what formatters make of it.
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
