"""The guards around an import, as an engine has them: what they stop, and what they put back."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from hot_reload import Engine, ImportPolicy
from hot_reload.errors import EngineMisuse
from hot_reload.outcome import Loaded, RolledBack, Stage, Swapped
from hot_reload.runtime.building import Building
from hot_reload.source.lock import Lock
from hot_reload.source.preflight import Preflight
from hot_reload.source.process_state import StatePolicy
from hot_reload.source.snapshot import DiskFiles, SourceSnapshot, take_snapshot

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench

PLUGIN = (
    "class Counter:\n    name, version = 'counter', '1.0'\n    def handle(self, r): return {!r}\n"
)


def write(bench: Bench, head: str = "", answer: str = "v1", name: str = "counter") -> Path:
    source = PLUGIN.format(answer).replace("'counter'", repr(name))
    return bench.plugins.write(name, head + source)


async def test_f86_only_the_bytes_that_are_locked_run(bench: Bench, tmp_path: Path) -> None:
    path = write(bench)
    lock = Lock(tmp_path / "plugins.lock")
    lock.write([take_snapshot(path, DiskFiles())])
    async with Engine(imports=ImportPolicy(lock=lock)) as engine:
        assert isinstance(await engine.load(path), Loaded)
        write(bench, answer="v2")
        outcome = await engine.reload("counter", force=True)  # which does not skip the lock
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.READ
        assert "plugins.lock" in str(outcome.failure)
        assert await engine.call(None) == ["v1"]
        lock.update([take_snapshot(path, DiskFiles())])
        assert isinstance(await engine.reload("counter"), Swapped)


async def test_f13_a_text_that_does_not_validate_is_not_run(bench: Bench) -> None:
    path = write(bench)
    async with Engine(imports=ImportPolicy(validate=True)) as engine:
        await engine.load(path)
        write(
            bench, "import os\nos.environ['RAN'] = 'yes'\ntry_it = __import__\nimport no_such_lib\n"
        )
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.SYNTAX
        assert "no module named 'no_such_lib'" in outcome.failure.cause
        assert outcome.failure.line == 4
        assert "RAN" not in os.environ
        forced = await engine.reload("counter", force=True)
        assert isinstance(forced, RolledBack)
        assert forced.failure.stage is Stage.IMPORT  # it was skipped: the import itself tells


async def test_i17_what_an_import_changes_in_the_process_is_undone_and_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEFT_BY_PLUGIN", raising=False)
    before = list(sys.path)
    head = "import os, sys\nos.environ['LEFT_BY_PLUGIN'] = '1'\nsys.path.append('/nowhere')\n"
    async with Engine() as engine:
        outcome = await engine.load(write(bench, head))
        assert isinstance(outcome, Loaded)
        told = " ".join(each.cause for each in outcome.warnings)
        assert "LEFT_BY_PLUGIN" in told
        assert "sys.path" in told
        assert "LEFT_BY_PLUGIN" not in os.environ
        assert sys.path == before


@pytest.mark.parametrize("policy", StatePolicy)
async def test_i17_the_policy_says_what_becomes_of_it(
    bench: Bench, policy: StatePolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEFT_BY_PLUGIN", raising=False)
    async with Engine(imports=ImportPolicy(process_changes=policy)) as engine:
        await engine.load(write(bench))
        write(bench, "import os\nos.environ['LEFT_BY_PLUGIN'] = '1'\n", "v2")
        outcome = await engine.reload("counter")
        assert ("LEFT_BY_PLUGIN" in os.environ) is (policy is StatePolicy.REPORT)
        assert isinstance(outcome, RolledBack if policy is StatePolicy.REFUSE else Swapped)
        assert "LEFT_BY_PLUGIN" in str([*outcome.warnings, getattr(outcome, "failure", "")])


async def test_i17_a_failed_import_leaves_nothing_and_it_is_told(bench: Bench) -> None:
    async with Engine() as engine:
        await engine.load(write(bench))
        here = os.getcwd()
        write(bench, "import os\nos.chdir('/')\nraise ValueError('no')\n")
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert os.getcwd() == here
        assert any("directory" in each.cause for each in outcome.warnings)


async def test_i18_a_task_of_a_body_that_failed_is_ended(bench: Bench) -> None:
    head = (
        "import asyncio\nasync def forever():\n    await asyncio.Event().wait()\n"
        "asyncio.get_running_loop().create_task(forever())\n"
    )
    async with Engine() as engine:
        await engine.load(write(bench))
        mine = asyncio.get_running_loop().create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        before = asyncio.all_tasks()
        write(bench, head + "raise ValueError('no')\n")
        assert isinstance(await engine.reload("counter"), RolledBack)
        assert asyncio.all_tasks() == before
        assert not mine.cancelled()
        assert engine.lingering() == ()
        mine.cancel()


async def test_f85_a_body_that_would_end_the_host_is_met_in_another_process(
    bench: Bench,
) -> None:
    base = bench.plugins.write(
        "base", PLUGIN.format("b").replace("'counter'", "'base'") + "N = 1\n"
    )
    policy = ImportPolicy(preflight=Preflight())
    async with Engine(imports=policy) as engine:
        assert isinstance(await engine.load(base), Loaded)
        head = "import base\nassert base.N == 1\n"
        body = PLUGIN.replace("'1.0'", "'1.0'\n    dependencies = ['base']").format("v1")
        path = bench.plugins.write("counter", head + body)
        outcome = await engine.load(path)
        assert isinstance(outcome, Loaded), outcome.describe()
        bench.plugins.write("counter", head + "import os\nos._exit(0)\n" + body)
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.IMPORT
        assert "in the preflight the module's body" in outcome.failure.cause
        assert await engine.call(None) == ["b", "v1"]
        assert policy.preflight is not None
        assert policy.preflight.pid is not None
    assert policy.preflight.pid is None


CONFIGURED = """
from dataclasses import dataclass
from hot_reload import Secret

@dataclass
class Config:
    depth: int = 1
    token: Secret[str] = Secret("")

class Counter:
    name, version, config_schema = "counter", "1.0", Config
    def __init__(self, config):
        self.config = config
    def start(self):
        if self.config.get("depth") == 13:
            raise ValueError(f"no {self.config['token']}")
    def handle(self, request):
        return self.config
"""


async def test_f50_a_config_that_does_not_fit_the_schema_names_the_key(bench: Bench) -> None:
    """HR-PLUG-15, from the engine's side: nothing of the plugin is constructed."""
    path = bench.plugins.write("counter", CONFIGURED)
    async with Engine() as engine:
        bad = await engine.load(path, config={"depht": 3})
        assert isinstance(bad, RolledBack)
        assert bad.failure.stage is Stage.CONFIG
        assert "$.depht: unknown key 'depht'; did you mean 'depth'?" in bad.failure.cause
        assert isinstance(await engine.load(path, config={"depth": 3}), Loaded)
        outcomes = await engine.reconfigure({"counter": {"depth": "deep"}})
        assert isinstance(outcomes["counter"], RolledBack)
        assert "$.depth" in outcomes["counter"].failure.cause
        assert await engine.call(None) == [{"depth": 3}]


async def test_f50_all_that_does_not_fit_is_told_in_one_line(bench: Bench) -> None:
    path = bench.plugins.write("counter", CONFIGURED)
    async with Engine() as engine:
        bad = await engine.load(path, config={"depth": "deep", "size": 1})
        told = bad.describe()
        assert "$.depth" in told
        assert "$.size" in told
        assert "\\n" not in told


_ATTRIBUTE = 'name, version, config_schema = "counter", "1.0", Config'
_NAMED = 'name, version = "counter", "1.0"'
_SHOWN = "\n    @property\n    def {0}(self):\n        return {1}"
LATE = {
    "a property": (f"{_NAMED}{_SHOWN.format('config_schema', 'Config')}", ""),
    "a property's mapping": (
        _SHOWN.format(
            "metadata", '{"name": "counter", "version": "1.0", "config_schema": Config}'
        ).strip(),
        "",
    ),
    "the object": (
        _ATTRIBUTE,
        "\nclass Other(Config): version = '2'\n"
        "def register(app, context): return Counter(context.config)\n",
    ),
}


@pytest.mark.parametrize("way", LATE)
async def test_f02_a_schema_that_only_the_object_can_say_is_held_to_too(
    way: str, bench: Bench
) -> None:
    attribute, more = LATE[way]
    path = bench.plugins.write("counter", CONFIGURED.replace(_ATTRIBUTE, attribute) + more)
    async with Engine() as engine:
        bad = await engine.load(path, config={"depht": 3})
        assert isinstance(bad, RolledBack)
        assert bad.failure.stage is Stage.CONFIG
        assert "$.depht: unknown key 'depht'; did you mean 'depth'?" in bad.failure.cause
        assert isinstance(await engine.load(path, config={"depth": 3}), Loaded)
        outcomes = await engine.reconfigure({"counter": {"depth": 13, "token": "hunter22"}})
        assert "ValueError: no ***" in outcomes["counter"].describe()
        assert await engine.call(None) == [{"depth": 3}]


async def test_f52_a_secret_that_a_plugin_quotes_is_masked(bench: Bench) -> None:
    """HR-PLUG-18, from the engine's side."""
    path = bench.plugins.write("counter", CONFIGURED)
    async with Engine() as engine:
        outcome = await engine.load(path, config={"depth": 13, "token": "hunter22"})
        assert isinstance(outcome, RolledBack)
        assert "ValueError: no ***" in outcome.failure.cause
        assert "hunter22" not in repr(outcome)
        assert "hunter22" not in repr(engine.history)


@pytest.mark.skipif(sys.platform != "linux", reason="a preflight needs Linux")
async def test_f85_where_no_process_can_be_had_it_rolls_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = ImportPolicy(preflight=Preflight())
    assert policy.preflight is not None
    async with Engine(imports=policy) as engine:
        path = write(bench)
        await engine.load(path)

        async def exhausted(*_: object) -> None:
            raise OSError(24, "Too many open files")

        with monkeypatch.context() as patch:
            patch.setattr(policy.preflight, "check", exhausted)
            write(bench, answer="v2")
            outcome = await engine.reload("counter")
            assert isinstance(outcome, RolledBack)
            assert outcome.failure.stage is Stage.IMPORT
            assert "Too many open files" in outcome.failure.cause
            assert await engine.call(None) == ["v1"]
        assert isinstance(await engine.reload("counter"), Swapped)


async def test_f22_a_host_adds_checks_of_its_own_before_anything_runs(bench: Bench) -> None:
    seen: list[str] = []

    def licensed(snapshot: SourceSnapshot) -> str | None:
        seen.append(snapshot.sha256)
        first = snapshot.main.data.splitlines()[0]
        return None if first.startswith(b"# MIT") else "no licence; begin with # MIT"

    async with Engine(imports=ImportPolicy(checks=(lambda _: None, licensed))) as engine:
        path = write(bench, "import bench_probe; bench_probe.bench.things['ran'] = 1\n")
        for force in (False, True):
            outcome = await (engine.reload("counter", force=True) if force else engine.load(path))
            assert isinstance(outcome, RolledBack)
            assert outcome.failure.stage is Stage.SYNTAX
            assert outcome.failure.cause == (
                "a check of the host refuses it: no licence; begin with # MIT"
            )
            assert outcome.failure.file == str(path)
            assert "ran" not in bench.things
            if not force:
                write(bench, "# MIT\n")
                running = (await engine.load(path)).unwrap().running
                assert running is not None
                assert running.sha256 == seen[-1]
                write(bench, "import bench_probe; bench_probe.bench.things['ran'] = 1\n")
        assert await engine.call(None) == ["v1"]


@pytest.mark.parametrize("wrong", [SystemExit, ValueError, False])
async def test_f22_a_check_that_is_wrong_itself_refuses(wrong: object, bench: Bench) -> None:
    def check(snapshot: SourceSnapshot) -> str | None:
        if isinstance(wrong, type):
            raise wrong("no rules")
        return wrong  # type: ignore[return-value]  # the mistake

    async with Engine(imports=ImportPolicy(checks=(check,))) as engine:
        outcome = await engine.load(write(bench))
        assert isinstance(outcome, RolledBack)
        says = "no rules" if wrong else "it gave False where a reason or None belongs"
        assert says in outcome.failure.cause
        assert "mend it, or take it out" in outcome.failure.cause

    async def late(snapshot: SourceSnapshot) -> None: ...

    with pytest.raises(EngineMisuse, match="a check is async"):
        Engine(imports=ImportPolicy(checks=(late,)))  # type: ignore[arg-type]  # the mistake


def test_f22_an_interrupt_in_a_check_is_the_users() -> None:
    def interrupted(snapshot: SourceSnapshot) -> str | None:
        raise KeyboardInterrupt

    class Asking:
        _machinery = SimpleNamespace(imports=ImportPolicy(checks=(interrupted,)))

    with pytest.raises(KeyboardInterrupt):
        Building._ask_host(cast(Any, Asking()), cast(Any, SimpleNamespace(snapshot=None)))
