"""Diagnose: each reason why a reload fails now, with its place and the next step."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from hot_reload import Engine, Health, Watcher, diagnose
from hot_reload.errors import EngineMisuse
from hot_reload.operate.diagnose import Diagnosis
from hot_reload.operate.finding import Finding, FindingKind
from hot_reload.source.snapshot import FILE_LIMIT_BYTES, DiskFiles
from hot_reload_fixtures import OverlayFiles

from .conftest import Stage


def kinds(found: Diagnosis) -> list[FindingKind]:
    return [each.kind for each in found.findings]


def the(found: Diagnosis, kind: FindingKind) -> Finding:
    (finding,) = [each for each in found.findings if each.kind is kind]
    assert finding.hint
    assert finding.text in found.describe() or "\\" in found.describe()
    return finding


async def test_f64_nothing_is_wrong_with_an_edit_that_is_good(stage: Stage, engine: Engine) -> None:
    await engine.load(stage.plugin())
    stage.plugin(version="2.0")
    found = diagnose(engine, "counter")
    assert found.ok
    assert found.findings == ()
    assert found.running == engine.status("counter").running
    assert found.on_disk != found.running.sha256  # type: ignore[union-attr]
    assert "nothing found that blocks" in found.describe()
    assert "1.0 sha256:" in found.describe()


async def test_f64_an_edit_that_was_not_saved(stage: Stage, engine: Engine) -> None:
    await engine.load(stage.plugin())
    found = diagnose(engine, "counter")
    assert found.ok
    assert "force=True" in the(found, FindingKind.UNCHANGED).hint


def missing(path: Path) -> None:
    path.unlink()


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("gone.py"))


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def large(path: Path) -> None:
    os.truncate(path, FILE_LIMIT_BYTES + 1)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def blank(path: Path) -> None:
    path.write_bytes(b"  \n")


def outside(path: Path) -> None:
    target = path.parent.parent / "elsewhere.py"
    path.rename(target)
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("break_it", "kind", "says"),
    [
        (missing, FindingKind.MISSING, "file missing"),
        (dangling, FindingKind.MISSING, "points to nothing"),
        (fifo, FindingKind.NOT_REGULAR, "not a regular file"),
        (directory, FindingKind.NOT_REGULAR, "not a regular file"),
        (large, FindingKind.TOO_LARGE, "more than"),
        (empty, FindingKind.EMPTY, "is empty"),
        (blank, FindingKind.UNREADABLE, "is empty"),
        (outside, FindingKind.UNREADABLE, "outside the plugin's directory"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_f64_a_file_that_cannot_be_read(
    stage: Stage, engine: Engine, break_it: object, kind: FindingKind, says: str
) -> None:
    path = stage.plugin()
    await engine.load(path)
    assert callable(break_it)
    break_it(path)
    found = diagnose(engine, "counter")
    assert not found.ok
    finding = the(found, kind)
    assert says in finding.text
    assert finding.file == str(path)
    assert found.on_disk is None
    assert "still running: 1.0" in found.describe()
    # It says what a reload says.
    outcome = await engine.reload("counter")
    assert finding.text in outcome.describe()


async def test_f64_permissions_that_bar_reading(stage: Stage, engine: Engine) -> None:
    path = stage.plugin()
    await engine.load(path)
    files = OverlayFiles(DiskFiles())
    files.fail(path, PermissionError(13, "Permission denied"))
    found = diagnose(engine, "counter", files=files)
    assert not found.ok
    assert "Permission denied" in found.findings[0].text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything: run as another user")
async def test_f64_permissions_of_the_real_file(stage: Stage, engine: Engine) -> None:
    path = stage.plugin()
    await engine.load(path)
    path.chmod(0)
    assert "chmod" in the(diagnose(engine, "counter"), FindingKind.PERMISSION).hint


async def test_f64_syntax_in_every_file_with_its_line(stage: Stage, engine: Engine) -> None:
    path = stage.plugins.write_package(
        "chat", {"__init__": "from . import a, b\nclass C:\n    version = '1'\n", "a": "", "b": ""}
    )
    stage.plugins.write("chat/a", "x = 1\n")
    stage.plugins.write("chat/b", "x = 1\n")
    assert (await engine.load(path)).success
    stage.plugins.write("chat/a", "x = 1\ny = (\n")
    stage.plugins.write("chat/b", "if x\n")
    found = diagnose(engine, "chat")
    syntax = [each for each in found.findings if each.kind is FindingKind.SYNTAX]
    assert [(Path(str(each.file)).name, each.line) for each in syntax] == [("a.py", 2), ("b.py", 1)]
    assert all(each.blocks for each in syntax)


async def test_f64_a_file_that_nothing_imports_blocks_nothing(stage: Stage, engine: Engine) -> None:
    sources = {"__init__": "class C:\n    version = '1'\n", "a": "class {{ name }}:\n", "b": ""}
    path = stage.plugins.write_package("chat", sources)
    stage.plugins.write("chat/b", "import tool_of_nobody\n")
    assert (await engine.load(path)).success
    found = diagnose(engine, "chat")
    assert not [str(each) for each in found.findings if each.blocks]
    assert "another suffix than .py" in the(found, FindingKind.SYNTAX).hint
    assert FindingKind.MISSING_IMPORT not in {each.kind for each in found.findings}


IMPORTS = """
import json, os.path, yaml_of_nobody.loader
from typing import TYPE_CHECKING
import PIL_of_nobody as pil
try:
    import optional_of_nobody
except ImportError:
    optional_of_nobody = None
if TYPE_CHECKING:
    import typed_of_nobody
class C:
    version = "2"
    import inner_of_nobody
    def handle(self, request):
        import late_of_nobody
"""


async def test_f64_missing_imports_with_the_command_that_installs_them(
    stage: Stage, engine: Engine
) -> None:
    await engine.load(stage.plugin())
    stage.plugins.write("counter", IMPORTS)
    found = diagnose(engine, "counter")
    assert [(each.line, each.hint) for each in found.findings] == [
        (1, "Run: python -m pip install yaml_of_nobody"),
        (3, "Run: python -m pip install PIL_of_nobody"),
        (12, "Run: python -m pip install inner_of_nobody"),
    ]
    assert found.next_steps[0] == "Run: python -m pip install yaml_of_nobody"


async def test_f64_a_module_of_its_own_that_is_not_there(stage: Stage, engine: Engine) -> None:
    source = "from . import words\nfrom .words import word\nimport chat.more\n"
    source += "class C:\n    version = '1'\n"
    path = stage.plugins.write_package(
        "chat", {"__init__": source, "words": "word = 1\n", "more": "from .deep import x\n"}
    )
    stage.plugins.write("chat/deep", "x = 1\n")
    assert (await engine.load(path)).success
    stage.plugins.write("chat/words", "word = 2\n")
    assert diagnose(engine, "chat").ok
    stage.plugins.delete("chat/deep")
    finding = the(diagnose(engine, "chat"), FindingKind.MISSING_IMPORT)
    assert (Path(str(finding.file)).name, finding.line) == ("more.py", 1)
    assert finding.hint.startswith("Add deep.py")


async def test_f64_relative_imports_of_a_package_inside_it(stage: Stage, engine: Engine) -> None:
    source = "from .sub import x\nclass C:\n    version = '1'\n"
    path = stage.plugins.write_package(
        "chat",
        {
            "__init__": source,
            "sub/__init__": "from .deep import x\nfrom ..words import word\n",
            "sub/deep": "x = 1\n",
            "words": "word = 1\n",
        },
    )
    assert (await engine.load(path)).success
    assert diagnose(engine, "chat").ok
    stage.plugins.delete("chat/sub/deep")
    finding = the(diagnose(engine, "chat"), FindingKind.MISSING_IMPORT)
    assert finding.hint.startswith("Add sub/deep.py")


async def test_f64_distributions_that_are_called_otherwise(stage: Stage, engine: Engine) -> None:
    from hot_reload.operate.imports import distribution_of

    assert distribution_of("yaml.loader") == "PyYAML"
    assert distribution_of("httpx") == "httpx"


async def test_f64_a_dependency_that_is_not_loaded_or_does_not_fit(
    stage: Stage, engine: Engine
) -> None:
    await engine.load(stage.plugin("base"))
    await engine.load(stage.plugin())
    stage.plugin(version="2.0", extra="    dependencies = ['base>=2', 'nobody']\n")
    found = diagnose(engine, "counter")
    assert kinds(found) == [FindingKind.DEPENDENCY_VERSION, FindingKind.MISSING_DEPENDENCY]
    assert "it is 1.0" in found.findings[0].text
    assert "Load 'nobody' first" in found.findings[1].hint
    stage.plugin(version="2.0", extra="    dependencies = ['base>=1']\n")
    assert diagnose(engine, "counter").ok


async def test_f64_the_last_failure_and_the_last_refusal(stage: Stage, engine: Engine) -> None:
    await engine.load(stage.plugin("sink", roles=("sink",)))
    stage.raises["sink", "2.0"] = OSError("port 80 is taken")
    stage.plugin("sink", "2.0", roles=("sink",))
    await engine.reload("sink")
    found = diagnose(engine, "sink")
    assert found.ok  # what it needs at run time may be there by now
    finding = the(found, FindingKind.LAST_FAILURE)
    assert "port 80 is taken" in finding.text
    assert str(finding.file).endswith("operate_probe.py") or str(finding.file).endswith("sink.py")
    assert finding.line is not None
    await engine.unload("sink")
    assert "load another sink first" in the(diagnose(engine, "sink"), FindingKind.LAST_REFUSAL).text


async def test_f64_what_blocks_stands_first(stage: Stage, engine: Engine) -> None:
    await engine.load(stage.plugin("sink", roles=("sink",)))
    stage.broken("sink")
    await engine.reload("sink")
    found = diagnose(engine, "sink")
    assert kinds(found) == [FindingKind.SYNTAX, FindingKind.LAST_FAILURE]
    stage.plugins.delete("sink")
    watcher = Watcher(engine, [stage.plugins.root])
    found = diagnose(engine, "sink", watchers=[watcher])
    assert kinds(found) == [FindingKind.MISSING, FindingKind.LAST_FAILURE, FindingKind.WATCH]
    stage.plugin("sink", "3.0", extra="    dependencies = ['nobody']\n")
    health = Health(engine)
    found = diagnose(engine, "sink", health=health, watchers=[watcher])
    assert [each.blocks for each in found.findings] == [True, False, False]
    assert found.next_steps == tuple(each.hint for each in found.findings)


async def test_f64_a_reload_that_runs(stage: Stage, engine: Engine) -> None:
    health = Health(engine)
    await engine.load(stage.plugin())
    gate = stage.gate("counter", "2.0")
    stage.plugin(version="2.0")
    reload = asyncio.create_task(engine.reload("counter"))
    await gate.reached()
    finding = the(diagnose(engine, "counter", health=health), FindingKind.IN_PROGRESS)
    assert "reload of it runs now, at start" in finding.text
    gate.open()
    await reload


async def test_f64_a_watch_that_does_not_see_it(stage: Stage, engine: Engine) -> None:
    await engine.load(stage.plugin())
    stage.plugin(version="2.0")
    watcher = Watcher(engine, [stage.plugins.root], enabled=False)
    found = diagnose(engine, "counter", watchers=[watcher])
    assert found.ok
    assert [each.text for each in found.findings] == [
        "the watch: not started",
        "the watch is disabled",
    ]
    assert [each.hint for each in found.findings] == [
        "Start the watcher",
        "Enable it: watcher.enable()",
    ]
    before = sorted(stage.plugins.root.iterdir())
    diagnose(engine, "counter", watchers=[watcher])
    assert sorted(stage.plugins.root.iterdir()) == before  # it writes nothing to find out


async def test_f64_unknown_names_and_closed_engines(stage: Stage) -> None:
    async with Engine() as engine:
        await engine.load(stage.plugin())
        found = diagnose(engine, "conter")
        assert "did you mean 'counter'" in the(found, FindingKind.UNKNOWN_PLUGIN).text
        assert found.describe().startswith("conter: a reload would fail now")
    assert not diagnose(engine, "counter").ok


async def test_f64_it_is_plain_data_and_safe_to_print(stage: Stage, engine: Engine) -> None:
    await engine.load(stage.plugin())
    stage.plugins.path("counter").write_bytes(b"import nobody\nx = '\x1b[2J\n")
    found = diagnose(engine, "counter")
    told = found.as_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["ok"] is False
    assert all(line.isprintable() for line in found.describe().splitlines())


@pytest.mark.parametrize("name", [None, 5, ["counter"]])
async def test_f64_what_is_no_name_is_the_callers_mistake(engine: Engine, name: Any) -> None:
    with pytest.raises(EngineMisuse, match="give the plugin's name, a string"):
        diagnose(engine, name)
    mistaken: Any = name
    with pytest.raises(EngineMisuse, match=r"engine is a .*; give the open Engine"):
        diagnose(mistaken, "counter")


def test_f64_a_finding_names_its_place_once_and_ends_as_its_text_does() -> None:
    def told(text: str) -> str:
        return Finding(
            kind=FindingKind.LAST_FAILURE,
            blocks=False,
            text=text,
            hint="Mend it",
            file="/a.py",
            line=3,
        ).describe()

    assert told("it failed").endswith(": it failed at /a.py:3. Mend it")
    assert told("it failed at /a.py:3").endswith(": it failed at /a.py:3. Mend it")
    assert told("did you mean a, at /a.py:3?").endswith("at /a.py:3? Mend it")
