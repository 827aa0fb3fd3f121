"""The contract against mutants of the reference engine: all that a mutant is killed by.

Run by ``mutate.py`` in the folder in which mutmut made them: everything is imported once, every
case runs once with a tracer, and then each mutant has a process of its own, forked from here, in
which the cases run that reach the statement it changes: the cheap ones and those that killed
others first, until one is red. One that changes what runs as the engine is imported has a
process that imports it anew.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.cases import SOURCES, cases, in_process
from tests.mutation.jury import Jury, attempt, say
from tests.mutation.reach import Place, at_import, places


def main() -> int:
    """The command; gives its exit code: 1 where a case is red on the engine as it is."""
    options = _parser().parse_args()
    every = cases(explore=not options.thin)
    if options.alone:
        attempt(
            options.alone, [every[int(each)] for each in options.cases.split(",")], options.into
        )
    names: list[str] = json.loads(options.names.read_text(encoding="utf-8"))
    found = in_process(every)
    for case, did in zip(every, found, strict=True):
        if did.red:
            say(red=case.name, reason=did.red)
            return 1
    where = located(names)
    ran = frozenset[tuple[str, int]]().union(*(did.lines for did in found))
    for module in sorted({name.rpartition(".")[0] for name in names}):
        made = places(file_of(module)).values()
        entered = sum(place.entered(ran) for place in made)
        reached = sum(place.ran(ran) for place in made)
        say(module=module, made=len(made), entered=entered, reached=reached)
    imported = at_import(SOURCES, "tests.mutation.contract")
    Jury(every, found, where, imported, options).judge(names)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--names", type=Path, help="a file of JSON: the mutants, in their order")
    parser.add_argument("--thin", type=int, default=0, help="up to so many cases of each check")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--alone", help="try this one, on --cases, and write --into what came of it"
    )
    parser.add_argument("--cases", help="their numbers")
    parser.add_argument("--into", type=int, help="a file descriptor")
    return parser


def located(names: Sequence[str]) -> dict[str, Place]:
    """The place of each mutant, by its whole name."""
    found: dict[str, Place] = {}
    for module in {name.rpartition(".")[0] for name in names}:
        found.update((f"{module}.{own}", each) for own, each in places(file_of(module)).items())
    return {name: found[name] for name in names}


def file_of(module: str) -> Path:
    """The file in which mutmut wrote the mutants of ``module``."""
    return SOURCES.joinpath(*module.split(".")).with_suffix(".py")


if __name__ == "__main__":
    sys.exit(main())
