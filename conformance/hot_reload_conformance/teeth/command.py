"""The command ``hot-reload kill-matrix``: measure the kit's teeth, publish, gate."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

PROFILES = ("quick", "ci", "nightly")


@click.command("kill-matrix", short_help="Measure which specimens the checks catch.")
@click.option(
    "--json",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="The measurement: what it holds is kept, what it lacks is added.",
)
@click.option("--page", type=click.Path(path_type=Path), help="Write the page of FILE here.")
@click.option(
    "--profile",
    "profiles",
    type=click.Choice(PROFILES),
    multiple=True,
    help="Measure under this profile (may be repeated; default: quick).",
)
@click.option("--seeds", default=20, help="How often a specimen meets the clause it names.")
@click.option("--crossings", default=1, help="How often a specimen meets every clause.")
@click.option("--correct", default=0, help="How often a correct subject meets every MUST clause.")
@click.option("--jobs", default=os.cpu_count() or 1, help="Processes; 0: this one.")
@click.option("--check", is_flag=True, help="Measure nothing: be the gate, and say what is wrong.")
@click.option("--sample", type=int, help="With --check: so many specimens and right subjects.")
@click.option("--seed", default=0, help="With --check: which ones, and their seed.")
def kill_matrix(
    file: Path | None,
    page: Path | None,
    profiles: tuple[str, ...],
    seeds: int,
    crossings: int,
    correct: int,
    jobs: int,
    check: bool,
    sample: int | None,
    seed: int,
) -> None:
    """Hold every specimen, and every correct subject, against the contract.

    --check ends with 1 where a specimen is not killed by the clause that it names in
    the words that it names, a MUST clause kills nothing, or one fires on a correct
    host or plugin.
    """
    chosen = profiles or ("quick",)
    if check:
        sys.exit(_gate(chosen[0], seed, sample, jobs))
    if file is None:
        raise click.UsageError("a measurement goes into a file: give --json FILE")
    from hot_reload_conformance.teeth.measure import Extent, measure
    from hot_reload_conformance.teeth.page import matrix_page

    extent = Extent(chosen, seeds, crossings, correct)
    count = itertools.count(1)
    try:
        matrix = measure(extent, file, jobs, lambda _, all_: _tick(next(count), all_))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    click.echo(err=True)
    if page is not None:
        page.write_text(matrix_page(matrix), encoding="utf-8")


def _gate(profile: str, seed: int, sample: int | None, jobs: int) -> int:
    from hot_reload_conformance.teeth.gate import orders, problems
    from hot_reload_conformance.teeth.pool import trials

    wanted = orders(profile, seed, sample)
    made = [
        trial for trial, number in zip(trials(wanted, jobs), _numbers(len(wanted)), strict=False)
    ]
    click.echo(err=True)
    found = problems(made)
    for each in found:
        click.secho(each, fg="red")
    judged = sum(trial.judged for trial in made)
    click.echo(f"{len(made)} trials, {judged} verdicts, seed {seed}: {len(found)} problems")
    return 1 if found else 0


def _numbers(total: int) -> Iterator[int]:
    for number in range(1, total + 1):
        _tick(number, total)
        yield number


def _tick(number: int, total: int) -> None:
    if sys.stderr.isatty() or number % 100 == 0 or number == total:
        click.echo(f"\r{number}/{total}", nl=False, err=True)
