"""``python -m hot_reload_conformance.hosts``: run real hosts, compare, print the page.

``run`` gives each host an environment of its own, holds it against the contract in a
child process and compares the verdicts with those recorded; ``table`` prints the page.
Ends with 0 where all is as recorded, 1 where something differs, 2 where a host could
not be run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hot_reload_conformance.hosts.comparison import disagreements, read_comparison
from hot_reload_conformance.hosts.environment import (
    EnvironmentProblem,
    default_cache,
    python_for,
    run_child,
)
from hot_reload_conformance.hosts.folder import (
    HostFolder,
    HostFolderError,
    default_root,
    host_folders,
)
from hot_reload_conformance.hosts.record import (
    differences,
    document,
    read_record,
    record_of,
    write_record,
)
from hot_reload_conformance.hosts.table import page
from hot_reload_conformance.verdict import Verdict

AGREES, DIFFERS, BROKE = 0, 1, 2
DEADLINE_SECONDS = 600.0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except (HostFolderError, EnvironmentProblem) as error:
        print(error, file=sys.stderr)
        return BROKE
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hot_reload_conformance.hosts")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser(
        "run", help="hold hosts against the contract, compare with the record"
    )
    run.set_defaults(command=_run)
    run.add_argument("names", nargs="*", metavar="NAME", help="folders' names; none: every host")
    run.add_argument("--refresh", action="store_true", help="record what is found")
    run.add_argument("--cache", type=Path, help=f"where environments are kept ({default_cache()})")
    run.add_argument(
        "--deadline-seconds", type=float, default=DEADLINE_SECONDS, help="for the run of one host"
    )
    run.add_argument(
        "--here", action="store_true", help="use this environment: install nothing, make none"
    )
    table = commands.add_parser("table", help="print docs/reference/hosts.md from the records")
    table.set_defaults(command=_table)
    table.add_argument("--refresh", type=Path, nargs="?", const=Path("docs/reference/hosts.md"))
    measure = commands.add_parser("measure")  # what the child runs
    measure.set_defaults(command=_measure)
    measure.add_argument("host", type=Path)
    measure.add_argument("into", type=Path)
    for each in (run, table):
        each.add_argument("--folder", type=Path, help="the folder of hosts (conformance/hosts)")
    return parser


def _run(options: argparse.Namespace) -> int:
    worst = AGREES
    for folder in host_folders(options.folder or default_root(), options.names):
        try:
            code = _run_one(folder, options)
        except (HostFolderError, EnvironmentProblem) as error:
            print(f"{folder.name}: {error}", file=sys.stderr)
            code = BROKE
        worst = max(worst, code)
    return worst


def _run_one(folder: HostFolder, options: argparse.Namespace) -> int:
    python = (
        sys.executable if options.here else python_for(folder, options.cache or default_cache())
    )
    found = _found(folder, str(python), options)
    now = record_of(found, folder.name)
    broken = [each for each in now.subject.results if each.verdict is Verdict.KIT_ERROR]
    if broken:
        raise EnvironmentProblem(
            f"the kit or the adapter broke at {len(broken)} of {len(now.subject.results)} checks, "
            f"first at {broken[0].code}: {broken[0].reason}"
        )
    if options.refresh:
        write_record(found, folder.result)
        print(f"{folder.name}: recorded in {folder.result}")
        lines = []
    else:
        lines = differences(read_record(folder), now)
    comparison = read_comparison(folder)
    if comparison is not None:
        lines += disagreements(comparison, now)
    if not lines:
        if not options.refresh:
            print(f"{folder.name}: {now.title}: as recorded")
        return AGREES
    print(f"{folder.name}: {now.title}: not as recorded")
    for line in lines:
        print(f"  {line}")
    if not options.refresh:
        print("  (where the new result is right, record it with --refresh)")
    return DIFFERS


def _found(folder: HostFolder, python: str, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="hot-reload-host-") as aside:
        into = Path(aside) / "found.json"
        host = str(folder.path.resolve())
        command = [python, "-m", "hot_reload_conformance.hosts", "measure", host, str(into)]
        # Elsewhere than here, so that no pyproject.toml of ours is read by the host.
        run_child(command, deadline_seconds=options.deadline_seconds, cwd=Path(aside))
        found: dict[str, Any] = json.loads(into.read_text(encoding="utf-8"))
    return found


def _measure(options: argparse.Namespace) -> int:
    from hot_reload_conformance.check import host_checks
    from hot_reload_conformance.door import run_contract
    from hot_reload_conformance.subjects.importing import ImportProblem, import_file
    from hot_reload_conformance.subjects.resolve import host_subject
    from hot_reload_conformance.subjects.source import HOST_NAME

    folder = HostFolder(options.host)
    try:
        subject = host_subject(getattr(import_file(folder.adapter), HOST_NAME), folder.name)
    except AttributeError:
        raise HostFolderError(f"{folder.adapter} has no {HOST_NAME}: name the adapter so") from None
    except ImportProblem as problem:
        raise HostFolderError(str(problem)) from problem
    # By name, so that none is thinned: a record must not depend on how fast the machine is.
    checks = folder.only() or [each.id for each in host_checks()]
    report = run_contract(subject, checks=checks, root=folder.path)
    write_record(document(report, folder, subject.claims), options.into)
    return AGREES


def _table(options: argparse.Namespace) -> int:
    folders = host_folders(options.folder or default_root())
    recorded = [each for each in folders if each.result.is_file()]
    text = page([(read_record(each), read_comparison(each)) for each in recorded])
    if options.refresh is None:
        print(text, end="")
    else:
        options.refresh.parent.mkdir(parents=True, exist_ok=True)
        options.refresh.write_text(text, encoding="utf-8")
    return AGREES


if __name__ == "__main__":
    sys.exit(main())
