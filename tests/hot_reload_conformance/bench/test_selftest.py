"""The self-test blames the adapter, in words that tell what to look at."""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.bench import runner as bench
from hot_reload_conformance.bench import selftest
from hot_reload_conformance.bench.runner import self_test
from hot_reload_conformance.specimens import faulty_adapters as faulty
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.specimens.patching_host import PatchingAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import NotClaimed


class LacksUnload(BlueGreenAdapter):
    unload = HostAdapter.unload


class LacksCall(BlueGreenAdapter):
    call = HostAdapter.call


class ClaimsLess(LacksUnload):
    claims = BlueGreenAdapter.claims - {Claim.UNLOAD}


@pytest.mark.parametrize(
    ("adapter", "says"),
    [
        (LacksUnload, "claims 'unload' but has no unload(): write it, or drop the claim"),
        (LacksCall, "has no call(), which every adapter needs"),
        (faulty.CannotBeMade, "could not be made"),
        (faulty.OpenRaises, "open() raised RuntimeError"),
        (faulty.CloseRaises, "close() raised RuntimeError"),
        (faulty.RendersNothing, "render gave no file"),
        (faulty.RendersNoProbe, "never ran"),
        (faulty.LoadDoesNothing, "never ran"),
        (faulty.LoadReturnsNumber, "returns a Reply, None or a bool"),
        (faulty.LoadHasTypo, "has no attribute 'hots'"),
        (faulty.CallMakesItUp, "before anything was loaded, your adapter's call() already answers"),
        (faulty.CallTellsOne, "does the rendered handler return probe.reply(event)?"),
        (faulty.ExitsTheLoop, "ended the event loop"),
        (faulty.RendersElsewhere, "render() writes into a wrong place: '../alpha.py'"),
        (faulty.ForgetsAHandler, "forgets a handler"),
        (faulty.CallRemembers, "call() returns stale replies"),
    ],
)
def test_wrong_adapter_is_told_what_is_wrong(adapter: type[HostAdapter], says: str) -> None:
    problem = self_test(HostSubject(adapter))
    assert problem is not None
    assert says in problem


class ClaimsAWord(BlueGreenAdapter):
    claims = frozenset({"reload"})  # type: ignore[arg-type]


class ClaimsATypo(BlueGreenAdapter):
    claims = frozenset({"hook"})  # type: ignore[arg-type]


class StageWithTypo(BlueGreenAdapter):
    stages = ("read", "syntacs")


class StagesAreAWord(BlueGreenAdapter):
    stages = "read"  # type: ignore[assignment]


class OpensAtOnce(BlueGreenAdapter):
    def open(self, workdir: Path, ports: Ports) -> None:  # type: ignore[override]
        return None


class LoadsAtOnce(BlueGreenAdapter):
    def load(self, ref: str) -> None:  # type: ignore[override]
        return None


class CallsAtOnce(BlueGreenAdapter):
    def call(self, event: Event | None = None) -> list[str]:  # type: ignore[override]
        return []


class RendersLater(BlueGreenAdapter):
    async def render(self, spec: PluginSpec) -> Mapping[str, str]:  # type: ignore[override]
        return {}


class RendersAList(BlueGreenAdapter):
    def render(self, spec: PluginSpec) -> Any:
        return [f"{spec.ref}.py"]


class RendersANumber(BlueGreenAdapter):
    def render(self, spec: PluginSpec) -> Any:
        return {f"{spec.ref}.py": 42}


class LoadIgnoresRef(BlueGreenAdapter):
    async def load(self, ref: str) -> Reply | bool | None:
        return await super().load("alpha")


class RendersOneVersion(BlueGreenAdapter):
    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        return super().render(spec.at("v1"))


@pytest.mark.parametrize(
    ("adapter", "says"),
    [
        (ClaimsAWord, "claims 'reload', which is no Claim: `claims` is a frozenset of"),
        (ClaimsAWord, "Write Claim.RELOAD."),
        (ClaimsATypo, "Did you mean 'hooks'?"),
        (StageWithTypo, "declares the stage 'syntacs': `stages` is a tuple of read, syntax"),
        (StageWithTypo, "Did you mean 'syntax'?"),
        (StagesAreAWord, "one alone is ('read',)"),
        (OpensAtOnce, "Ordinary functions in your adapter: open(). Write `async def`"),
        (LoadsAtOnce, "Ordinary functions in your adapter: load(). Write `async def`"),
        (CallsAtOnce, "Ordinary functions in your adapter: call(). Write `async def`"),
        (RendersLater, "render() is a coroutine: it alone is an ordinary function"),
        (RendersAList, "render() is to return a mapping, relative path to text"),
        (RendersANumber, "it returned {'alpha.py': 42}"),
        (LoadIgnoresRef, "loads the plugin alpha, but none of another name"),
        (RendersOneVersion, "render() writes spec.name and spec.version into the text"),
    ],
)
def test_what_newcomers_write_is_told_in_words(adapter: type[HostAdapter], says: str) -> None:
    problem = self_test(HostSubject(adapter))
    assert problem is not None
    assert says in problem
    assert "Traceback" not in problem


def test_adapter_that_keeps_its_host_is_found_in_the_second_run() -> None:
    faulty.KeepsItsHost.kept = None
    problem = self_test(HostSubject(faulty.KeepsItsHost))
    assert problem is not None
    assert "the first run was fine: the adapter keeps something" in problem


def test_adapter_that_hangs_as_it_opens_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "OPEN_DEADLINE_SECONDS", 0.05)
    problem = self_test(HostSubject(faulty.OpenHangs))
    assert problem is not None
    assert "open() did not end within" in problem


@pytest.mark.parametrize("adapter", [BlueGreenAdapter, ClaimsLess])
def test_right_adapter_passes(adapter: type[HostAdapter]) -> None:
    assert self_test(HostSubject(adapter)) is None


def test_adapter_that_blocks_is_told_so_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faulty.LoadBlocks, "operation_deadline_seconds", 0.1)
    problem = self_test(HostSubject(faulty.LoadBlocks))
    assert problem is not None
    assert "your adapter blocks the event loop" in problem
    assert "during load alpha" in problem
    assert "in LoadBlocks.load()" in problem
    assert "asyncio.to_thread" in problem


def test_adapter_that_is_slow_is_told_of_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faulty.LoadHangs, "operation_deadline_seconds", 0.05)
    problem = self_test(HostSubject(faulty.LoadHangs))
    assert problem is not None
    assert "load alpha did not end" in problem
    assert "Declare operation_deadline_seconds" in problem


@pytest.mark.parametrize(
    ("adapter", "says"),
    [(faulty.LeavesATask, "the task Event.wait"), (faulty.LeavesAThread, "the thread 'poller'")],
)
def test_what_close_leaves_is_named_to_who_asks(adapter: type[HostAdapter], says: str) -> None:
    try:
        problem = self_test(HostSubject(adapter), thorough=True)
        assert problem is not None
        assert f"close() leaves something: {says}" in problem
        # It may be the host that does not let go: no verdict depends on it.
        assert self_test(HostSubject(adapter)) is None
    finally:
        for each in faulty.LeavesAThread.ended:
            each.set()


def test_a_right_adapter_leaves_nothing() -> None:
    assert self_test(HostSubject(BlueGreenAdapter), thorough=True) is None


class Slow(BlueGreenAdapter):
    operation_deadline_seconds = 20.0


def test_a_slow_host_gives_each_check_more_time() -> None:
    usual = bench.deadline_of(selftest.SELF_TEST, BlueGreenAdapter)
    assert bench.deadline_of(selftest.SELF_TEST, Slow) == 4 * usual


NOTHING: dict[str, Any] = {}


class LooksUp(BlueGreenAdapter):
    async def call(self, event: Event | None = None) -> list[str]:
        return list(NOTHING["alpha"])


class LoadsByTable(BlueGreenAdapter):
    async def load(self, ref: str) -> Reply | bool | None:
        return bool(NOTHING[ref])


class RendersByTable(BlueGreenAdapter):
    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        return {f"{spec.ref}.py": NOTHING[spec.name]}


class OpensNothing(BlueGreenAdapter):
    async def open(self, workdir: Path, ports: Ports) -> None:
        raise OSError("no net")


class ClosesNothing(BlueGreenAdapter):
    async def close(self) -> None:
        raise OSError("no net")


class IsNotMade(BlueGreenAdapter):
    def __init__(self) -> None:
        raise OSError("no net")


@pytest.mark.parametrize(
    ("adapter", "method", "raised"),
    [
        (LooksUp, "call", "KeyError: 'alpha'"),
        (LoadsByTable, "load", "KeyError: 'alpha'"),
        (RendersByTable, "render", "KeyError: 'alpha'"),
        (OpensNothing, "open", "OSError: no net"),
        (ClosesNothing, "close", "OSError: no net"),
        (IsNotMade, "__init__", "OSError: no net"),
    ],
    ids=lambda each: getattr(each, "__name__", str(each)),
)
def test_what_a_method_raises_is_the_adapters_and_its_line_is_named(
    adapter: type[HostAdapter], method: str, raised: str
) -> None:
    problem = self_test(HostSubject(adapter))
    assert problem is not None
    assert problem.startswith("your adapter")
    assert raised in problem
    line = inspect.getsourcelines(getattr(adapter, method))[1]
    # The last line of the method: the one that raises.
    line += len(inspect.getsource(getattr(adapter, method)).splitlines()) - 1
    assert f"{__file__}:{line}, in {method}()" in problem


class HostInTheAdaptersFile(BlueGreenAdapter):
    async def call(self, event: Event | None = None) -> list[str]:
        return _answer_of_a_host("alpha")


def _answer_of_a_host(name: str) -> list[str]:
    raise KeyError(name)


def test_what_a_host_raises_is_its_own_and_the_way_through_the_adapter_is_named() -> None:
    problem = self_test(HostSubject(HostInTheAdaptersFile))
    assert problem is not None
    assert "call raised KeyError: 'alpha' (" in problem
    assert "your adapter's call raised" not in problem


class OneNameForAll(BlueGreenAdapter):
    """Its host has each class once, and ``render`` writes the same class into every plugin."""

    async def open(self, workdir: Path, ports: Ports) -> None:
        await super().open(workdir, ports)
        self.taken: set[str] = set()

    def key(self, ref: str) -> str:
        return "Plugin"

    async def load(self, ref: str) -> Reply | bool | None:
        if self.key(ref) in self.taken:
            raise ValueError(f"class {self.key(ref)!r} is there already")
        self.taken.add(self.key(ref))
        return await super().load(ref)


class NameOfThePlugin(OneNameForAll):
    def key(self, ref: str) -> str:
        return ref.rpartition("/")[2]


class NameOfTheRef(OneNameForAll):
    def key(self, ref: str) -> str:
        return ref


class OneAtATime(OneNameForAll):
    async def load(self, ref: str) -> Reply | bool | None:
        if self.taken:
            raise NotClaimed("one plugin is all it has")
        return await super().load(ref)


@pytest.mark.parametrize(
    ("adapter", "says"),
    [
        (OneNameForAll, "does not load 'beta' beside alpha: ValueError: class 'Plugin'"),
        (NameOfThePlugin, "does not load 'one/alpha' beside alpha, beta: ValueError"),
    ],
)
def test_plugins_that_do_not_stand_beside_each_other_are_told_to_who_asks(
    adapter: type[HostAdapter], says: str
) -> None:
    problem = self_test(HostSubject(adapter), thorough=True)
    assert problem is not None
    assert says in problem
    assert "make it of spec.ref" in problem
    # It may be the host that refuses the second one: no verdict depends on it.
    assert self_test(HostSubject(adapter)) is None


@pytest.mark.parametrize("adapter", [NameOfTheRef, OneAtATime])
def test_plugins_beside_each_other_are_right(adapter: type[HostAdapter]) -> None:
    assert self_test(HostSubject(adapter), thorough=True) is None


class ReloadsNothing(BlueGreenAdapter):
    async def reload(self, ref: str) -> Reply | bool | None:
        return None


class ReloadFails(BlueGreenAdapter):
    async def reload(self, ref: str) -> Reply | bool | None:
        raise ValueError("no such file")


class UnloadsNothing(BlueGreenAdapter):
    async def unload(self, ref: str) -> Reply | bool | None:
        return None


class HasNoReloadByName(BlueGreenAdapter):
    async def reload(self, ref: str) -> Reply | bool | None:
        raise NotClaimed("no reload by name")


@pytest.mark.parametrize(
    ("adapter", "says"),
    [
        (
            ReloadsNothing,
            "reload() does not do it for a plain plugin: it said ok, and call() gives",
        ),
        (ReloadFails, "reload() does not do it for a plain plugin: it said ValueError: no such"),
        (
            UnloadsNothing,
            "unload() does not do it for a plain plugin: it said ok, and call() gives",
        ),
    ],
)
def test_an_operation_that_does_nothing_is_told_to_who_asks(
    adapter: type[HostAdapter], says: str
) -> None:
    problem = self_test(HostSubject(adapter), thorough=True)
    assert problem is not None
    assert says in problem
    assert self_test(HostSubject(adapter)) is None


def test_an_operation_that_the_host_does_not_have_is_right() -> None:
    assert self_test(HostSubject(HasNoReloadByName), thorough=True) is None


def test_a_file_that_a_host_would_take_for_a_plugin_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a.py").write_text("")
    problem = self_test(HostSubject(BlueGreenAdapter), thorough=True)
    assert problem is not None
    assert f"{tmp_path / 'a.py'} can be imported, and the kit has plugins called" in problem


class LoadsTheFolder(BlueGreenAdapter):
    """Its host loads all that lies in the folder, whatever it is asked for."""

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.workdir.glob("*.py"))

    async def open(self, workdir: Path, ports: Ports) -> None:
        await super().open(workdir, ports)
        self.workdir = workdir
        self.there: set[str] = set()

    async def load(self, ref: str) -> Reply | bool | None:
        for name in [ref] if "/" in ref else self.names():
            if name not in self.there:
                self.there.add(name)
                await super().load(name)
        return None


class LoadsTheFolderOnce(LoadsTheFolder):
    """The same, and the second load is refused, as of what is there already."""

    async def load(self, ref: str) -> Reply | bool | None:
        if ref in self.there:
            raise KeyError(ref)
        self.there |= {ref, *self.names()}  # the others are loaded, and not active
        return await BlueGreenAdapter.load(self, ref)


@pytest.mark.parametrize(
    ("adapter", "says"),
    [
        (LoadsTheFolder, "load('alpha') does not load that one alone"),
        (LoadsTheFolderOnce, "your adapter loaded 'alpha', and then not 'beta': KeyError: 'beta'"),
    ],
)
def test_a_load_of_all_that_lies_there_is_told_to_who_asks(
    adapter: type[HostAdapter], says: str
) -> None:
    problem = self_test(HostSubject(adapter), thorough=True)
    assert problem is not None
    assert says in problem
    assert "give each plugin a folder of its own" in problem
    assert self_test(HostSubject(adapter)) is None


class LooksIntoTheModule(PatchingAdapter):
    """A host that runs whatever it is given; it is the adapter that takes something out."""

    async def load(self, ref: str) -> None:
        names: dict[str, Any] = {}
        exec((self.host.root / f"{ref}.py").read_bytes(), names)
        self.taken = self.taking(types.SimpleNamespace(**names))
        self.host.load(ref)

    def taking(self, module: Any) -> object:
        return module.P


class LooksAndSaysSo(LooksIntoTheModule):
    def taking(self, module: Any) -> object:
        if not hasattr(module, "P"):
            raise ImportError("nothing in it")
        return module.P


def test_what_load_looks_for_itself_in_an_empty_file_is_told_to_who_asks() -> None:
    problem = self_test(HostSubject(LooksIntoTheModule), thorough=True)
    assert problem is not None
    assert "has no attribute 'P'" in problem
    assert "The file was empty" in problem
    assert self_test(HostSubject(LooksAndSaysSo), thorough=True) is None


class CancelsAll(BlueGreenAdapter):
    async def close(self) -> None:
        await super().close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


class CancelsAllAndWaits(CancelsAll):
    async def close(self) -> None:
        await super().close()
        await asyncio.sleep(0)


class ClosesInACancelledTask(BlueGreenAdapter):
    async def close(self) -> None:
        raise asyncio.CancelledError


def test_close_that_cancels_the_kits_task_is_told_so() -> None:
    for adapter in (CancelsAll, CancelsAllAndWaits):
        problem = self_test(HostSubject(adapter))
        assert problem is not None
        assert "close() cancels tasks that are the kit's" in problem
    problem = self_test(HostSubject(ClosesInACancelledTask))
    assert problem is not None
    assert "CancelledError, raised by a plugin, ended the event loop" in problem
