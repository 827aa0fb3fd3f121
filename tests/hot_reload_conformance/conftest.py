"""A small contract of toy checks, so that tests of the frame do not wait for the real ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hot_reload_conformance import check as registry

TOY_CONTRACT = '''
import sys
import threading
import types

import hot_reload_conformance.check as registry
from hot_reload_conformance.adapter import PluginSpec
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.verdict import CannotJudge, CheckResult, Finding, NotClaimed, Verdict

registry.MODULES = ()


def _judge(case, code):
    """A toy host says itself what it breaks: the frame is tested here, not the checks."""
    case.expect(code not in getattr(case.adapter, "breaks", ()), f"the toy breaks {code}")
    if code in getattr(case.adapter, "puzzles", ()):
        raise CannotJudge(f"nobody knows about {code}")


@check("HR-LOAD-01")
async def takes_effect(case, _):
    await case.loaded(PluginSpec())
    await case.expect_replies(["v1"], "load said ok, but the plugin does not answer")
    _judge(case, "HR-LOAD-01")


@check("HR-ROLL-01", variants=[Variant("import", "import"), Variant("start", "start")])
async def old_keeps_serving(case, stage):
    if stage in getattr(case.adapter, "lacks", ()):
        raise NotClaimed(f"{stage}: this host has none")
    await case.loaded(PluginSpec())
    _judge(case, "HR-ROLL-01")


@check("HR-FLOW-01")
async def no_loss(case, _):
    _judge(case, "HR-FLOW-01")


@check("HR-FLOW-01", kind=Kind.MACHINE)
def no_loss_machine(subject, budget):
    if budget.replay == "1:boom" or "HR-FLOW-01[machine]" in getattr(subject.adapter, "breaks", ()):
        return Finding(message="the machine found a loss", replay="HR-FLOW-01=1:boom")
    return None


@check("HR-FLOW-12")
async def producers_not_blocked(case, _):
    _judge(case, "HR-FLOW-12")


@check("HR-WATCH-01")
async def converges(case, _):
    pass


@check("HR-PLUG-02")
async def metadata(case, _):
    pass


@check("HR-PLUG-11")
async def flush_delivers(case, _):
    pass


def run_plugin_check(subject, check, budget, stalls=None):
    path = subject.path / "__init__.py" if subject.path.is_dir() else subject.path
    verdict, reason, findings = Verdict.PASS, "", ()
    if check.clause.code == "HR-PLUG-11" and subject.subject.observe is None:
        verdict, reason = Verdict.NOT_CLAIMED, "give `observe` to check HR-PLUG-11"
    elif "HANGS" in path.read_text():
        threading.Event().wait()
    elif "BROKEN" in path.read_text():
        verdict, reason = Verdict.FAIL, "the plugin is broken"
        findings = (Finding(message=reason),)
    return CheckResult(code=check.clause.code, check=check.id, subject=subject.name,
                       verdict=verdict, reason=reason, findings=findings, variants=("",))


fake = types.ModuleType("hot_reload_conformance.plugins.case")
fake.run_plugin_check = run_plugin_check
sys.modules[fake.__name__] = fake
'''

TOY_HOST = """
from hot_reload_conformance import Claim
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter

class ToyHost(BlueGreenAdapter):
    name = "toy"
    {body}

hot_reload_host = ToyHost
"""

PLUGIN = """
class Plugin:
    version = "1.0"

    def write(self, event):
        pass
"""


class Project:
    """A user's project in a folder of its own, run by pytest in a process of its own.

    Runs are bare, with our plugin alone, as most of a run's time is other plugins'
    start; ``with_all_plugins`` is for tests that are about them.
    """

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self._monkeypatch = monkeypatch
        self._plugins = ("-p", "hot_reload_conformance.pytest_plugin")
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        self.write("conftest.py", TOY_CONTRACT)

    def with_all_plugins(self) -> None:
        """As users run it: every plugin that is installed, by its entry point."""
        self._plugins = ("-p", "no:inline_snapshot")
        self._monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
        # One of them warns unless it is told this.
        self.write("pytest.ini", "[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    def write(self, relative: str, text: str) -> None:
        path = self.path / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def host(self, body: str = "pass", name: str = "host.py") -> None:
        """An adapter's file; ``body`` stands in its class."""
        self.write(name, TOY_HOST.format(body=body))

    def plugin(self, name: str = "plugins/counter.py", extra: str = "") -> None:
        self.write(name, PLUGIN + extra)

    def run(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_subprocess(*self._plugins, *arguments)

    def conformance(self, *arguments: str) -> pytest.RunResult:
        return self.run("--hot-reload-conformance", *arguments)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return Project(pytester, monkeypatch)


@pytest.fixture
def toy_contract(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The toy checks in this very process."""
    import sys

    real = sys.modules.get("hot_reload_conformance.plugins.case")
    monkeypatch.setattr(registry, "MODULES", ())
    monkeypatch.setattr(registry, "_checks", [])
    exec(compile(TOY_CONTRACT, "toy_contract", "exec"), {})
    yield
    del sys.modules["hot_reload_conformance.plugins.case"]
    if real is not None:
        sys.modules["hot_reload_conformance.plugins.case"] = real
