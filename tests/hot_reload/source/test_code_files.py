"""Compiled code on a disk: what was compiled before is not compiled again, and no other runs."""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from pathlib import Path
from types import CodeType

import pytest

from hot_reload import Engine, ImportPolicy
from hot_reload.errors import EngineMisuse
from hot_reload.source.code import CodeCache, compile_source
from hot_reload.source.code_files import CodeFiles
from hot_reload.source.code_files import _written_at as written_at
from hot_reload.source.lock import Lock
from hot_reload.source.snapshot import SourceFile
from hot_reload_fixtures import PluginDirectory

TEXT = b"def answer():\n    return 42\n"


def source(data: bytes = TEXT, path: str = "/plugins/counter.py") -> SourceFile:
    return SourceFile(Path(path), data, hashlib.sha256(data).hexdigest())


def answer(files: CodeFiles, file: SourceFile) -> tuple[object, int]:
    """What the code does that a new process would run, and how much it had to compile for it."""
    codes = CodeCache(files=files)
    found: dict[str, object] = {}
    code = codes.code(file)
    assert code.co_filename == str(file.path)
    exec(code, found)
    asked = found["answer"]
    assert callable(asked)
    return asked(), codes.compiled


def test_f21_bytes_that_an_earlier_process_compiled_compile_nothing(tmp_path: Path) -> None:
    files = CodeFiles(tmp_path / "made" / "here")
    assert answer(files, source()) == (42, 1)
    assert answer(CodeFiles(files.directory), source()) == (42, 0)
    assert answer(files, source(b"def answer():\n    return 43\n")) == (43, 1), "other bytes"
    assert answer(files, source(path="/plugins/other.py")) == (42, 1), "another path"
    assert answer(files, source()) == (42, 0)
    assert files.problem is None
    assert os.stat(files.directory).st_mode & 0o777 == 0o700


def test_f21_code_of_another_interpreter_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = CodeFiles(tmp_path / "code")
    answer(files, source())
    monkeypatch.setattr("hot_reload.source.code_files._INTERPRETER", (sys.version, "other"))
    assert answer(files, source()) == (42, 1)


@pytest.mark.parametrize("wrong", ["torn", "changed", "empty", "no code", "a bad marshal", "moved"])
def test_f21_a_damaged_file_is_compiled_anew_and_mended(wrong: str, tmp_path: Path) -> None:
    files = CodeFiles(tmp_path / "code")
    answer(files, source())
    path = files.path(source())
    good = path.read_bytes()

    def whole(body: bytes) -> bytes:
        head = good[: good.index(b"1 ") + 2]
        return head + hashlib.sha256(body).digest() + body

    if wrong == "moved":  # the code of another file under this one's name
        answer(files, source(b"def answer(): return 1", "/plugins/other.py"))
        other = files.path(source(b"def answer(): return 1", "/plugins/other.py"))
        path.write_bytes(other.read_bytes())
    else:
        texts = {
            "torn": good[:-7],
            "changed": good[:-1] + bytes([good[-1] ^ 1]),
            "empty": b"",
            "no code": whole(marshal.dumps({"a": 1})),
            "a bad marshal": whole(b"?"),
        }
        path.write_bytes(texts[wrong])
    assert answer(files, source()) == (42, 1)
    assert answer(files, source()) == (42, 0)


def test_f21_what_others_may_write_is_not_run(tmp_path: Path) -> None:
    files = CodeFiles(tmp_path / "code")
    answer(files, source())
    files.path(source()).chmod(0o622)
    assert answer(files, source()) == (42, 1)
    assert answer(files, source()) == (42, 0), "it was written anew"
    link, path = tmp_path / "elsewhere", files.path(source())
    path.rename(link)
    path.symlink_to(link)
    assert answer(files, source()) == (42, 1), "a link"
    files.directory.chmod(0o777)
    assert answer(files, source()) == (42, 1), "the folder was opened meanwhile"
    with pytest.raises(EngineMisuse, match=r"others may write to it.*chmod 700"):
        CodeFiles(files.directory)


def test_f21_what_cannot_be_kept_is_compiled_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = CodeFiles(tmp_path / "code")
    files.directory.rmdir()
    for _ in range(2):
        assert answer(files, source()) == (42, 1)
    assert files.problem is not None
    assert "No such file or directory" in files.problem
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    files.directory.mkdir(mode=0o700)
    answer(files, source())
    assert files.problem is None
    with pytest.raises(EngineMisuse, match="code cannot be kept in"):
        CodeFiles(files.path(source()))
    with pytest.raises(EngineMisuse, match="limit_files is 0"):
        CodeFiles(files.directory, limit_files=0)


def test_f21_the_files_that_were_written_first_make_room(tmp_path: Path) -> None:
    files = CodeFiles(tmp_path / "code", limit_files=2)
    every = [source(b"def answer(): return %d" % number) for number in range(3)]
    for number, each in enumerate(every):
        answer(files, each)
        if number < 2:
            os.utime(files.path(each), (number, number))
    assert [files.path(each).exists() for each in every] == [False, True, True]
    assert len(os.listdir(files.directory)) == 2


async def test_f21_an_engine_keeps_its_code_over_a_restart(
    tmp_path: Path, hot_reload_dir: PluginDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = hot_reload_dir.write_package(
        "chat",
        {
            "__init__": "from .words import WORD\n"
            "class Chat:\n    version = '1'\n    def handle(self, _): return WORD\n",
            "words": "WORD = 'hello'\n",
        },
    )
    compiled: list[str] = []

    def compile_and_tell(file: SourceFile) -> CodeType:
        compiled.append(file.path.name)
        return compile_source(file)

    monkeypatch.setattr("hot_reload.source.code.compile_source", compile_and_tell)
    for expected in (["__init__.py", "words.py"], []):
        compiled.clear()
        async with Engine(imports=ImportPolicy(code_files=CodeFiles(tmp_path / "code"))) as engine:
            (await engine.load(path)).unwrap()
            assert await engine.use("chat") == "hello"
        assert sorted(compiled) == expected


def test_f86_a_lock_goes_with_no_code_on_a_disk(tmp_path: Path) -> None:
    with pytest.raises(EngineMisuse, match="give one of lock and code_files"):
        ImportPolicy(lock=Lock(tmp_path / "plugins.lock"), code_files=CodeFiles(tmp_path / "code"))


def test_f21_a_file_that_another_process_took_away_counts_as_the_oldest(tmp_path: Path) -> None:
    (tmp_path / "gone.code").touch()
    with os.scandir(tmp_path) as entries:
        (entry,) = entries
        (tmp_path / "gone.code").unlink()
        assert written_at(entry) == 0.0
