"""F85: the process that forks one child per import, at its edges: it ends, gives up, reads on."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(sys.platform != "linux", reason="a zygote needs Linux"),
]
if sys.platform == "linux":
    from hot_reload.source import zygote
    from hot_reload.source.zygote import LENGTH, READY, Forked

F_SETPIPE_SZ = 1031
PATIENCE_SECONDS = 60.0
HEADER = {"output_bytes": 140_000}


class Running:
    """A zygote that was started by hand, and the host's end of its control socket."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair()
        with theirs:
            program = f"from hot_reload.source.zygote import serve; serve({theirs.fileno()})"
            self.process = subprocess.Popen(
                [sys.executable, "-c", program], pass_fds=[theirs.fileno()]
            )
        assert self.control.recv(1) == READY

    def request(self) -> socket.socket:
        """The host's end of a new request, of which nothing is said yet."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self.control, [b"x"], [theirs.fileno()])
        return ours


@pytest.fixture
def running() -> Iterator[Running]:
    running = Running()
    yield running
    running.control.close()
    running.process.kill()
    running.process.wait()


def test_f85_it_ends_when_its_host_is_gone(running: Running) -> None:
    with running.request() as request:
        request.shutdown(socket.SHUT_WR)
        assert request.recv(1) == b"", "its watcher has ended"
    running.control.close()
    assert running.process.wait() == 0


@pytest.mark.parametrize("said", [b"", b"\0\0", LENGTH.pack(100) + b"{"], ids=repr)
def test_f85_a_request_that_breaks_off_ends_its_watcher(running: Running, said: bytes) -> None:
    with running.request() as request:
        request.sendall(said)
        request.shutdown(socket.SHUT_WR)
        assert request.recv(1) == b""
    assert running.process.poll() is None


@pytest.mark.parametrize("parent", ["os.getppid()", "-1"])
def test_f85_a_child_whose_parent_died_before_it_could_say_so_ends(parent: str) -> None:
    program = (
        "import os\nfrom hot_reload.source.zygote import _die_with_parent\n"
        f"_die_with_parent({parent})\nprint('lives')\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    expected = (70, b"") if parent == "-1" else (0, b"lives\n")
    assert (ended.returncode, ended.stdout) == expected


class Followed:
    """A process in an importer's place, of which this one is the watcher."""

    def __init__(self, program: str) -> None:
        self.reader, writer = os.pipe()
        self.host, self.answer = socket.socketpair()
        with open(writer, "wb") as dump:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program, str(dump.fileno())],
                pass_fds=[dump.fileno()],
                stdout=subprocess.PIPE,
            )

    def __enter__(self) -> Followed:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self.host, self.answer):
            each.close()
        os.close(self.reader)
        self.process.kill()
        self.process.communicate()

    def begun(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.read(1) == b"x"

    def follow(self, deadline_seconds: float, name: str = "dump") -> dict[str, Any] | None:
        deadline = time.monotonic() + deadline_seconds
        return zygote._follow(self.process.pid, self.answer, {self.reader: name}, HEADER, deadline)


DUMPING = (
    "import faulthandler, signal, sys\n"
    "faulthandler.register(signal.SIGUSR1, int(sys.argv[1]), all_threads=False)\n"
    "print('x', end='', flush=True); signal.sigwait([signal.SIGTERM])\n"
)
SILENT = (
    "import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\n"
    "print('x', end='', flush=True); signal.sigwait([signal.SIGTERM])\n"
)


def test_i9_what_hangs_is_asked_for_its_line() -> None:
    with Followed(DUMPING) as followed:
        followed.begun()
        end = followed.follow(0)
    assert end is not None
    assert (end["hung"], end["status"]) == (True, None)
    assert zygote.place_of(end["dump"], {"<string>"}) == ("<string>", 3)
    assert zygote.place_of(end["dump"], {"/elsewhere.py"}) == (None, None)


def test_i10_what_cannot_tell_its_line_is_not_waited_for() -> None:
    with Followed(SILENT) as followed:
        followed.begun()
        assert followed.follow(0) == {"hung": True, "status": None, "dump": ""}


def test_f85_a_host_that_no_longer_asks_is_not_answered() -> None:
    with Followed(DUMPING) as followed:
        followed.begun()
        followed.host.close()
        assert followed.follow(PATIENCE_SECONDS) is None


def test_i15_what_is_still_in_the_pipe_when_the_import_has_ended_is_read() -> None:
    """More than one read takes, from an importer that is seen to have ended already."""
    data = "0123456789" * 15_000
    program = (
        f"import fcntl, os, sys\nfcntl.fcntl(int(sys.argv[1]), {F_SETPIPE_SZ}, 1 << 18)\n"
        f"sys.exit(os.write(int(sys.argv[1]), b'0123456789' * 15_000) != {len(data)})\n"
    )
    with Followed(program) as followed:
        os.waitid(os.P_PID, followed.process.pid, os.WEXITED | os.WNOWAIT)  # and not reaped
        end = followed.follow(PATIENCE_SECONDS, "output")
    assert end == {"hung": False, "status": 0, "output": data[: HEADER["output_bytes"]]}


def test_i16_what_is_born_quicker_than_it_is_killed_does_not_hold_the_watcher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = []
    monkeypatch.setattr(zygote, "_children", lambda parent: [])
    monkeypatch.setattr(os, "waitpid", lambda pid, flags: rounds.append(pid))
    zygote._kill_all_below()
    assert rounds == [-1] * zygote.KILL_ROUNDS


def test_i16_the_children_below_are_those_that_the_kernel_names() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        if Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
            assert child.pid in zygote._children(os.getpid())
    finally:
        child.kill()
        child.communicate()
    assert list(zygote._children(child.pid)) == [], "of what is gone, or where it is not told"


def test_i16_a_fork_is_forbidden_by_an_audit_event() -> None:
    """As its hook is called; the interpreter traces no hook, so it is called here by hand."""
    for event in ("os.fork", "os.forkpty"):
        with pytest.raises(Forked, match="two hosts"):
            zygote._forbid_fork(event, ())
    zygote._forbid_fork("subprocess.Popen", ())


def test_f85_a_watcher_that_raises_ends_with_a_status_of_its_own() -> None:
    program = (
        "import os\nfrom hot_reload.source.zygote import _fork\n"
        "pids = [_fork(int, '1'), _fork(int, 'no number')]\n"
        "print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ended.stdout == b"[0, 70]\n"
