"""A command of one Click in an application of another: help, errors and exits as its own."""

from __future__ import annotations

from typing import Any

import click
import pytest
import typer
import typer.core
import typer.main
from click.testing import CliRunner

from hot_reload.commands.foreign import foreign_command


def things() -> Any:
    app = typer.Typer(help="All about things.")

    @app.command()
    def one(count: int) -> None:
        """Count one thing."""
        if count == 4:
            raise typer.Exit(4)
        if count == 5:
            raise typer.Abort
        if count == 6:
            raise typer.BadParameter("six is too many")
        print("counted", count)

    @app.command()
    def two(context: typer.Context) -> None:
        print("given", context.obj)

    return typer.main.get_command(app)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["things", "one", "3"], 0, "counted 3"),
        (["things", "two"], 0, "given the object"),
        (["things", "--help"], 0, "All about things."),
        (["things", "one", "--help"], 0, "app things one"),
        (["things", "one"], 2, "Missing argument"),
        (["things", "one", "x"], 2, "valid integer"),
        (["things", "nope"], 2, "No such command"),
        (["things", "one", "4"], 4, ""),
        (["things", "one", "5"], 1, "Aborted"),
        (["things", "one", "6"], 2, "six is too many"),
    ],
)
def test_f31_a_typer_application_in_one_of_click(
    arguments: list[str], status: int, words: str
) -> None:
    host = click.Group("app", commands=[foreign_command(click.Command, "things", things())])
    result = CliRunner().invoke(host, arguments, obj="the object")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert (result.exit_code, words in result.output) == (status, True), result.output
    assert "All about things." in CliRunner().invoke(host, ["--help"]).output


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["plain", "--count", "3"], 0, "plain 3"),
        (["plain", "--help"], 0, "app plain"),
        (["plain", "--count", "x"], 2, "not a valid integer"),
        (["plain", "--count", "4"], 4, ""),
        (["plain", "--count", "5"], 1, "Aborted"),
    ],
)
def test_f31_a_click_command_in_an_application_of_typer(
    arguments: list[str], status: int, words: str
) -> None:
    @click.command("plain")
    @click.option("--count", type=int)
    @click.pass_context
    def plain(context: click.Context, count: int) -> None:
        if count == 4:
            context.exit(4)
        if count == 5:
            raise click.Abort
        click.echo(f"plain {count}")

    host: Any = typer.main.get_group(typer.Typer())
    host.add_command(foreign_command(typer.core.TyperCommand, "plain", plain))
    result = CliRunner().invoke(host, arguments, prog_name="app")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert (result.exit_code, words in result.output) == (status, True), result.output


def test_f31_what_a_command_raises_itself_reaches_whoever_runs_the_application() -> None:
    @click.command("boom")
    def boom() -> None:
        raise LookupError("of the command's own")

    @click.command("says")
    def says() -> None:
        raise SystemExit("with words")

    host = click.Group(
        "app",
        commands=[foreign_command(click.Command, str(each.name), each) for each in (boom, says)],
    )
    with pytest.raises(LookupError, match="own"):
        host.main(["boom"], standalone_mode=False)
    with pytest.raises(SystemExit, match="with words"):
        host.main(["says"], standalone_mode=False)
