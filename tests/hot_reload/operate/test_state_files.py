"""State files: whatever happens to them or while they are written, an old or a new state."""

from __future__ import annotations

import asyncio
import errno
import json
import marshal
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hot_reload import StateFiles
from hot_reload.errors import EngineMisuse, StateError
from hot_reload.ports import SavedState

ONE, TWO = SavedState({"n": 1}, "1.0"), SavedState({"n": (2,)}, "2.0")


@pytest.fixture
def states(tmp_path: Path) -> StateFiles:
    return StateFiles(tmp_path / "state")


async def test_f14_what_was_saved_last_is_loaded(states: StateFiles) -> None:
    assert await states.load("counter") is None
    await states.save("counter", ONE)
    assert await states.load("counter") == ONE
    await states.save("counter", TWO)
    assert await StateFiles(states.directory).load("counter") == TWO
    assert await states.load("other") is None


async def test_f14_it_is_json_of_its_owner_alone(states: StateFiles) -> None:
    await states.save("counter", ONE)
    path = states.path("counter")
    record = json.loads(path.read_bytes())
    checksum = record.pop("checksum")
    assert len(checksum) == 64
    assert record == {"format": 1, "plugin": "counter", "version": "1.0", "state": {"n": 1}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(states.directory.stat().st_mode) == 0o700


async def test_f14_the_one_before_is_kept(states: StateFiles) -> None:
    await states.save("counter", ONE)
    await states.save("counter", TWO)
    previous = states.path("counter").with_name("counter.state.json.previous")
    os.replace(previous, states.path("counter"))
    assert await states.load("counter") == ONE
    assert sorted(os.listdir(states.directory)) == ["counter.state.json"]


async def test_f14_misuse_is_told(states: StateFiles, tmp_path: Path) -> None:
    for name in ("../x", "a/b", "", "A"):
        with pytest.raises(EngineMisuse, match="no name of a plugin"):
            await states.load(name)
    with pytest.raises(EngineMisuse, match="positive"):
        StateFiles(tmp_path, limit_bytes=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineMisuse, match="cannot keep state"):
        StateFiles(tmp_path / "file" / "state")


async def test_s4_a_state_that_is_too_large_is_not_written(tmp_path: Path) -> None:
    states = StateFiles(tmp_path, limit_bytes=1_000)
    await states.save("counter", ONE)
    with pytest.raises(StateError, match=r"bytes of JSON, more than 1000"):
        await states.save("counter", SavedState("x" * 1_000, "1.0"))
    assert await states.load("counter") == ONE


async def test_s9_every_cut_and_every_flipped_bit_is_refused(states: StateFiles) -> None:
    await states.save("counter", ONE)
    path = states.path("counter")
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(len(whole))]
    damaged += [
        whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
        for at in range(len(whole))
        for bit in (at % 8, 5)
    ]
    damaged += [whole + b" ", whole * 2, b"\0" * len(whole)]
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(StateError, match="the saved state of 'counter' cannot be used"):
            states._read(path, "counter")
        assert path.read_bytes() == data  # for whoever wants to look at it
    path.write_bytes(whole)
    assert await states.load("counter") == ONE


async def test_s9_the_error_says_what_to_do(states: StateFiles) -> None:
    await states.save("counter", ONE)
    states.path("counter").write_bytes(b"")
    with pytest.raises(StateError, match=r"counter\.state\.json is empty") as raised:
        await states.load("counter")
    assert raised.value.hint == "move counter.state.json away to begin without it"
    assert raised.value.file == str(states.path("counter"))
    states.path("counter").unlink()
    await states.save("counter", ONE)
    await states.save("counter", TWO)
    data = states.path("counter").read_bytes()
    states.path("counter").write_bytes(data[:-1])
    with pytest.raises(StateError, match="torn or was changed") as raised:
        await states.load("counter")
    assert "rename counter.state.json.previous to it" in str(raised.value.hint)


async def test_s9_a_damaged_file_does_not_become_the_previous_one(states: StateFiles) -> None:
    await states.save("counter", ONE)
    await states.save("counter", TWO)
    states.path("counter").write_bytes(b"torn")
    await states.save("counter", SavedState(3, "3.0"))
    os.replace(states.path("counter").with_name("counter.state.json.previous"), states.path("old"))
    os.replace(states.path("old"), states.path("counter"))
    assert await states.load("counter") == ONE


async def test_s8_a_state_of_another_plugin_or_format_is_refused(states: StateFiles) -> None:
    await states.save("other", ONE)
    os.replace(states.path("other"), states.path("counter"))
    with pytest.raises(StateError, match="it is the state of 'other'"):
        await states.load("counter")


async def test_s10_pickle_and_marshal_files_are_never_loaded(
    states: StateFiles, tmp_path: Path
) -> None:
    flag = tmp_path / "executed"

    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(flag),)

    planted = [pickle.dumps(Bomb()), marshal.dumps({"n": 1}), pickle.dumps({"n": 1}, 0)]
    for data in planted:
        states.path("counter").write_bytes(data)
        with pytest.raises(StateError, match="torn or was changed"):
            await states.load("counter")
        for name in ("counter", "counter.pickle", "counter.pkl"):
            (states.directory / name).write_bytes(data)
    states.path("counter").unlink()
    assert await states.load("counter") is None
    assert not flag.exists()
    pickle.loads(planted[0])
    assert flag.exists()  # it would have gone off


@pytest.mark.parametrize("kind", ["fifo", "directory", "link"])
async def test_s10_only_a_regular_file_is_read(states: StateFiles, kind: str) -> None:
    await states.save("other", ONE)
    path = states.path("counter")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(states.path("other"))
    with pytest.raises(StateError, match=r"regular file|cannot read|symlink"):
        await states.load("counter")


CALLS = ["open", "write", "fsync", "link", "replace", "close"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("call", CALLS)
async def test_f15_a_fault_of_each_call_leaves_a_whole_state(
    call: str, number: int, states: StateFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC and its like at the nth open, write, fsync, link, rename, close of a save."""
    faults = 0
    for nth in range(10):
        await states.save("counter", ONE)
        left, real = nth, getattr(os, call)

        def failing(*arguments: Any, real: Any = real, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1:
                if call == "close":
                    real(*arguments)
                raise OSError(number, os.strerror(number))
            return real(*arguments, **named)

        monkeypatch.setattr(os, call, failing)
        try:
            await states.save("counter", TWO)
        except StateError as error:
            faults += 1
            assert os.strerror(number) in str(error)  # noqa: PT017
            assert "cannot save the state to" in str(error)  # noqa: PT017
            expected: tuple[SavedState, ...] = (
                ONE,
                TWO,
            )  # the renaming may have been made, and its sync have failed
        else:
            expected = (TWO,)
        monkeypatch.undo()
        assert await states.load("counter") in expected
        assert not [each for each in os.listdir(states.directory) if each.endswith(".new")]
        if left >= 0:
            break
    else:
        raise AssertionError("the save makes more calls than were tried")
    assert faults >= 1


async def test_f15_a_short_write_is_continued(
    states: StateFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
    await states.save("counter", TWO)
    assert await states.load("counter") == TWO


async def test_f15_a_link_in_the_way_is_not_written_through(
    states: StateFiles, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    states.path("counter").symlink_to(victim)
    states.path("counter").with_name("counter.state.json.new").symlink_to(victim)
    await states.save("counter", ONE)
    assert victim.read_text() == "mine"
    assert await states.load("counter") == ONE


async def test_k1_saves_at_once_leave_one_of_them(states: StateFiles) -> None:
    saved = [SavedState(["x" * 10_000, number], "1.0") for number in range(10)]
    await asyncio.gather(*[states.save("counter", each) for each in saved])
    assert await states.load("counter") in saved


KILLED = """
import asyncio, os, sys
from hot_reload import StateFiles
from hot_reload.ports import SavedState

states, line, seen = StateFiles(sys.argv[1]), int(sys.argv[2]), 0

def count(frame, event, arg):
    global seen
    if event == "line":
        seen += 1
        if seen == line:
            os.kill(os.getpid(), 9)
    return count

def begin(frame, event, arg):
    return count if frame.f_code.co_filename.endswith("state_files.py") else None

def save():
    sys.settrace(begin)
    states._replace(states.path("counter"), data)

from hot_reload.operate.state_files import _written
data = _written("counter", SavedState({"n": (2,)}, "2.0"))
pid_of = {}
total = 0
while True:
    line += 1
    pid = os.fork()
    if not pid:
        save()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    found = asyncio.run(states.load("counter"))
    assert found in (SavedState({"n": 1}, "1.0"), SavedState({"n": (2,)}, "2.0")), found
    if not os.WIFSIGNALED(status):
        break
    total += 1
    asyncio.run(states.save("counter", SavedState({"n": 1}, "1.0")))
print(total)
"""


def test_s9_killed_at_every_line_of_a_save(states: StateFiles) -> None:
    """SIGKILL in a child at each line: the old state or the new one, whole."""
    asyncio.run(states.save("counter", ONE))
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(states.directory), "0"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 25


async def test_f14_where_a_file_has_one_name_alone_the_one_before_is_copied(
    states: StateFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_name(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("os.link", one_name)
    await states.save("counter", ONE)
    await states.save("counter", TWO)
    assert await states.load("counter") == TWO
    previous = states.path("counter").with_name("counter.state.json.previous")
    assert stat.S_IMODE(previous.stat().st_mode) == 0o600
    os.replace(previous, states.path("counter"))
    assert await states.load("counter") == ONE
    assert sorted(os.listdir(states.directory)) == ["counter.state.json"]
