"""Settings files taken up while the host serves: F51, HR-CONF-01 to 07, C9 to C11."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hot_reload import Engine, StateFiles
from hot_reload.errors import EngineMisuse, HookFailed
from hot_reload.outcome import RolledBack, Swapped
from hot_reload.policy.registry import Entry
from hot_reload.watch.config.reloader import ConfigReloader
from hot_reload.watch.config.result import Verdict
from hot_reload_fixtures import ManualClock

OPEN = Callable[..., contextlib.AbstractAsyncContextManager[Any]]


def two(step: int = 1, word: str = "a", more: str = "") -> str:
    return (
        f'[plugins.one]\npath = "one.py"\nconfig = {{ step = {step} }}\n'
        f'[plugins.two]\npath = "two.py"\nconfig = {{ word = "{word}" }}\n{more}'
    )


@pytest.fixture
async def served(desk: Any) -> Any:
    """A host whose two plugins were loaded as its file says; no time counts from there."""
    desk.plugin("one")
    desk.plugin("two", "# a sink")
    desk.write(two())
    await desk.reloader.start()
    await desk.run(6)
    assert desk.verdicts == ["applied"]
    desk.engine.calls.clear()
    return desk


async def test_f51_the_file_is_applied_at_the_start(served: Any) -> None:
    assert served.engine.configs == {"one": {"step": 1}, "two": {"word": "a"}}
    assert set(served.reloader.running.plugins) == {"one", "two"}


async def test_f51_a_change_reaches_the_affected_plugin_alone(served: Any) -> None:
    served.write(two(step=2))
    await served.run(1)
    assert served.verdicts == ["applied"]
    assert served.engine.calls == [("reconfigure", "one")]
    assert served.engine.configs == {"one": {"step": 2}, "two": {"word": "a"}}


async def test_f51_plugins_come_go_and_are_switched(served: Any) -> None:
    served.plugin("three", "# a sink")
    served.write(
        '[plugins.one]\npath = "one.py"\nenabled = false\nconfig = { step = 1 }\n'
        '[plugins.three]\npath = "three.py"\n'
    )
    await served.run(1)
    assert served.verdicts == ["applied"]
    assert served.engine.calls == [("load", "three"), ("disable", "one"), ("unload", "two")]


async def test_f51_a_plugin_that_moves_is_loaded_from_its_new_place(served: Any) -> None:
    moved = served.plugin("moved")
    served.write(two().replace("one.py", "moved.py"))
    await served.run(1)
    assert served.engine.calls == [("unload", "one"), ("load", "one")]
    assert served.engine.paths["one"] == moved


async def test_f51_a_burst_is_one_change(served: Any) -> None:
    for step in range(2, 8):
        served.write(two(step=step))
        await served.run(0.05)
    assert served.verdicts == []
    await served.run(1)
    assert served.verdicts == ["applied"]
    assert served.engine.configs["one"] == {"step": 7}


async def test_f51_a_file_that_never_is_quiet_is_taken_at_last(served: Any) -> None:
    for step in range(2, 60):
        served.write(two(step=step))
        await served.run(0.09)
    assert served.engine.configs["one"]["step"] > 2


async def test_f51_the_least_time_between_two_changes(served: Any) -> None:
    served.write(two(step=2))
    await served.run(0.5)
    served.write(two(step=3))
    await served.run(4)
    assert served.engine.configs["one"] == {"step": 2}
    await served.run(1)
    assert served.engine.configs["one"] == {"step": 3}
    assert served.verdicts == ["applied", "applied"]


async def test_f51_what_waits_for_its_time_has_to_be_quiet_then_too(served: Any) -> None:
    served.write(two(step=2))
    await served.run(1)
    assert served.verdicts == ["applied"]
    served.write(two(step=3))
    await served.run(4.05)
    served.write("[half")
    await served.run(0.07)
    served.write(two(step=4))
    await served.run(1)
    assert served.verdicts == ["applied"]
    assert served.engine.configs["one"] == {"step": 4}


async def test_f51_a_change_that_is_taken_back_is_none(served: Any) -> None:
    served.write(two(step=2))
    await served.run(0.05)
    served.write(two())
    await served.run(3)
    assert served.verdicts == []
    assert served.engine.calls == []


async def test_f51_the_sweep_finds_what_no_event_tells(served: Any) -> None:
    served.file.write_text(two(step=2))
    await served.run(2)
    assert served.engine.configs["one"] == {"step": 2}


BAD = {
    "syntax": "[plugins.one\n",
    "empty": "",
    "half": two(step=2)[:60],
    "unknown key": two(step=2, more="pth = 1\n"),
    "unknown section": "[pluginz]\n",
    "no file": two(step=2).replace("two.py", "nowhere.py"),
    "last sink": two(step=2).replace('"two.py"\n', '"two.py"\nenabled = false\n'),
    "last sink gone": two(step=2)[: two(step=2).index("[plugins.two]")],
    "cycle": two(step=2, more='needs = ["one"]\n').replace(
        '"one.py"\n', '"one.py"\nneeds = ["two"]\n'
    ),
    "missing": two(step=2, more='needs = ["three"]\n'),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
async def test_c10_a_bad_file_changes_nothing_and_names_its_line(served: Any, text: str) -> None:
    before = served.engine.state
    served.write(text)
    await served.run(1)
    (result,) = served.results
    assert result.verdict is Verdict.REFUSED
    assert served.engine.calls == []
    assert served.engine.state == before
    assert served.reloader.running.plugins["one"].config == {"step": 1}
    for each in result.problems:
        assert each.file == str(served.file)
        assert each.line >= 1


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
async def test_f51_after_a_bad_file_the_next_good_one_is_as_quick(served: Any, text: str) -> None:
    """HR-CONF-04: a failed attempt uses up no interval."""
    served.write(text)
    await served.run(0.2)
    assert served.verdicts == ["refused"]
    served.write(two(step=3))
    await served.run(0.12)
    assert served.verdicts == ["applied"]
    assert served.engine.configs["one"] == {"step": 3}


async def test_f51_a_bad_file_is_told_once(served: Any) -> None:
    served.write("nonsense")
    await served.run(30)
    assert served.verdicts == ["refused"]


async def test_c9_a_missing_file_keeps_what_runs(served: Any) -> None:
    served.file.unlink()
    await served.run(3)
    (result,) = served.results
    assert result.verdict is Verdict.REFUSED
    assert "file missing" in result.describe()
    served.results.clear()
    served.write(two())
    await served.run(2)
    assert served.verdicts == ["unchanged"]


async def test_c9_a_half_written_file_is_waited_for(served: Any) -> None:
    text = two(step=2)
    for end in range(0, len(text), 20):
        served.write(text[:end])
        await served.run(0.05)
    served.write(text)
    await served.run(1)
    assert served.verdicts == ["applied"]


async def test_c9_two_files_that_change_are_one_transaction(desk: Any) -> None:
    desk.plugin("one")
    base, over = desk.folder / "base.toml", desk.folder / "over.yaml"
    base.write_text('[plugins.one]\npath = "one.py"\nconfig = { a = 1, b = 1 }\n')
    over.write_text("plugins: {one: {config: {b: 2}}}\n")
    reloader = desk.make(base, over)
    assert (await reloader.apply()).success
    assert desk.engine.configs["one"] == {"a": 1, "b": 2}
    await reloader.start()
    await desk.run(6)
    desk.results.clear()
    base.write_text('[plugins.one]\npath = "one.py"\nconfig = { a = 3, b = 1 }\n')
    desk.hints.tell(base)
    await desk.run(0.05)
    over.write_text("plugins: {one: {config: {b: 4}}}\n")
    desk.hints.tell(over)
    await desk.run(1)
    assert desk.verdicts == ["applied"]
    assert desk.engine.configs["one"] == {"a": 3, "b": 4}


async def test_f51_unchanged_content_does_nothing(served: Any) -> None:
    served.write(two())
    await served.run(2)
    assert served.verdicts == []
    served.write("# a comment\n" + two())
    await served.run(2)
    assert served.verdicts == ["unchanged"]
    assert served.engine.calls == []


async def test_f51_all_or_nothing_a_plugin_that_refuses_keeps_all_at_the_old(served: Any) -> None:
    served.plugin("three")
    before = served.engine.state
    served.engine.refuses["two"] = lambda config: "$.word: no" if config["word"] == "b" else ""
    served.write(two(step=2, word="b", more='[plugins.three]\npath = "three.py"\n'))
    await served.run(1)
    (result,) = served.results
    assert result.verdict is Verdict.ROLLED_BACK
    assert served.engine.state == before
    assert served.reloader.running.plugins["one"].config == {"step": 1}
    assert (result.problems[0].path, result.problems[0].line) == (
        ("plugins", "two", "config", "word"),
        6,
    )
    served.engine.calls.clear()
    served.write(two(step=2, word="c"))
    await served.run(0.2)
    assert served.engine.configs["one"] == {"step": 2}
    assert served.engine.configs["two"] == {"word": "c"}


async def test_f51_a_load_that_fails_takes_back_the_loads_before_it(served: Any) -> None:
    before = served.engine.state
    for name in ("three", "four"):
        served.plugin(name)
    served.engine.refuses["four"] = lambda _: "cannot start"
    text = two(
        step=2, more='[plugins.three]\npath = "three.py"\n[plugins.four]\npath = "four.py"\n'
    )
    served.write(text)
    await served.run(1)
    assert served.verdicts == ["rolled back"]
    assert served.engine.calls == [("load", "three"), ("load", "four"), ("unload", "three")]
    assert served.engine.state == before


async def test_f51_the_engine_s_own_refusal_takes_everything_back(served: Any) -> None:
    """A new plugin may be a sink, so the plan lets the old one go; it turns out to be none."""
    before = served.engine.state
    served.plugin("three")
    text = two(step=1)
    served.write(text[: text.index("[plugins.two]")] + '[plugins.three]\npath = "three.py"\n')
    await served.run(1)
    assert served.verdicts == ["rolled back"]
    assert served.engine.state == before


async def test_f51_a_caller_s_dict_is_copied(desk: Any) -> None:
    desk.plugin("one")
    arguments: Any = {"engine": {"gate_limit_events": 5}}
    desk.write('[plugins.one]\npath = "one.py"\nconfig = { list = [1] }\n')
    reloader = desk.make(arguments=arguments)
    await reloader.apply()
    desk.engine.configs["one"]["list"].append(2)
    assert reloader.running.plugins["one"].config == {"list": [1]}


async def test_f51_a_plugin_that_a_host_loaded_anew_gets_its_config_again(served: Any) -> None:
    """The files are what they were, and yet not what runs."""
    before = served.engine.state
    await served.engine.unload("one")
    await served.engine.load(served.folder / "one.py", name="one")
    assert served.engine.state != before
    served.engine.calls.clear()
    result = await served.reloader.apply()
    assert result.verdict is Verdict.APPLIED
    assert result.affected == ("one",)
    assert served.engine.calls == [("reconfigure", "one")]
    assert served.engine.state == before
    assert (await served.reloader.apply()).verdict is Verdict.UNCHANGED


async def test_f51_what_a_refusal_leaves_strayed_is_not_given_the_older_config(
    served: Any,
) -> None:
    """What the host gave it is not known here, so nothing is put in its place."""
    await served.engine.unload("one")
    await served.engine.load(served.folder / "one.py", name="one", config={"own": 1})
    served.engine.refuses["one"] = lambda config: "not that" if "own" not in config else ""
    assert (await served.reloader.apply()).verdict is Verdict.ROLLED_BACK
    assert served.engine.configs["one"] == {"own": 1}


async def test_c11_no_result_shows_a_secret(served: Any, caplog: pytest.LogCaptureFixture) -> None:
    served.engine.refuses["one"] = lambda config: f"cannot log in with {config['password']}"
    served.write(two().replace("step = 1", 'password = "hunter2"'))
    await served.run(1)
    (result,) = served.results
    assert result.verdict is Verdict.ROLLED_BACK
    shown = result.describe() + repr(result) + repr(served.reloader.running) + caplog.text
    shown += "".join(each.describe() for each in result.outcomes)
    assert "hunter2" not in shown
    assert "cannot log in with ***" in shown


async def test_f51_what_needs_a_restart_is_named(served: Any) -> None:
    served.write(two(more="[engine]\ndrain_deadline_seconds = 3\n"))
    await served.run(1)
    (result,) = served.results
    assert result.verdict is Verdict.APPLIED
    assert result.later == ("engine.drain_deadline_seconds",)
    assert "at the next start: engine.drain_deadline_seconds" in result.describe()


async def test_f51_a_host_s_own_plugins_and_switches_are_left_alone(served: Any) -> None:
    served.engine.registry = served.engine.registry.with_entry(Entry(name="own"))
    served.engine.paths["own"], served.engine.configs["own"] = Path("own.py"), {}
    await served.engine.disable("one")
    served.engine.calls.clear()
    served.write(two(word="b"))
    await served.run(1)
    assert served.engine.calls == [("reconfigure", "two")]


async def test_f51_a_name_that_a_host_uses_is_refused(desk: Any) -> None:
    desk.plugin("one")
    await desk.engine.load(desk.plugin("other"), name="one")
    desk.write('[plugins.one]\npath = "one.py"\n')
    result = await desk.reloader.apply()
    assert result.verdict is Verdict.REFUSED
    assert "is loaded from" in result.describe()


async def test_f51_stop_ends_it_and_start_catches_up(served: Any) -> None:
    await served.reloader.stop()
    served.file.write_text(two(step=2))
    await served.run(10)
    assert served.verdicts == []
    await served.reloader.start()
    await served.run(2)
    assert served.verdicts == ["applied"]


async def held_in_load(desk: Any) -> tuple[asyncio.Event, asyncio.Event]:
    """``desk`` in the midst of an apply: its engine loads ``two`` until the second is set."""
    desk.plugin("one")
    desk.plugin("two")
    desk.write(two())
    arrived, goes_on = asyncio.Event(), asyncio.Event()
    real = desk.engine.load

    async def load(*arguments: Any, **named: Any) -> Any:
        if named["name"] == "two":
            arrived.set()
            await goes_on.wait()
        return await real(*arguments, **named)

    desk.engine.load = load
    return arrived, goes_on


async def test_f51_stop_waits_for_what_is_being_applied(desk: Any) -> None:
    arrived, goes_on = await held_in_load(desk)
    await desk.reloader.start()
    await desk.run(1)
    assert arrived.is_set()
    stopping = asyncio.create_task(desk.reloader.stop())
    await desk.run(0)
    assert not stopping.done()
    goes_on.set()
    await stopping
    assert desk.engine.names == ("one", "two"), "half of it would be neither old nor new"
    assert set(desk.reloader.running.plugins) == {"one", "two"}


@pytest.mark.parametrize("refuses", [False, True])
async def test_f51_a_cancelled_caller_leaves_nothing_half(desk: Any, refuses: bool) -> None:
    arrived, goes_on = await held_in_load(desk)
    if refuses:
        desk.engine.refuses["two"] = lambda _: "no"
    applying = asyncio.create_task(desk.reloader.apply())
    await arrived.wait()
    applying.cancel()
    await desk.run(0)
    assert not applying.done()
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await applying
    assert desk.engine.names == (() if refuses else ("one", "two"))


async def test_f51_two_callers_apply_one_after_the_other(desk: Any) -> None:
    arrived, goes_on = await held_in_load(desk)
    first = asyncio.create_task(desk.reloader.apply())
    await arrived.wait()
    second = asyncio.create_task(desk.reloader.apply())
    await desk.run(0)
    goes_on.set()
    assert [(await each).verdict.value for each in (first, second)] == ["applied", "unchanged"]


async def test_f51_a_plugin_s_own_call_is_refused(tmp_path: Path, open_desk: OPEN) -> None:
    """Its reload would wait for its handler, and the handler for the reload."""
    async with Engine(clock=ManualClock(100.0)) as engine, open_desk(tmp_path, engine) as desk:
        desk.plugin(
            "asks",
            "class Asks:\n    version = '1.0'\n"
            "    async def handle(self, reloader):\n        return await reloader.apply()\n",
        )
        desk.write('[plugins.asks]\npath = "asks.py"\n')
        assert (await desk.reloader.apply()).success
        with pytest.raises(HookFailed, match=r"apply\(\) was called from inside plugin 'asks'"):
            await engine.use("asks", desk.reloader)


async def test_f51_a_listener_that_raises_harms_nobody(
    desk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    desk.plugin("one")
    desk.write('[plugins.one]\npath = "one.py"\n')
    assert (await desk.make(on_result=lambda _: 1 / 0).apply()).success
    assert "on_result failed" in caplog.text


async def test_f51_misuse_is_told(desk: Any) -> None:
    with pytest.raises(EngineMisuse, match="no settings file is named"):
        ConfigReloader(desk.engine)
    await desk.reloader.start()
    with pytest.raises(EngineMisuse, match="runs already"):
        await desk.reloader.start()


SOURCE = """
import dataclasses
from hot_reload import Secret

@dataclasses.dataclass
class Config:
    step: int = 1
    token: Secret[str] = Secret("none")

class Served:
    version, config_schema = "1.0", Config
    {extra}
    def __init__(self, config):
        self.step = config.get("step", 1)
    def handle(self, request):
        return self.step
"""


async def test_c10_a_dependency_that_the_files_break_is_refused(
    tmp_path: Path, open_desk: OPEN
) -> None:
    """With a real engine: what a running plugin declares counts."""
    async with Engine(clock=ManualClock(100.0)) as engine, open_desk(tmp_path, engine) as desk:
        desk.plugin("base", SOURCE.format(extra=""))
        desk.plugin("top", SOURCE.format(extra='dependencies = ["base"]'))
        both = '[plugins.top]\npath = "top.py"\n[plugins.base]\npath = "base.py"\n'
        desk.write(both)
        assert (await desk.reloader.apply()).success, "each after what it needs"
        assert engine.names == ("base", "top")
        desk.write('[plugins.top]\npath = "top.py"\n')
        result = await desk.reloader.apply()
        assert result.verdict is Verdict.REFUSED
        assert "plugin 'top' needs it" in result.describe()
        assert engine.names == ("base", "top")
        desk.plugin("base2", SOURCE.format(extra='dependencies = ["top2"]'))
        desk.plugin("top2", SOURCE.format(extra='dependencies = ["base2"]'))
        desk.write(both + '[plugins.top2]\npath = "top2.py"\n[plugins.base2]\npath = "base2.py"\n')
        result = await desk.reloader.apply()
        assert "cycle: base2 -> top2 -> base2" in result.describe()
        assert engine.names == ("base", "top")


async def test_f51_a_running_plugin_s_schema_is_asked_first(
    tmp_path: Path, open_desk: OPEN
) -> None:
    async with Engine(clock=ManualClock(100.0)) as engine, open_desk(tmp_path, engine) as desk:
        desk.plugin("one", SOURCE.format(extra=""))
        desk.write('[plugins.one]\npath = "one.py"\n[plugins.one.config]\nstep = 2\n')
        assert (await desk.reloader.apply()).success
        before = engine.status("one").running
        desk.write(
            '[plugins.one]\npath = "one.py"\n[plugins.one.config]\nstp = 3\ntoken = ["hunter2"]\n'
        )
        result = await desk.reloader.apply()
        assert result.verdict is Verdict.REFUSED
        assert [(each.line, str(each).split(": ", 1)[1]) for each in result.problems] == [
            (4, "$.plugins.one.config.stp: unknown key 'stp'; did you mean 'step'?"),
            (5, "$.plugins.one.config.token: is a list (***); give a string"),
        ]
        assert engine.status("one").running == before


async def test_f51_with_the_engine_itself_a_new_config_serves(
    tmp_path: Path, open_desk: OPEN
) -> None:
    async with Engine(clock=ManualClock(100.0)) as engine, open_desk(tmp_path, engine) as desk:
        desk.plugin("one", SOURCE.format(extra="").replace('config.get("step", 1)', "5"))
        desk.plugin("two", SOURCE.format(extra=""))
        text = '[plugins.one]\npath = "one.py"\n[plugins.two]\npath = "two.py"\nconfig.step = {}\n'
        desk.write(text.format(2))
        assert (await desk.reloader.apply()).success
        untouched = engine.status("one").running
        desk.write(text.format(3))
        result = await desk.reloader.apply()
        assert result.verdict is Verdict.APPLIED, result.describe()
        assert engine.status("one").running == untouched
        running = engine.status("two").running
        assert running is not None
        assert running.generation > 2
        assert await engine.use("two") == 3


async def test_f51_with_the_engine_itself_one_refusal_keeps_all(
    tmp_path: Path, open_desk: OPEN
) -> None:
    async with Engine(clock=ManualClock(100.0)) as engine, open_desk(tmp_path, engine) as desk:
        desk.plugin("one", SOURCE.format(extra=""))
        picky = "def start(self):\n        assert self.step < 3, 'too many: hunter2'\n"
        desk.plugin("two", SOURCE.format(extra=picky))
        text = "".join(
            f'[plugins.{name}]\npath = "{name}.py"\n'
            'config = {{ step = {0}, token = "{1}" }}\n'
            for name in ("one", "two")
        )
        desk.write(text.format(2, "first-one"))
        assert (await desk.reloader.apply()).success
        before = [engine.status(name).running for name in engine.names]
        desk.write(text.format(3, "hunter2"))
        result = await desk.reloader.apply()
        assert result.verdict is Verdict.ROLLED_BACK
        assert "too many: ***" in result.describe()
        assert "hunter2" not in repr(result)
        assert [engine.status(name).running for name in engine.names] == before
        assert await engine.call(None) == [2, 2]
        desk.write(text.format(1, "second-one"))
        assert (await desk.reloader.apply()).success
        assert await engine.call(None) == [1, 1]


TAKES = """
class Served:
    version = "{version}"
    {schema}
    def __init__(self, config):
        self.value = config["{key}"]
    def handle(self, request):
        return self.version, self.value
"""
FILE = '[plugins.one]\npath = "one.py"\nconfig = {{ {key} = {value} }}\n'


def taking(version: str, key: str, *, schema: bool) -> str:
    held = {"type": "object", "properties": {key: {"type": "integer"}}, "required": [key]}
    return TAKES.format(version=version, key=key, schema=f"config_schema = {held}" * schema)


@pytest.mark.parametrize("schema", [True, False], ids=["a schema says so", "a constructor raises"])
async def test_f51_code_and_config_of_which_neither_fits_the_other_s_old_half_change_together(
    tmp_path: Path, open_desk: OPEN, schema: bool
) -> None:
    async with Engine(clock=ManualClock(100.0)) as engine, open_desk(tmp_path, engine) as desk:
        desk.plugin("one", taking("1", "step", schema=schema))
        desk.write(FILE.format(key="step", value=1))
        assert (await desk.reloader.apply()).success
        desk.plugin("one", taking("2", "stride", schema=schema))
        desk.write(FILE.format(key="stride", value=2))
        assert not (await engine.reload("one")).success
        result = await desk.reloader.apply()
        assert result.verdict is Verdict.APPLIED, result.describe()
        assert await engine.use("one") == ("2", 2)
        assert [type(each) for each in result.outcomes] == [RolledBack] * (not schema) + [Swapped]


async def test_f51_code_that_nobody_reloaded_waits_where_the_code_that_runs_takes_the_config(
    tmp_path: Path, open_desk: OPEN
) -> None:
    async with Engine(clock=ManualClock(100.0)) as engine, open_desk(tmp_path, engine) as desk:
        desk.plugin("one", taking("1", "step", schema=True))
        desk.write(FILE.format(key="step", value=1))
        assert (await desk.reloader.apply()).success
        desk.plugin("one", taking("2", "step", schema=True))
        desk.write(FILE.format(key="step", value=2))
        assert (await desk.reloader.apply()).success
        assert await engine.use("one") == ("1", 2)
        assert (await engine.reload("one")).success
        assert await engine.use("one") == ("2", 2)


async def test_f51_code_and_config_that_do_not_fit_each_other_change_nothing_and_both_are_told(
    tmp_path: Path, open_desk: OPEN
) -> None:
    async with Engine(clock=ManualClock(100.0)) as engine, open_desk(tmp_path, engine) as desk:
        desk.plugin("one", taking("1", "step", schema=True))
        desk.write(FILE.format(key="step", value=1))
        assert (await desk.reloader.apply()).success
        desk.plugin("one", taking("2", "stride", schema=True))
        desk.write(FILE.format(key="stepp", value=2))
        result = await desk.reloader.apply()
        assert result.verdict is Verdict.ROLLED_BACK
        of_the_new, *of_the_old = [str(each) for each in result.problems]
        assert "2 sha256" in of_the_new or "stride" in of_the_new
        assert "unknown key 'stepp'; did you mean 'step'?" in "".join(of_the_old)
        assert await engine.use("one") == ("1", 1)
        desk.plugin("one").unlink()  # what cannot be read is no edit
        assert (await desk.reloader.apply()).verdict is Verdict.REFUSED


async def test_k7_an_asynchronous_on_result_is_refused_and_not_forgotten(desk: Any) -> None:
    async def on_result(_: object) -> None: ...

    with pytest.raises(EngineMisuse, match="on_result is async"):
        desk.make(on_result=on_result)


async def test_f51_a_config_that_was_saved_before_its_code_is_taken_with_the_code(
    served: Any,
) -> None:
    """Refused by the code that runs, and tried again when other code lies there, once for each."""
    engine = served.engine

    def refuse(config: Any) -> str:
        new = "words" in (served.folder / "one.py").read_text()
        return "" if ("word" in config) is new else "$.word: unknown"

    engine.refuses["one"] = refuse
    served.write(two().replace("step = 1", 'word = "x"'))
    await served.run(10)
    assert served.verdicts == ["rolled back"]
    served.plugin("two", "# a sink, edited: nobody waits for it")
    await served.run(10)
    assert served.verdicts == []
    served.plugin("one", "# a service, no better")
    await served.run(10)
    assert served.verdicts == ["rolled back"]
    served.plugin("one", "# half of it")
    await served.run(0.05)
    served.plugin("one", "# a service of words")
    await served.run(10)
    assert served.verdicts == ["applied"]
    assert engine.configs["one"] == {"word": "x"}
    served.plugin("one", "# a service of words, edited")
    await served.run(10)
    assert served.verdicts == []


async def test_f51_a_first_load_that_fails_is_tried_again_with_other_code(desk: Any) -> None:
    desk.plugin("one")
    desk.plugin("two", "# a sink")
    desk.engine.refuses["two"] = lambda _: (
        "" if "mended" in (desk.folder / "two.py").read_text() else "no"
    )
    desk.write(two())
    await desk.reloader.start()
    await desk.run(6)
    assert desk.verdicts == ["rolled back"]
    assert desk.engine.names == ()
    desk.plugin("two", "# a sink, mended")
    await desk.run(6)
    assert desk.verdicts == ["applied"]
    assert desk.engine.names == ("one", "two")


async def test_f51_a_plugin_that_was_not_there_yet_is_loaded_when_it_is(served: Any) -> None:
    served.write(two(more='[plugins.three]\npath = "three.py"\n'))
    await served.run(6)
    assert served.verdicts == ["refused"]
    served.plugin("three")
    await served.run(6)
    assert served.verdicts == ["applied"]
    assert served.engine.names == ("one", "two", "three")


@pytest.mark.parametrize("bad_first", [False, True])
async def test_f51_the_pace_that_the_files_say_holds_from_the_first_of_them_that_is_applied(
    desk: Any, bad_first: bool
) -> None:
    desk.plugin("one")
    desk.plugin("two", "# a sink")
    reloader = desk.make(settings=None)
    pace = "[watch]\ncooldown_seconds = 0.5\ndebounce_ms = 300\n"
    desk.write("[half" if bad_first else two(more=pace))
    await reloader.start()
    await desk.run(1)
    desk.write(two(more=pace))
    await desk.run(6)
    assert desk.verdicts == ["refused"] * bad_first + ["applied"]
    desk.write(two(step=2, more=pace))
    await desk.run(0.25)
    assert desk.verdicts == []  # not quiet for long enough
    await desk.run(0.1)
    desk.write(two(step=3, more=pace))
    await desk.run(0.4)
    assert desk.verdicts == ["applied"]
    await desk.run(0.2)
    assert desk.verdicts == ["applied"]
    assert desk.engine.configs["one"] == {"step": 3}


async def test_f51_a_failure_is_told_at_the_plugin_that_failed(tmp_path: Path) -> None:
    """Both are changed in one transaction, since the one needs the other."""
    source = """class {0}:
    version = "1"
    dependencies = {1}
    def __init__(self, config):
        if config["step"] == 13: raise ValueError("unlucky")
    def handle(self, request): return request
"""
    (tmp_path / "one.py").write_text(source.format("One", []))
    (tmp_path / "two.py").write_text(source.format("Two", ["one"]))
    settings = tmp_path / "settings.toml"
    text = two().replace('word = "a"', "step = 1")
    settings.write_text(text)
    async with Engine() as engine:
        reloader = ConfigReloader(engine, settings, environment={})
        assert (await reloader.apply()).verdict is Verdict.APPLIED
        one, _, last = text.partition("[plugins.two]")
        settings.write_text(
            one.replace("step = 1", "step = 2")
            + "[plugins.two]"
            + last.replace("step = 1", "step = 13")
        )
        (problem,) = (await reloader.apply()).problems
        assert (problem.path, problem.line) == (("plugins", "two"), 4)
        assert "construct of 'two'" in str(problem)


KEEPS = """
class One:
    name, version = "one", "1"
    seen = 0
    def handle(self, request):
        self.seen += 1
        return self.seen
    def get_reload_state(self): return {"seen": self.seen}
    def set_reload_state(self, state): self.seen = state["seen"]
"""


@pytest.mark.parametrize("restore", [True, False])
async def test_f14_f51_a_plugin_of_a_file_has_its_state_over_a_restart(
    restore: bool, tmp_path: Path, open_desk: OPEN
) -> None:
    store = StateFiles(tmp_path / "state")
    answers = []
    for _ in range(2):
        async with Engine(state_store=store) as engine, open_desk(tmp_path, engine) as desk:
            desk.plugin("one", KEEPS)
            desk.write(f'[plugins.one]\npath = "one.py"\nrestore = {str(restore).lower()}\n')
            assert (await desk.reloader.apply()).success
            answers.append(await engine.use("one"))
    assert answers == ([1, 2] if restore else [1, 1])


async def test_f51_a_state_that_nothing_keeps_is_told(desk: Any) -> None:
    desk.plugin("one")
    desk.write('[plugins.one]\npath = "one.py"\nrestore = true\n')
    result = await desk.reloader.apply()
    assert result.verdict is Verdict.REFUSED
    (problem,) = result.problems
    assert "$.plugins.one.restore: asks for its state, which this engine keeps nowhere" in str(
        problem
    )


async def test_f51_a_change_of_restore_touches_nothing_that_runs(served: Any) -> None:
    served.engine.keeps_state = True
    served.write(two().replace('two.py"\n', 'two.py"\nrestore = true\n'))
    await served.run(6)
    assert served.reloader.last.later == ("plugins.two.restore",)
    assert served.engine.calls == []
