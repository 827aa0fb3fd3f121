"""Commands of plugins in an application of the host's that is Typer's."""

from __future__ import annotations

import typer
from typer.testing import CliRunner

from hot_reload import Engine
from hot_reload.commands import typer_group
from hot_reload_fixtures import PluginDirectory

TOOLS = """
import click, typer

class Tools:
    version = {version!r}

    def commands(self):
        nested = typer.Typer(help="All about things.")
        @nested.command()
        def add(a: int, b: int): print(a + b)
        @nested.command()
        def sub(a: int, b: int): print(a - b)
        @click.command("plain")
        @click.option("--count", type=int)
        def plain(count): click.echo(f"plain {{count}}")
        return {{{names}}}

    def greet(self, who: str, times: int = 1):
        '''Say hello.'''
        return " ".join(["hello " + who] * times)
"""


def tools(plugins: PluginDirectory, version: str, names: str, file: str = "tools") -> str:
    return str(plugins.write(file, TOOLS.format(version=version, names=names)))


def told(app: typer.Typer, *arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == status, (result.output, result.exception)
    return " ".join(result.output.split())


async def test_f31_commands_of_plugins_beside_those_of_a_typer_application(
    hot_reload_dir: PluginDirectory,
) -> None:
    async with Engine() as engine:
        app = typer.Typer(cls=typer_group(engine))
        app.callback()(lambda: None)

        @app.command()
        def own() -> None:
            """Mine."""
            print("mine")

        assert told(app, "own") == "mine"
        every = "'greet': self.greet, 'things': nested, 'plain': plain"
        (await engine.load(tools(hot_reload_dir, "1", every))).unwrap()
        assert told(app, "greet", "Ada", "--times", "2") == "hello Ada hello Ada"
        assert told(app, "things", "add", "1", "2") == "3"
        assert told(app, "plain", "--count", "3") == "plain 3"
        page = told(app, "--help")
        assert [page.count(f" {name} ") for name in ("own", "greet", "plain", "things")] == [1] * 4
        assert "All about things." in page
        assert "Say hello." in page
        assert "Say hello." in told(app, "greet", "--help")
        assert "Missing argument" in told(app, "greet", status=2)
        assert "valid integer" in told(app, "things", "add", "1", "x", status=2)
        assert "No such command" in told(app, "nope", status=2)

        tools(hot_reload_dir, "2", "'hail': self.greet")
        (await engine.reload("tools")).unwrap()
        assert told(app, "hail", "Ada") == "hello Ada"
        assert "No such command" in told(app, "greet", "Ada", status=2)
        assert " greet " not in told(app, "--help")
        await engine.disable("tools")
        assert "No such command" in told(app, "hail", "Ada", status=2)
        assert told(app, "own") == "mine"


async def test_f31_a_name_that_is_taken_answers_with_why(hot_reload_dir: PluginDirectory) -> None:
    async with Engine() as engine:
        app = typer.Typer(cls=typer_group(engine))
        app.callback()(lambda: None)

        @app.command()
        def own() -> None:
            print("mine")

        await engine.load(tools(hot_reload_dir, "1", "'own': self.greet, 'two': self.greet"))
        await engine.load(tools(hot_reload_dir, "1", "'two': self.greet", "more"))
        assert "'own' of the application is added by 'tools' too" in told(app, "own", status=2)
        assert "'two' is added by 'more' and 'tools'" in told(app, "two", status=2).replace(
            "'tools' and 'more'", "'more' and 'tools'"
        )


async def test_f31_an_old_generation_is_not_kept_by_the_application(
    hot_reload_dir: PluginDirectory,
) -> None:
    async with Engine() as engine:
        app = typer.Typer(cls=typer_group(engine))
        app.callback()(lambda: None)
        (await engine.load(tools(hot_reload_dir, "1", "'things': nested"))).unwrap()
        assert told(app, "things", "add", "1", "2") == "3"
        tools(hot_reload_dir, "2", "'plain': plain")
        (await engine.reload("tools")).unwrap()
        assert told(app, "plain", "--count", "3") == "plain 3"
        assert engine.lingering() == ()
