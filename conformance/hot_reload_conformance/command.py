"""The console command ``hot-reload``: the contract without pytest."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hot_reload_conformance.command_new import new
from hot_reload_conformance.command_report import report
from hot_reload_conformance.showing import show, unicode_shown
from hot_reload_conformance.teeth.command import kill_matrix

if TYPE_CHECKING:
    from hot_reload_conformance.report.summary import Report
    from hot_reload_conformance.verdict import CheckResult

VERBOSE = 2
"""As in pytest: from ``-vv`` on a story is told in full."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pytest-hot-reload", prog_name="hot-reload")
def main() -> None:
    """Hold hosts and plugins against the reload contract."""


@main.command(short_help="Judge plugins and hosts.")
@click.argument("subjects", nargs=-1, metavar="[SUBJECT]...")
@click.option(
    "--report",
    "report_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the report here: .json, or a page, .html (may be repeated).",
)
@click.option(
    "--profile",
    type=click.Choice(["quick", "ci", "nightly"]),
    default=None,
    help="How much to spend (default: the table's profile, or quick).",
)
@click.option("-v", "--verbose", count=True, help="-vv: every step of a failure's story.")
def conformance(
    subjects: tuple[str, ...], report_files: tuple[Path, ...], profile: str | None, verbose: int
) -> None:
    """Judge SUBJECTs: plugins, folders of plugins, adapters' files or package.module:Adapter.

    Given none: what the project here has, else the embedded default. Ends with 0
    when no MUST clause failed or stayed unknown, and the kit itself was sound.
    """
    from hot_reload_conformance.bench.straggler import none_waited_for

    with none_waited_for():
        _conformance(subjects, report_files, profile, verbose)


def _conformance(
    subjects: tuple[str, ...], report_files: tuple[Path, ...], profile: str | None, verbose: int
) -> None:
    from hot_reload_conformance.report.form import FormError, checked, write
    from hot_reload_conformance.report.terminal import report_lines, title

    try:
        files = [checked(each, str(each)) for each in report_files]
    except FormError as error:
        raise click.UsageError(str(error)) from error
    try:
        judged = _judged(subjects, profile)
    except Exception as error:
        raise _usage(error) from error
    width = shutil.get_terminal_size().columns
    _show_failures(judged, width, full=verbose >= VERBOSE)
    click.secho(f" {title(judged)} ".center(width, "="), bold=True)
    show(report_lines(judged, width, unicode=unicode_shown()))
    for file in files:
        write(judged, file)
    sys.exit(0 if judged.ok else 1)


@main.command("self-test", short_help="Say whether an adapter is right.")
@click.argument("adapter")
def self_test(adapter: str) -> None:
    """Say whether ADAPTER, its file or package.module:Adapter, is right; nothing of its host.

    Ends with 0 where every check can rely on it, with 1 where it has to be mended.
    """
    from hot_reload_conformance.bench.straggler import none_waited_for

    with none_waited_for():
        _self_test(adapter)


def _self_test(adapter: str) -> None:
    from hot_reload_conformance.bench.cost import slowness
    from hot_reload_conformance.bench.runner import self_test as problem_of
    from hot_reload_conformance.door import hosts_of

    root = Path.cwd()
    try:
        hosts = hosts_of(_subject(adapter, root), root)
    except Exception as error:
        raise _usage(error) from error
    if not hosts:
        raise click.UsageError(f"{adapter} is no adapter: it has no hot_reload_host")
    problems = {host.name: problem_of(host, thorough=True) for host in hosts}
    for name, problem in problems.items():
        click.secho(f"{name}: ", nl=False, bold=True)
        click.secho(problem or "the adapter is right", fg="red" if problem else "green")
    for host in hosts:
        slow = "" if problems[host.name] else slowness(host)
        if slow:
            click.echo(f"{host.name}: {slow}")
    if not any(problems.values()):
        click.echo(f"next: pytest --hot-reload-conformance {adapter}")
    sys.exit(1 if any(problems.values()) else 0)


@main.command()
@click.argument("code")
def explain(code: str) -> None:
    """Say what the clause CODE (or its slug) asks for."""
    from hot_reload_conformance.contract.document import explain as explained

    try:
        click.echo(explained(code))
    except LookupError as error:
        raise click.UsageError(str(error.args[0])) from error


@main.command()
@click.option("--markdown", is_flag=True, help="As the document docs/reference/contract.md.")
def contract(markdown: bool) -> None:
    """List the clauses of the contract."""
    from hot_reload_conformance.contract.clauses import CONTRACT
    from hot_reload_conformance.contract.document import contract_markdown

    if markdown:
        click.echo(contract_markdown(), nl=False)
        return
    for clause in CONTRACT.values():
        click.echo(f"{clause.code:<12} {clause.level.value:<7}{clause.slug}")


def _judged(subjects: tuple[str, ...], profile: str | None) -> Report:
    from hot_reload_conformance.door import run_contract
    from hot_reload_conformance.subjects.configuration import read_configuration
    from hot_reload_conformance.subjects.discovery import DEFAULT_LINE, default_sources

    root = Path.cwd()
    if not subjects and default_sources(read_configuration(root))[1]:
        click.echo(DEFAULT_LINE)
    given = [_subject(each, root) for each in subjects]
    report = run_contract(*given, profile=profile, on_result=_tick)
    click.echo(err=True)
    return report


def _subject(text: str, root: Path) -> Any:
    """A dotted name where there is a colon and no such file; else a path."""
    if ":" not in text or (root / text).exists():
        return text
    from hot_reload_conformance.subjects.importing import import_name

    return import_name(text, root)


def _tick(result: CheckResult) -> None:
    signs = {"pass": ".", "fail": "F", "not-claimed": "s", "expected-fail": "x", "unknown": "?"}
    click.echo(signs.get(result.verdict.value, "E"), nl=False, err=True)


def _usage(error: Exception) -> click.ClickException:
    """What the user got wrong, as click says it; anything else is raised as it is."""
    from hot_reload_conformance.subjects.configuration import ConfigurationError
    from hot_reload_conformance.subjects.discovery import DiscoveryError
    from hot_reload_conformance.subjects.expectation import ExpectationError
    from hot_reload_conformance.subjects.importing import ImportProblem
    from hot_reload_conformance.verdict import KitError

    if isinstance(error, (ConfigurationError, DiscoveryError, ExpectationError, ImportProblem)):
        return click.UsageError(str(error))
    if isinstance(error, KitError):
        return click.ClickException(str(error))
    raise error


def _show_failures(report: Report, width: int, *, full: bool) -> None:
    from hot_reload_conformance.report.story import story
    from hot_reload_conformance.verdict import Verdict

    for result in report.results:
        if result.verdict is Verdict.FAIL:
            click.echo()
            show(story(result, again="", width=width, full=full))


main.add_command(new)
main.add_command(kill_matrix)
main.add_command(report)
