"""``hot-reload new``: begin with files that work."""

from __future__ import annotations

from pathlib import Path

import click

_STYLES = ("sync", "async", "process", "patching")
_ROLES = ("sink", "filter", "enricher", "processor", "redactor", "service")


@click.group(short_help="Begin an adapter or a plugin.")
def new() -> None:
    """Begin an adapter or a plugin: a folder of files that work, to change from there."""


@new.command("host-adapter", short_help="Write an adapter and a toy host.")
@click.argument("name")
@click.option(
    "--style",
    type=click.Choice(_STYLES),
    default="sync",
    show_default=True,
    help="What the host is like.",
)
def host_adapter(name: str, style: str) -> None:
    """Write an adapter into the folder NAME, with a toy host in the place of yours."""
    from hot_reload_conformance.scaffold import ScaffoldError, new_adapter

    try:
        files = new_adapter(name, style, Path())
    except ScaffoldError as error:
        raise click.UsageError(str(error)) from error
    adapter = files[0].name
    _told(files, [f"hot-reload self-test {adapter}", f"pytest --hot-reload-conformance {adapter}"])


@new.command(short_help="Write a plugin and its description.")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(_ROLES),
    default="service",
    show_default=True,
    help="What the plugin does.",
)
def plugin(name: str, role: str) -> None:
    """Write a plugin into the folder NAME, with its description for the kit."""
    from hot_reload_conformance.scaffold import ScaffoldError, new_plugin

    try:
        files = new_plugin(name, role, Path())
    except ScaffoldError as error:
        raise click.UsageError(str(error)) from error
    _told(files, ["pytest --hot-reload-conformance plugins"])


def _told(files: list[Path], commands: list[str]) -> None:
    for each in files:
        click.echo(f"written: {each}")
    click.echo("\nnext:")
    for command in [f"cd {files[-1].parent}", *commands]:
        click.echo(f"    {command}")
