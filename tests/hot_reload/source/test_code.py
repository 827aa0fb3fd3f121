"""Compiling bytes: what compiles, what does not, and what is kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hot_reload import Engine
from hot_reload.errors import SourceSyntaxError
from hot_reload.source.code import CODES, CodeCache, compile_source
from hot_reload.source.snapshot import SourceFile


def source(data: bytes, path: str = "/plugins/counter.py") -> SourceFile:
    return SourceFile(Path(path), data, hashlib.sha256(data).hexdigest())


def run(data: bytes) -> dict[str, object]:
    found: dict[str, object] = {}
    exec(compile_source(source(data)), found)
    return found


BAD = {
    "T1_syntax": (b"x = 1\ndef f(:\n", "SyntaxError", 2),
    "T1_indentation": (b"if 1:\nx = 1\n", "IndentationError", 2),
    "T2_nul": (b"x = 1\0\n", "null byte", None),
    "T3_unknown_cookie": (b"# coding: no-such-codec\nx = 1\n", "no-such-codec", None),
    "T3_rot13_cookie": (b"# coding: rot13\nk = 1\n", "SyntaxError", None),
    "T4_utf16": ("x = 1\n".encode("utf-16"), "SyntaxError", None),
    "T4_invalid_utf8": (b"x = '\xff\xfe'\n", "SyntaxError", None),
    "T6_parentheses": (b"(" * 100_000, "too many nested parentheses", None),
    "T7_unary_minus": (b"x = " + b"-" * 100_000 + b"1", "nested too deeply", None),
    "T8_attributes": (b"a" + b".b" * 100_000, "nested too deeply", None),
    "T10_long_int": (b"x = " + b"1" * 10_000, "Exceeds the limit", None),
}


@pytest.mark.parametrize("name", BAD)
def test_T_what_does_not_compile_is_a_syntax_fault(name: str) -> None:
    data, text, line = BAD[name]
    with pytest.raises(SourceSyntaxError) as caught:
        compile_source(source(data))
    assert text in str(caught.value)
    assert caught.value.file == "/plugins/counter.py"
    if line is not None:
        assert caught.value.line == line
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_T1_the_message_shows_the_line() -> None:
    with pytest.raises(SourceSyntaxError, match=r"def f\(:"):
        compile_source(source(b"x = 1\n\ndef f(:\n"))


@pytest.mark.parametrize(
    "data",
    [
        b"x = 1\r\ny = 2\r\n",
        b"x = 1\ny = 2",
        b"x = 1\n\x0cy = 2\n",
        b"\xef\xbb\xbfx = 1\ny = 2\n",
        b"# coding: latin-1\nx = 1 # \xe9\ny = 2\n",
    ],
    ids=["crlf", "no final newline", "form feed", "bom", "latin-1"],
)
def test_T5_what_python_accepts_is_accepted(data: bytes) -> None:
    found = run(data)
    assert (found["x"], found["y"]) == (1, 2)


def test_T13_the_engines_future_imports_do_not_leak() -> None:
    annotations = run(b"def f(x: int) -> None: pass\nkinds = f.__annotations__\n")["kinds"]
    assert annotations == {"x": int, "return": None}


def test_f21_bytes_seen_before_compile_nothing() -> None:
    codes = CodeCache()
    first = codes.code(source(b"x = 1"))
    codes.code(source(b"x = 2"))
    assert codes.code(source(b"x = 1")) is first
    assert codes.compiled == 2


def test_tracebacks_see_the_real_path() -> None:
    codes = CodeCache()
    assert codes.code(source(b"x = 1", "/a.py")).co_filename == "/a.py"
    assert codes.code(source(b"x = 1", "/b.py")).co_filename == "/b.py"


def test_the_cache_forgets_the_longest_unused() -> None:
    codes = CodeCache(limit=2)
    kept = codes.code(source(b"x = 1"))
    codes.code(source(b"x = 2"))
    assert codes.code(source(b"x = 1")) is kept
    codes.code(source(b"x = 3"))
    assert codes.code(source(b"x = 1")) is kept
    assert codes.compiled == 3
    codes.code(source(b"x = 2"))
    assert codes.compiled == 4


async def test_engines_of_one_process_compile_a_file_once(tmp_path: Path) -> None:
    plugin = tmp_path / "counter.py"
    plugin.write_text('class Plugin:\n    version = "1.0"\n    def write(self, event): pass\n')
    before = CODES.compiled
    for _ in range(3):
        async with Engine() as engine:
            assert (await engine.load(plugin)).success
    assert CODES.compiled == before + 1


def test_a_path_that_the_compiler_refuses_is_a_syntax_fault() -> None:
    with pytest.raises(SourceSyntaxError, match="ValueError: embedded null"):
        compile_source(source(b"x = 1", "/a\0.py"))
