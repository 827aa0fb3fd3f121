"""T1 to T13 and the file rows F7 to F14 on the engine: the old serves, and the next save works."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hot_reload import Engine
from hot_reload.errors import SourceError
from hot_reload.outcome import RolledBack, Stage, Swapped
from hot_reload.source.snapshot import DiskFiles
from hot_reload_fixtures import OverlayFiles, PluginDirectory

from .conftest import GOOD, Serving

SYNTAX: dict[str, tuple[bytes, tuple[str, ...], int | None]] = {
    "t1_syntax": (b"x = 1\ndef f(:\n", ("SyntaxError", "def f(:"), 2),
    "t1_indentation": (b"if 1:\nx = 1\n", ("IndentationError", "x = 1"), 2),
    "t2_nul": (b"x = 1\0\n", ("null byte",), None),
    "t3_unknown_cookie": (b"# coding: no-such-codec\nx = 1\n", ("no-such-codec",), None),
    "t3_rot13": (b"# coding: rot13\nk = 1\n", ("SyntaxError",), None),
    "t4_utf16": ("x = 1\n".encode("utf-16"), ("SyntaxError",), None),
    "t4_invalid_utf8": (b"x = '\xff'\n", ("SyntaxError",), None),
    "t6_parentheses": (b"(" * 100_000, ("too many nested parentheses",), None),
    "t7_unary_minus": (b"x = " + b"-" * 100_000 + b"1", ("nested too deeply",), None),
    "t8_attributes": (b"a" + b".b" * 100_000, ("nested too deeply",), None),
    "t10_long_integer": (b"x = " + b"1" * 10_000, ("Exceeds the limit",), None),
}


@pytest.mark.parametrize("row", SYNTAX)
async def test_what_does_not_compile_leaves_the_old_serving(row: str, serving: Serving) -> None:
    data, fragments, line = SYNTAX[row]
    await serving.survives(data, Stage.SYNTAX, *fragments, line=line)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GOOD.format("7.0").encode(),
        GOOD.format("7.0").replace("\n", "\r\n").encode(),
        GOOD.format("7.0").rstrip("\n").encode(),
        b"\f\n" + GOOD.format("7.0").encode(),
        "# coding: latin-1\nx = 'é'\n".encode("latin-1") + GOOD.format("7.0").encode(),
    ],
    ids=["bom", "crlf", "no_final_newline", "form_feed", "latin_1"],
)
async def test_t4_t5_what_python_accepts_is_served(data: bytes, serving: Serving) -> None:
    serving.path.write_bytes(data)
    assert isinstance(await serving.engine.reload("counter"), Swapped)
    assert await serving.engine.call("?", plugin="counter") == ["7.0"]


async def test_t9_a_source_of_50_megabytes(serving: Serving) -> None:
    await serving.survives(b"x = 1\n" * 9_000_000, Stage.READ, "54000000 bytes, more than")


CLASS = "class {0}:\n    version = '1'\n    def handle(self, request): ...\n"


@pytest.mark.parametrize(
    ("source", "fragment"),
    [
        ("x = 1\n", "no plugin in the module"),
        (CLASS.format("A") + CLASS.format("B"), "two plugins in one module: A and B"),
        ("class A(dict):\n    pass\n", "no plugin in the module"),
    ],
    ids=["none", "two", "wrong_base"],
)
async def test_t12_no_plugin_or_two(source: str, fragment: str, serving: Serving) -> None:
    await serving.survives(source.encode(), Stage.PLUGIN, fragment)


async def test_t13_the_engines_future_imports_do_not_reach_the_plugin(serving: Serving) -> None:
    source = GOOD.format("7.0") + "def f(x: 1 / 0): ...\n"
    await serving.survives(source.encode(), Stage.IMPORT, "ZeroDivisionError", line=4)


async def test_f7_a_dangling_symlink(serving: Serving) -> None:
    await serving.survives(lambda path: path.symlink_to("gone.py"), Stage.READ, "points to nothing")


async def test_f8_a_symlink_loop(serving: Serving) -> None:
    await serving.survives(lambda path: path.symlink_to(path.name), Stage.READ, "symlink loop")


@pytest.mark.parametrize("target", ["../out.py", "up/../../out.py", "{outside}", "/dev/zero"])
async def test_f9_f11_a_symlink_that_escapes(
    target: str, serving: Serving, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "out.py"
    for each in (outside, serving.path.parent.parent / "out.py"):
        each.write_text(GOOD.format("9.0"))
    (serving.path.parent / "up").mkdir()
    await serving.survives(
        lambda path: path.symlink_to(target.format(outside=outside)),
        Stage.READ,
        "outside the plugin's directory",
    )


async def test_f10_a_fifo_does_not_hang(serving: Serving) -> None:
    await serving.survives(os.mkfifo, Stage.READ, "not a regular file (prw")


async def test_f11_a_directory(serving: Serving) -> None:
    await serving.survives(Path.mkdir, Stage.READ, "not a regular file (d")


async def test_f11_a_socket(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(serving.path.parent)  # a socket's name may have 108 bytes only

    def bind(path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)

    await serving.survives(bind, Stage.READ, "not a regular file (s")


async def test_f12_a_sparse_file_of_10_gb(serving: Serving) -> None:
    def sparse(path: Path) -> None:
        path.touch()
        os.truncate(path, 10 << 30)

    await serving.survives(sparse, Stage.READ, "10737418240 bytes, more than")


async def test_f14_a_read_error(hot_reload_dir: PluginDirectory) -> None:
    path = hot_reload_dir.write("counter", GOOD.format("1.0"))
    files = OverlayFiles(DiskFiles())
    async with Engine(files=files) as engine:
        await engine.load(path)
        old = engine.plugin("counter")
        files.fail(path, SourceError(f"cannot read {path}: Input/output error", file=str(path)))
        outcome = await engine.reload("counter")
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.READ
        assert "Input/output error" in outcome.describe()
        assert "still running: 1.0" in outcome.describe()
        assert engine.plugin("counter") is old
        files.clear()
        hot_reload_dir.write("counter", GOOD.format("2.0"))
        assert isinstance(await engine.reload("counter"), Swapped)
