"""``hot-reload report``: what is done with reports that were written."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import click


@click.group(short_help="Work on reports.")
def report() -> None:
    """Work on reports that --hot-reload-report wrote."""


@report.command(short_help="Put reports together.")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="REPORT..."
)
@click.option(
    "-o",
    "output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the merged report here: .json, or a page, .html.",
)
def merge(files: tuple[Path, ...], output: Path | None) -> None:
    """Put reports together: all shards of a run, or runs on several machines.

    One report alone is as good: shown again, or made into a page by -o report.html.
    Shows the verdict of the whole, and ends as that run would have: 0, or 1 where a
    MUST clause failed or stayed unknown. 2: the reports are no parts of one whole.
    """
    from hot_reload_conformance.check import all_checks
    from hot_reload_conformance.report.form import FormError, checked, write
    from hot_reload_conformance.report.merge import MergeError, merge_reports
    from hot_reload_conformance.report.terminal import report_lines, title
    from hot_reload_conformance.showing import show, unicode_shown
    from hot_reload_conformance.subjects.expectation import Expectations

    try:
        if output is not None:
            checked(output, str(output))
    except FormError as error:
        raise click.UsageError(str(error)) from error
    documents = {str(path): _document(path) for path in files}
    if len(documents) != len(files):
        raise click.UsageError("a report is named twice: name each once")
    every = all_checks()
    order = {check.id: place for place, check in enumerate(every)}
    try:
        whole = merge_reports(
            documents,
            order,
            lambda reasons, results: Expectations(reasons).stale(results, every),
        )
    except MergeError as error:
        raise click.UsageError(str(error)) from error
    width = shutil.get_terminal_size().columns
    click.secho(f" {title(whole)} ".center(width, "="), bold=True)
    show(report_lines(whole, width, unicode=unicode_shown()))
    for problem in whole.problems:
        click.secho(problem, fg="red")
    if output is not None:
        write(whole, output)
    sys.exit(0 if whole.ok else 1)


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise click.UsageError(
            f"{path} is no JSON ({error}): was the run that wrote it ended early?"
        ) from error
