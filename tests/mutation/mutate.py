"""Mutation testing: how many faults planted in the engine does the conformance suite see?

``python tests/mutation/mutate.py --per-module 30 policy/guards runtime/part`` copies the
three roots to a folder of its own, lets mutmut make the mutants of the named modules,
draws up to 30 of each by ``--seed``, and has ``contract.py`` run every one against the contract
alone: the engine's own unit tests are not there. Ends with the rate, the survivors as diffs and,
with ``--json``, a file of both. Needs mutmut 3.8: ``pip install mutmut``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
ROOTS = {
    "src": "hot_reload",
    "fixtures": "hot_reload_fixtures",
    "conformance": "hot_reload_conformance",
}
MODULES = ("policy/guards", "policy/graph", "runtime/part", "runtime/transaction")
KILLED = frozenset({"killed", "timeout", "crashed"})
"""A mutant that hangs or crashes is seen by whoever runs the suite."""
_RESULT = re.compile(r"^\s*(\S+__mutmut_\d+): ", re.M)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit code: 0, or 1 where the rate is below ``--at-least``."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="hot-reload-mutation-") as name:
        folder = Path(options.keep or name)
        prepare(folder, options.modules, thin=options.thin)
        # It ends there: no test reaches what was mutated, and the contract is run without mutmut.
        mutmut(folder, "run", "--max-children", "1", "no.such__mutmut_0")
        known = made(folder)
        chosen = draw(known, options.modules, options.per_module, options.seed)
        if not chosen:
            print(f"mutmut made no mutants of {', '.join(options.modules)}", file=sys.stderr)
            return 2
        print(f"{len(chosen)} of {len(known)} mutants", flush=True)
        order = [each for part in rounds(chosen, options.round or len(chosen)) for each in part]
        report: dict[str, Any] = {"seed": options.seed, "modules": [], "mutants": []}
        for facts in judged(folder, order, options.thin, options.jobs):
            if "red" in facts:
                raise SystemExit(f"red on the engine as it is: {facts['red']}: {facts['reason']}")
            report["modules" if "module" in facts else "mutants"].append(facts)
            if options.json:
                options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        if len(report["mutants"]) < len(chosen):
            raise SystemExit(f"{len(report['mutants'])} of {len(chosen)} judged, then it ended")
    rate = told(report["mutants"])
    return 0 if rate >= options.at_least else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", default=list(MODULES), help="such as policy/guards")
    parser.add_argument("--per-module", type=int, default=0, help="how many of each; 0: all")
    parser.add_argument(
        "--round", type=int, default=0, help="judge so many of each module before the next ones"
    )
    parser.add_argument(
        "--thin",
        type=int,
        default=0,
        help="up to so many variants of each check, no machine or simulation: faster, sees less",
    )
    parser.add_argument("--seed", type=int, default=0, help="which ones are drawn")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--at-least", type=float, default=0.0, help="the rate, from 0 to 1")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--keep", type=Path, help="work in this empty folder, and leave it there")
    return parser


def prepare(folder: Path, modules: Sequence[str], *, thin: int = 0) -> None:
    """The three roots, the configuration and the one test file, below ``folder``."""
    for module in modules:
        if not (REPOSITORY / "src" / "hot_reload" / f"{module}.py").is_file():
            raise SystemExit(f"there is no src/hot_reload/{module}.py: write policy/guards")
    for root, package in ROOTS.items():
        shutil.copytree(
            REPOSITORY / root / package,
            folder / root / package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    (folder / "tests").mkdir()
    (folder / "tests" / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    sources = json.dumps([f"src/hot_reload/{module}.py" for module in modules])
    text = (HERE / "project.toml").read_text(encoding="utf-8").replace("SOURCES", sources)
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")


def environment(folder: Path) -> dict[str, str]:
    """In which the mutants are what is imported, and the contract beside them."""
    paths = [*(str(folder / "mutants" / root) for root in ROOTS), str(REPOSITORY)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        # Stale bytecode of one sample must not answer for the next.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def mutmut(folder: Path, *arguments: str) -> str:
    """What mutmut prints."""
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=folder,
        env=environment(folder),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    (folder / "mutmut.log").open("a", encoding="utf-8").write(done.stdout)
    return done.stdout


def made(folder: Path) -> list[str]:
    """Every mutant."""
    return _RESULT.findall(mutmut(folder, "results", "--all", "true"))


def judged(folder: Path, names: Sequence[str], thin: int, jobs: int) -> Iterator[dict[str, Any]]:
    """What ``contract.py`` says of them, as soon as it does."""
    (folder / "names.json").write_text(json.dumps(names), encoding="utf-8")
    what = ["--names", str(folder / "names.json"), "--thin", str(thin), "--jobs", str(jobs)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.mutation.contract", *what],
        cwd=folder / "mutants",
        env=environment(folder),
        text=True,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            yield json.loads(line)


def draw(names: Sequence[str], modules: Sequence[str], each: int, seed: int) -> list[str]:
    """Up to ``each`` names of every module, the same for the same ``seed``; 0 for all."""
    dice = random.Random(seed)
    chosen: list[str] = []
    for module in modules:
        dotted = "hot_reload." + module.replace("/", ".")
        own = sorted(name for name in names if module_of(name) == dotted)
        chosen += own if not each or len(own) <= each else dice.sample(own, each)
    return chosen


def rounds(chosen: Sequence[str], each: int) -> list[list[str]]:
    """``chosen`` in parts with up to ``each`` of every module: a run that is ended early has
    then judged about as many of one module as of another."""
    parts: list[list[str]] = []
    seen: Counter[str] = Counter()
    for name in chosen:
        place = seen[module_of(name)] // each
        seen[module_of(name)] += 1
        if place == len(parts):
            parts.append([])
        parts[place].append(name)
    return parts


def module_of(name: str) -> str:
    """``hot_reload.policy.guards`` of ``hot_reload.policy.guards.x_refused__mutmut_3``."""
    return name.rpartition(".")[0]


def only_words(diff: str) -> bool:
    """Whether a mutant changes nothing but the text of messages, which no clause prescribes."""
    removed = [line[1:] for line in diff.splitlines() if re.match(r"-(?!--)", line)]
    added = [line[1:] for line in diff.splitlines() if re.match(r"\+(?!\+\+)", line)]
    return bool(removed) and _without_words(removed) == _without_words(added)


def _without_words(lines: Sequence[str]) -> str:
    # A text of one word may be a key or a name, which a program compares: those count.
    text = " ".join(line.strip() for line in lines)
    return re.sub(r"f?([\"'])(?:(?!\1).)*? (?:(?!\1).)*?\1", "TEXT", text)


def told(mutants: Sequence[Mapping[str, Any]]) -> float:
    """Print the tally by module and every survivor; gives the rate, mutants of words left out."""
    for module in sorted({module_of(each["name"]) for each in mutants}):
        own = [each["status"] for each in mutants if module_of(each["name"]) == module]
        print(f"{module}: {', '.join(f'{count} {what}' for what, count in Counter(own).items())}")
    survivors = [each for each in mutants if each["status"] not in KILLED]
    worded = [each for each in survivors if only_words(each["diff"])]
    for each in survivors:
        if each not in worded and each["status"] != "no tests":
            print(f"\n{each['name']}, run by {each['cases']} cases\n{each['diff']}")
    unentered = sum(each["status"] == "no tests" for each in mutants)
    print(f"\n{unentered} of {len(mutants)} lie in functions that no clause enters")
    killed, meant = len(mutants) - len(survivors), len(mutants) - len(worded)
    rate = killed / meant if meant else 0.0
    print(f"\nkilled {killed} of {len(mutants)}; {len(worded)} survivors change words only")
    print(f"rate without those: {rate:.0%}")
    return rate


if __name__ == "__main__":
    raise SystemExit(main())
