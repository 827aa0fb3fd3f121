"""Mutation testing: how many faults planted in the engine does the conformance suite see?

``python tests/mutation/mutate.py --per-module 30 policy/guards runtime/part`` copies the
three roots to a folder of its own, lets mutmut make the mutants of the named modules,
draws up to 30 of each by ``--seed``, and runs every one against the contract alone: the
engine's own unit tests are not there. Ends with the rate, the survivors as diffs and, with
``--json``, a file of both. Needs mutmut 3.8: ``pip install mutmut``.
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
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
ROOTS = {
    "src": "hot_reload",
    "fixtures": "hot_reload_fixtures",
    "conformance": "hot_reload_conformance",
}
MODULES = ("policy/guards", "policy/graph", "runtime/part", "runtime/transaction")
KILLED = frozenset({"killed", "timeout", "segfault", "suspicious", "caught by type check"})
"""A mutant that hangs or crashes is seen by whoever runs the suite."""
_RESULT = re.compile(r"^\s*(?P<name>\S+__mutmut_\d+): (?P<status>.+?)\s*$", re.M)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit code: 0, or 1 where the rate is below ``--at-least``."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="hot-reload-mutation-") as name:
        folder = Path(options.keep or name)
        prepare(folder, options.modules, thin=options.thin)
        # Mutants are made by the first run, whatever it is asked to run; one has to be named.
        mutmut(folder, "run", "--max-children", "1", "no.such__mutmut_0")
        known = results(folder)
        chosen = draw(list(known), options.modules, options.per_module, options.seed)
        if not chosen:
            print(f"mutmut made no mutants of {', '.join(options.modules)}", file=sys.stderr)
            return 2
        print(f"{len(chosen)} of {len(known)} mutants", flush=True)
        found: dict[str, str] = {}
        for part in rounds(chosen, options.round or len(chosen)):
            mutmut(folder, "run", "--max-children", str(options.jobs), *part)
            fared = results(folder)
            if any(fared[name] == "not checked" for name in part):
                raise SystemExit(f"not every mutant was judged: {_last_words(folder)}")
            found.update((name, fared[name]) for name in part)
            report = {
                "modules": list(options.modules),
                "seed": options.seed,
                "made": dict(Counter(module_of(each) for each in known)),
                "mutants": [
                    {
                        "name": name,
                        "status": status,
                        "diff": mutmut(folder, "show", name) if status not in KILLED else "",
                    }
                    for name, status in sorted(found.items())
                ],
            }
            if options.json:
                options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
            print(f"{len(found)} of {len(chosen)} judged", flush=True)
    rate = told(found, {each["name"]: each["diff"] for each in report["mutants"]})
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
    contract = (HERE / "contract.py.txt").read_text(encoding="utf-8")
    contract = contract.replace("THIN = 0\n", f"THIN = {thin}\n")
    (folder / "tests" / "test_contract.py").write_text(contract, encoding="utf-8")
    sources = json.dumps([f"src/hot_reload/{module}.py" for module in modules])
    text = (HERE / "project.toml").read_text(encoding="utf-8").replace("SOURCES", sources)
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")


def mutmut(folder: Path, *arguments: str) -> str:
    """What mutmut prints. Its exit code says whether mutants survived: that is read elsewhere."""
    paths = [str(folder / "mutants" / root) for root in ROOTS]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        # Stale bytecode of one mutant must not answer for the next.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    (folder / "mutmut.log").open("a", encoding="utf-8").write(done.stdout)
    return done.stdout


def _last_words(folder: Path) -> str:
    """Why mutmut gave up, as a rule because a clause is red on the engine as it is."""
    log = (folder / "mutmut.log").read_text(encoding="utf-8")
    told = [line for line in log.splitlines() if re.match(r"FAILED|E  |Failed", line)]
    return " ".join(told[-4:]) or f"see {folder / 'mutmut.log'}, with --keep"


def results(folder: Path) -> dict[str, str]:
    """Every mutant and how it fared."""
    text = mutmut(folder, "results", "--all", "true")
    return {found["name"]: found["status"] for found in _RESULT.finditer(text)}


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


def told(found: Mapping[str, str], diffs: Mapping[str, str]) -> float:
    """Print the tally by module and every survivor; gives the rate, mutants of words left out."""
    for module in sorted({module_of(name) for name in found}):
        tally = Counter(status for name, status in found.items() if module_of(name) == module)
        print(f"{module}: {', '.join(f'{count} {status}' for status, count in tally.items())}")
    survivors = [name for name, status in sorted(found.items()) if status not in KILLED]
    worded = [name for name in survivors if only_words(diffs.get(name, ""))]
    for name in survivors:
        if name not in worded and found[name] != "no tests":
            print(f"\n{found[name]}: {name}\n{diffs.get(name, '')}")
    unentered = sum(status == "no tests" for status in found.values())
    print(f"\n{unentered} of {len(found)} lie in functions that no clause enters")
    killed, meant = len(found) - len(survivors), len(found) - len(worded)
    rate = killed / meant if meant else 0.0
    print(f"\nkilled {killed} of {len(found)}; {len(worded)} survivors change words only")
    print(f"rate without those: {rate:.0%}")
    return rate


if __name__ == "__main__":
    raise SystemExit(main())
