"""Commands of plugins in a Click application: new ones answer, old ones are gone, none doubled."""

from __future__ import annotations

import asyncio

import click
import pytest
from click.testing import CliRunner

from hot_reload import Engine
from hot_reload.commands import CommandGroup
from hot_reload.outcome import Role
from hot_reload_fixtures import PluginDirectory

GREET = """
import click

class Greeter:
    version = {version!r}
    roles = ("command",)

    def commands(self):
        return {{{names}}}

    def greet(self, who: str, times: int = 1, loud: bool = False) -> str:
        \"\"\"Say hello.\"\"\"
        text = " ".join([{word!r} + " " + who] * times)
        return text.upper() if loud else text

    async def wait(self) -> str:
        return "waited " + {version!r}
"""


def greeter(
    plugins: PluginDirectory,
    version: str = "1",
    word: str = "hello",
    names: str = "",
    file: str = "",
) -> str:
    names = names or "'greet': self.greet"
    return str(
        plugins.write(file or "greeter", GREET.format(version=version, word=word, names=names))
    )


def run(app: click.Group, *arguments: str) -> str:
    """What the application printed; its usage errors too."""
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


async def test_f31_after_a_reload_new_commands_answer_and_old_ones_are_gone(
    hot_reload_dir: PluginDirectory,
) -> None:
    async with Engine() as engine:
        app = CommandGroup(engine, name="app")

        @app.command()
        def own() -> None:
            click.echo("mine")

        assert app.list_commands(click.Context(app)) == ["own"]
        await engine.load(greeter(hot_reload_dir))
        assert run(app, "greet", "Ada") == "hello Ada\n"
        assert run(app, "greet", "Ada", "--times", "2", "--loud") == "HELLO ADA HELLO ADA\n"
        assert "Say hello." in run(app, "greet", "--help")
        assert "is not a valid integer" in run(app, "greet", "Ada", "--times", "x")
        greeter(hot_reload_dir, "2", "good day", "'greet': self.greet, 'hail': self.greet")
        (await engine.reload("greeter")).unwrap()
        assert run(app, "greet", "Ada") == "good day Ada\n"
        assert run(app, "--help").count("greet") == 1
        assert app.list_commands(click.Context(app)) == ["greet", "hail", "own"]
        greeter(hot_reload_dir, "3", "bye", "'hail': self.greet")
        (await engine.reload("greeter")).unwrap()
        assert "No such command 'greet'" in run(app, "greet", "Ada")
        assert run(app, "hail", "Ada") == "bye Ada\n"
        hot_reload_dir.write("greeter", "def broken(")
        assert not (await engine.reload("greeter")).success
        assert run(app, "hail", "Ada") == "bye Ada\n", "a rollback keeps the commands"
        await engine.disable("greeter")
        assert app.list_commands(click.Context(app)) == ["own"]
        await engine.enable("greeter")
        await engine.unload("greeter")
        assert app.list_commands(click.Context(app)) == ["own"]
        assert run(app, "own") == "mine\n"
        assert engine.lingering() == ()


async def test_f31_a_conflict_names_the_plugins_and_answers_with_neither(
    hot_reload_dir: PluginDirectory,
) -> None:
    async with Engine() as engine:
        app = CommandGroup(engine, name="app")

        @app.command("status")
        def status() -> None:
            click.echo("mine")

        await engine.load(greeter(hot_reload_dir, file="one"))
        await engine.load(greeter(hot_reload_dir, file="two"))
        assert run(app, "--help").count("greet") == 1
        assert "command 'greet' is added by 'one' and 'two'" in " ".join(
            run(app, "greet", "Ada").split()
        )
        greeter(hot_reload_dir, "2", names="'status': self.greet", file="two")
        (await engine.reload("two")).unwrap()
        assert run(app, "greet", "Ada") == "hello Ada\n", "the conflict is over"
        (conflict,) = app.conflicts()
        assert str(conflict) == "command 'status' of the application is added by 'two' too"


async def test_f31_click_and_typer_commands_are_taken_as_they_are(
    hot_reload_dir: PluginDirectory,
) -> None:
    source = """
import click, typer

class Tools:
    version = "1"
    roles = ("command",)

    def commands(self):
        @click.command("plain")
        @click.option("--count", type=int)
        def plain(count): click.echo(f"plain {count}")
        return [plain]

class Typed(Tools):
    def commands(self):
        app = typer.Typer()
        @app.command()
        def add(a: int, b: int): print(a + b)
        @app.command()
        def sub(a: int, b: int): print(a - b)
        return {"math": app, **{each.name: each for each in super().commands()}}
"""
    async with Engine() as engine:
        app = CommandGroup(engine)
        (await engine.load(hot_reload_dir.write("tools", source))).unwrap()
        assert run(app, "plain", "--count", "3") == "plain 3\n"
        assert run(app, "math", "add", "3", "4") == "7\n"


async def test_f31_an_async_command_runs_on_the_engines_loop(
    hot_reload_dir: PluginDirectory,
) -> None:
    async with Engine() as engine:
        app = CommandGroup(engine)
        await engine.load(greeter(hot_reload_dir, names="'wait': self.wait"))
        assert "run the application in another thread" in " ".join(run(app, "wait").split())
        assert await asyncio.to_thread(run, app, "wait") == "waited 1\n"


@pytest.mark.parametrize(
    ("commands", "says"),
    [
        ("raise ValueError('no menu')", "cannot be had: ValueError: no menu"),
        ("return 7", "commands() gave int, not a mapping or a sequence"),
        ("return [len]", "which has no name"),
        ("return {'odd': 7}", "command 'odd' of plugin 'odd' is a int"),
        ("return {'odd': lambda *rest: None}", "has the parameter *rest, which has no place"),
    ],
)
async def test_f31_what_a_plugin_does_wrong_is_told_under_its_name(
    commands: str, says: str, hot_reload_dir: PluginDirectory
) -> None:
    """And the other commands answer."""
    source = (
        "class Odd:\n    version = '1'\n    roles = ('command',)\n"
        f"    def commands(self):\n        {commands}\n"
    )
    async with Engine() as engine:
        app = CommandGroup(engine)
        await engine.load(hot_reload_dir.write("odd", source))
        await engine.load(greeter(hot_reload_dir))
        assert says in " ".join(run(app, "odd").split())
        assert run(app, "greet", "Ada") == "hello Ada\n"


async def test_f31_a_plugin_without_the_method_is_told(hot_reload_dir: PluginDirectory) -> None:
    source = "class Odd:\n    version = '1'\n    roles = ('command',)\n    def stop(self): pass\n"
    async with Engine() as engine:
        app = CommandGroup(engine)
        outcome = await engine.load(hot_reload_dir.write("odd", source))
        if outcome.success:
            assert "it has no method commands()" in run(app, "odd")
        else:
            assert "no method 'commands'" in outcome.describe()


@pytest.mark.parametrize(
    "wrong",
    [
        "raise ValueError('no login with ' + self.key)",
        "raise PluginFault('no login with ' + self.key)",
        "return {'odd': lambda *rest: None, 'login': Shy(self.key)}",
        "return [Shy(self.key)]",
        "return {'odd': lambda key=self.key, /: None}",
        "raise Mute()",
    ],
)
async def test_f52_no_error_of_a_command_quotes_a_secret(
    wrong: str, hot_reload_dir: PluginDirectory
) -> None:
    source = f"""
from hot_reload.errors import PluginFault

class Shy:
    def __init__(self, key): self.key = key
    def __repr__(self): return self.key

class Mute(Exception):
    def __str__(self): raise RuntimeError

class Odd:
    version = "1"
    roles = ("command",)
    def __init__(self, config): self.key = config["api_key"]
    def commands(self):
        {wrong}
"""
    async with Engine() as engine:
        app = CommandGroup(engine)
        config = {"api_key": "open-sesame-17"}
        (await engine.load(hot_reload_dir.write("odd", source), config=config)).unwrap()
        told = run(app, "odd") + run(app, "login")
        assert "open-sesame-17" not in told
        assert "plugin 'odd'" in " ".join(told.split())
        assert ("no login with ***" in " ".join(told.split())) == ("no login" in wrong)


async def test_f31_a_typer_application_of_a_plugin_tells_its_errors_as_its_own(
    hot_reload_dir: PluginDirectory,
) -> None:
    source = """
import typer
import typer.main

class Things:
    version = "1"

    def commands(self):
        app = typer.Typer(help="All about things.")
        @app.command()
        def one(count: int):
            raise typer.Exit(count)
        @app.command()
        def two(): pass
        return {"things": app, "again": typer.main.get_command(app)}
"""
    async with Engine() as engine:
        app = CommandGroup(engine, name="app")
        (await engine.load(hot_reload_dir.write("things", source))).unwrap()
        for name in ("things", "again"):
            assert "All about things." in run(app, name, "--help")
            assert "valid integer" in run(app, name, "one", "x")
            assert "No such command 'nope'" in run(app, name, "nope")
            assert CliRunner().invoke(app, [name, "one", "3"]).exit_code == 3


async def test_f31_a_plugin_is_known_for_one_with_commands_by_its_method(
    hot_reload_dir: PluginDirectory,
) -> None:
    source = GREET.format(version="1", word="hello", names="'greet': self.greet")
    described = source.replace("version = '1'", "").replace('roles = ("command",)', "")
    described = "PLUGIN_META = {'name': 'described', 'version': '1'}\n" + described
    plain = source.replace('roles = ("command",)', "").replace("'greet'", "'hail'")
    async with Engine() as engine:
        app = CommandGroup(engine, name="app")
        for name, text in (("described", described), ("plain", plain)):
            outcome = (await engine.load(hot_reload_dir.write(name, text))).unwrap()
            assert outcome.roles == (Role.COMMAND,)
        assert (run(app, "greet", "Ada"), run(app, "hail", "Ada")) == ("hello Ada\n", "hello Ada\n")
