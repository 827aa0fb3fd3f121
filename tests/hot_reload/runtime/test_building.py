"""Making a generation: what it is told before anything of it has run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hot_reload import Engine, ImportPolicy
from hot_reload.errors import HookFailed
from hot_reload.outcome import Loaded, RolledBack, Stage, Swapped
from hot_reload.policy.retry import may_pass
from hot_reload.source.preflight import Preflight

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench

USER = """
import shared_of_f40
class User:
    version = {version!r}
    dependencies = [str("shared")]  # no literal: the text leaves it open
    def handle(self, request): return shared_of_f40.WHERE
"""
SHARED = "WHERE = 'plugin'\nclass Shared:\n    name, version = 'shared', '1.0'\n"


async def test_f40_what_the_text_leaves_open_the_running_ones_metadata_say(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A declared plugin comes before a distribution of its name, any other one after it."""
    (tmp_path / "shared_of_f40.py").write_text("WHERE = 'distribution'\n")
    monkeypatch.syspath_prepend(tmp_path)
    async with Engine() as engine:
        await engine.load(bench.plugins.write("shared_of_f40", SHARED))
        first = await engine.load(bench.plugins.write("user", USER.format(version="1.0")))
        assert isinstance(first, Loaded)
        assert await engine.use("user", None) == "distribution"
        bench.plugins.write("user", USER.format(version="2.0"))
        assert isinstance(await engine.reload("user"), Swapped)
        assert await engine.use("user", None) == "plugin"


@pytest.mark.parametrize(
    ("method", "complaint"),
    [
        ("def handle(self): return 1", "Asker.handle does not fit: too many positional arguments"),
        ("def handle(self, a, b): return 1", "Asker.handle does not fit: missing a required"),
        ("async def handle(self, *, a): return 1", "Asker.handle does not fit: too many"),
        ("handle = 1", "Asker.handle does not fit: 1 is not a callable object"),
    ],
)
async def test_h12_a_handle_that_cannot_take_a_request_is_refused_at_load(
    bench: Bench, method: str, complaint: str
) -> None:
    """At load, where its author looks, and not at its first use."""
    source = f"class Asker:\n    version = '1.0'\n    roles = ['service']\n    {method}\n"
    async with Engine() as engine:
        outcome = await engine.load(bench.plugins.write("asker", source))
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.METADATA
        assert outcome.failure.cause.startswith(complaint)
        assert outcome.failure.file is not None
        assert "def handle(self, request)" in str(outcome.failure.hint)


@pytest.mark.parametrize(
    "method",
    [
        "def handle(self, request, more=None): yield request",
        "async def handle(self, *requests): yield requests[0]",
        "handle = staticmethod(repr)",
        "handle = property(lambda self: lambda request: request)",
        "handle = int",  # built-ins may say no signature
        "def talk(self): return 1",  # it answers nobody
    ],
)
async def test_h12_a_handle_that_takes_a_request_loads(bench: Bench, method: str) -> None:
    source = f"class Asker:\n    version = '1.0'\n    {method}\n"
    async with Engine() as engine:
        assert isinstance(await engine.load(bench.plugins.write("asker", source)), Loaded)


async def test_h12_a_method_named_handle_of_a_plugin_that_is_no_service_is_its_own(
    bench: Bench,
) -> None:
    source = "class Box:\n    version = '1.0'\n    roles = ['sink']\n"
    source += "    def write(self, event): pass\n    def handle(self): pass\n"
    async with Engine() as engine:
        assert isinstance(await engine.load(bench.plugins.write("box", source)), Loaded)


TEMPLATES = {
    "": "from . import words\nclass Counter:\n    version = '1.0'\n"
    "    def handle(self, request):\n        return words.WORD\n",
    "words": "WORD = 1\n",
    "templates.plugin": "class {{ name }}:\n    version = '{{ version }}'\n",
}


def package(bench: Bench, sources: dict[str, str]) -> Path:
    files = {f"{name.replace('.', '/') or '__init__'}.py": each for name, each in sources.items()}
    return bench.plugins.write_package("counter", files)


async def test_f13_a_template_that_is_no_python_is_told_and_stops_nothing(bench: Bench) -> None:
    async with Engine(imports=ImportPolicy(validate=True)) as engine:
        first = await engine.load(package(bench, TEMPLATES))
        assert isinstance(first, Loaded)
        assert await engine.use("counter") == 1
        (warning,) = first.warnings
        assert warning.stage is Stage.SYNTAX
        assert warning.cause.startswith("SyntaxError: ")
        assert (Path(str(warning.file)).name, warning.line) == ("plugin.py", 1)
        assert "nothing in the plugin imports it" in str(warning.hint)
        package(bench, {**TEMPLATES, "words": "WORD = 2\n"})
        second = await engine.reload("counter")
        assert isinstance(second, Swapped)
        assert second.warnings[0].cause == warning.cause


@pytest.mark.parametrize("validate", [False, True])
@pytest.mark.parametrize(
    "importing",
    [
        "import counter.broken",
        "def late():\n    from . import broken",
        "from .broken import name",
        "from . import *",
        "import importlib\nimportlib.import_module('.bro' + 'ken', __package__)",
    ],
)
async def test_f13_a_module_that_is_imported_has_to_compile_before_anything_runs(
    bench: Bench, importing: str, validate: bool
) -> None:
    async with Engine(imports=ImportPolicy(validate=validate)) as engine:
        sources = {**TEMPLATES, "words": f"open('/', 'w')\n{importing}\n", "broken": "x = (\n"}
        outcome = await engine.load(package(bench, sources))
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.SYNTAX
        assert Path(str(outcome.failure.file)).name == "broken.py"


async def test_f13_what_is_imported_unforeseen_fails_by_its_own_file_and_line(
    bench: Bench,
) -> None:
    """No text leads there, so it is met as it is imported: before it could serve, all the same."""
    importing = "getattr(__import__('importlib'), 'import_' + 'module')('.data.odd', __package__)"
    sources = {**TEMPLATES, "words": f"{importing}\n", "data.odd": "y = 1\nx = (\n"}
    async with Engine() as engine:
        outcome = await engine.load(package(bench, sources))
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.SYNTAX
        assert (Path(str(outcome.failure.file)).name, outcome.failure.line) == ("odd.py", 2)
        assert not may_pass(outcome.failure)


LATE = """
class User:
    version = "1.0"
    def handle(self, request):
        {}
"""


@pytest.mark.parametrize("importing", ["import late_of_f40", "from late_of_f40.x import y"])
async def test_f40_a_late_import_of_a_plugin_that_is_not_declared_says_so(
    bench: Bench, importing: str
) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugins.write("late_of_f40", SHARED))
        await engine.load(bench.plugins.write("user", LATE.format(importing)))
        with pytest.raises(HookFailed) as failed:
            await engine.use("user", None)
        assert "No module named 'late_of_f40'" in str(failed.value)
        assert "declare it in the dependencies of the one that imports it" in str(failed.value)
        await engine.unload("shared")
        with pytest.raises(HookFailed) as failed:
            await engine.use("user", None)
        assert str(failed.value).endswith("No module named 'late_of_f40'")


async def test_f40_what_somebody_else_misses_is_no_affair_of_the_importing_plugin(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "library_of_f40.py").write_text("import late_of_f40\n")
    monkeypatch.syspath_prepend(tmp_path)
    async with Engine() as engine:
        await engine.load(bench.plugins.write("late_of_f40", SHARED))
        await engine.load(bench.plugins.write("user", LATE.format("import library_of_f40")))
        with pytest.raises(HookFailed) as failed:
            await engine.use("user", None)
        assert str(failed.value).endswith("No module named 'late_of_f40'")


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="a preflight needs Linux")


@pytest.mark.parametrize("preflighted", [False, pytest.param(True, marks=LINUX)])
async def test_i1_a_module_that_a_package_lacks_is_named_as_written_and_not_to_be_installed(
    tmp_path: Path, preflighted: bool
) -> None:
    package = tmp_path / "chat"
    package.mkdir()
    (package / "__init__.py").write_text("from . import other\nfrom .words import Chat\n")
    (package / "other.py").write_text("")
    policy = ImportPolicy(preflight=Preflight() if preflighted else None)
    async with Engine(imports=policy) as engine:
        outcome = await engine.load(package)
    assert isinstance(outcome, RolledBack)
    assert outcome.failure.cause.endswith("ModuleNotFoundError: No module named 'chat.words'")
    assert outcome.failure.line == 2
    assert outcome.failure.hint == (
        "no plugin has the module 'chat.words': add its file (in no folder that is a link, which "
        "is not followed), or mend the import"
    )


@pytest.mark.parametrize("given", ["app", "context", "host"])
async def test_r8_what_is_the_hosts_own_and_refused_as_a_plugin_is_no_leftover(
    bench: Bench, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "host", [1], raising=False)
    source = "from bench_probe import bench\ndef register(app, context):\n    host = bench.host\n"
    path = bench.plugins.write("counter", f"{source}    return {given}\n")
    async with Engine() as engine:
        assert isinstance(await engine.load(path), RolledBack)
        assert engine.lingering() == ()


ITS_OWN_STRINGS = """
class Text(str):
    def __str__(self): raise ValueError("no plugin code runs in a log line")
    __repr__ = __format__ = __str__

class Counter:
    name, version, description = Text("counter"), Text("1.0"), Text("counts")
    dependencies, inputs, roles = [], [Text("words.txt")], [Text("service")]
    def handle(self, request): return 1
"""


async def test_c18_r8_metadata_in_strings_of_the_plugins_own_class_are_plain_ones(
    bench: Bench,
) -> None:
    path = bench.plugins.write("counter", ITS_OWN_STRINGS)
    async with Engine() as engine:
        first = await engine.load(path)
        assert first.describe().startswith("loaded 'counter' 1.0 sha256:")
        assert (await engine.reload("counter", force=True)).success
        status = engine.status("counter")
        assert {type(each) for each in (status.name, *status.inputs)} == {str}
        assert engine.history[0] is first
        assert engine.lingering() == ()
