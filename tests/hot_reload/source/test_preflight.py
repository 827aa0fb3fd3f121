"""F85: whatever an import does happens to a disposable child, and the verdict says what it was."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from hot_reload.errors import EngineMisuse, HookFailed, HookTimeout, ImportRefused
from hot_reload.source import preflight as module
from hot_reload.source.preflight import (
    Preflight,
    PreflightSettings,
    PreflightVerdict,
    Verdict,
)
from hot_reload.source.snapshot import SourceFile, SourceSnapshot

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.skipif(sys.platform != "linux", reason="a preflight needs Linux"),
]
PATH = "/plugins/bomb.py"
REAL_SPAWN = module._spawn
SHORT = PreflightSettings(deadline_seconds=0.5, memory_bytes=256 << 20)
PATIENT = PreflightSettings(deadline_seconds=30, memory_bytes=256 << 20)
"""Where a slow machine must not be taken for a hang."""


def snapshot(
    source: str, top: str = "bomb", more: Mapping[str, str] | None = None
) -> SourceSnapshot:
    files = {}
    for name, text in {"": source, **(more or {})}.items():
        data = text.encode()
        path = Path(PATH) if not name else Path(f"/plugins/{top}/{name}.py")
        files[name] = SourceFile(path, data, hashlib.sha256(data).hexdigest())
    return SourceSnapshot(top, files, frozenset({""} if more else ()), files[""].sha256)


@pytest.fixture
async def preflight() -> AsyncIterator[Preflight]:
    preflight = Preflight(PATIENT)
    yield preflight
    await preflight.close()


async def verdict_of(source: str, settings: PreflightSettings) -> PreflightVerdict:
    preflight = Preflight(settings)
    try:
        return await preflight.check(snapshot(source))
    finally:
        await preflight.close()


BOMBS: dict[str, tuple[str, Verdict, int | None, str]] = {
    "i8_endless_loop": ("x = 1\nwhile True:\n    pass\n", Verdict.HUNG, 0, "deadline of 0.5 s"),
    "i9_sleep": ("import time\ntime.sleep(60)\n", Verdict.HUNG, 2, "was still running"),
    "i10_regex_holds_the_gil": (
        "import re\nre.match('(a+)+$', 'a' * 40 + 'b')\n",
        Verdict.HUNG,
        2,
        "was still running",
    ),
    "i11_exit_0": ("import os\nos._exit(0)\n", Verdict.EXITED, None, "with status 0"),
    "i11_exit_of_closed_descriptors": (
        "import os\nos.closerange(0, 50)\n",
        Verdict.EXITED,
        None,
        "ended the process",
    ),
    "i12_kill": (
        "import os\nos.kill(os.getpid(), 9)\n",
        Verdict.CRASHED,
        None,
        "crashed the process by SIGKILL",
    ),
    "i12_abort": ("import os\n\nos.abort()\n", Verdict.CRASHED, 3, "by SIGABRT"),
    "i12_segv": ("import ctypes\nctypes.string_at(0)\n", Verdict.CRASHED, 2, "by SIGSEGV"),
    "i13_memory": ("x = 1\nx = bytearray(1 << 30)\n", Verdict.OUT_OF_MEMORY, 2, "more memory"),
    "i15_stdout_flood": (
        "import sys\nwhile True:\n    sys.stdout.write('x' * 9999)\n    sys.stderr.write('y')\n",
        Verdict.HUNG,
        0,
        "was still running",
    ),
    "i16_fork": ("import os\nos.fork()\n", Verdict.FORKED, 2, "two hosts"),
    "i16_fork_bomb": ("import os\nwhile True:\n    os.fork()\n", Verdict.FORKED, 3, "two hosts"),
    "i20_input": ("name = input()\n", Verdict.RAISED, 1, "raised EOFError"),
    "i20_stdin": ("import sys\nassert sys.stdin.read()\n", Verdict.RAISED, 2, "AssertionError"),
    "i1_missing": (
        "import nowhere_to_be_found\n",
        Verdict.RAISED,
        1,
        "raised ModuleNotFoundError: No module named 'nowhere_to_be_found'",
    ),
    "i3_system_exit": ("raise SystemExit(0)\n", Verdict.RAISED, 1, "raised SystemExit: 0"),
    "i4_keyboard_interrupt": ("raise KeyboardInterrupt\n", Verdict.RAISED, 1, "KeyboardInterrupt"),
    "i7_str_raises": (
        "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E\n",
        Verdict.RAISED,
        3,
        "raised E: (its text cannot be shown",
    ),
    "i7_formatting_raises": (
        "class E(Exception):\n    __cause__ = property(lambda self: 1 / 0)\nraise E\n",
        Verdict.RAISED,
        3,
        "raised E",
    ),
    "t1_syntax": ("x = 1\ndef (\n", Verdict.RAISED, None, "raised SourceSyntaxError"),
}


@pytest.mark.parametrize("case", BOMBS)
async def test_f85_a_bomb_goes_off_in_a_child(case: str) -> None:
    source, expected, line, text = BOMBS[case]
    told = await verdict_of(source, SHORT if expected is Verdict.HUNG else PATIENT)
    assert told.verdict is expected, told
    assert text in told.text
    if line:
        assert (told.file, told.line) == (PATH, line)
    fault = told.fault()
    assert fault is not None
    assert str(fault).startswith("in the preflight the module's body ")
    assert fault.line == told.line


async def test_i14_deep_recursion_without_a_limit() -> None:
    source = "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()\n"
    told = await verdict_of(source, SHORT)
    # Which comes first, the deadline, the memory or the C stack, is the machine's to say.
    assert told.verdict in {Verdict.HUNG, Verdict.CRASHED, Verdict.OUT_OF_MEMORY}


async def test_i8_r5_processor_time_has_a_limit_too() -> None:
    limits = PreflightSettings(deadline_seconds=30, cpu_seconds=1)
    told = await verdict_of("while True:\n    pass\n", limits)
    assert told.verdict is Verdict.HUNG
    assert "at its processor time of 1 s" in told.text


async def test_i15_output_is_bounded(preflight: Preflight) -> None:
    told = await preflight.check(snapshot("print('x' * 10_000_000)"))
    assert told.ok
    assert told.output == "x" * PATIENT.output_bytes


async def test_f85_what_passes_is_ok(preflight: Preflight) -> None:
    source = "import json, threading\nfrom . import words\nprint(words.WORD, json.dumps(1))\n"
    told = await preflight.check(snapshot(source, more={"words": "WORD = 'here'\n"}))
    assert (told.verdict, told.output, told.fault()) == (Verdict.OK, "here 1\n", None)
    assert told.seconds > 0


async def test_f85_the_bytes_come_from_the_snapshot_and_no_file_is_read(
    preflight: Preflight,
) -> None:
    assert not Path(PATH).exists()
    assert (await preflight.check(snapshot("x = 1"))).ok


async def test_f85_dependencies_are_importable(preflight: Preflight) -> None:
    base = snapshot("VALUE = 7\n", top="base")
    middle = snapshot("from base import VALUE\n", top="middle")
    top = snapshot("import middle, base\nprint(middle.VALUE + base.VALUE)\n")
    assert (await preflight.check(top, [base, middle])).output == "14\n"
    assert (await preflight.check(top)).verdict is Verdict.RAISED


async def test_f85_faults_are_of_the_kind_that_the_import_itself_would_give() -> None:
    raised = PreflightVerdict(verdict=Verdict.RAISED, text="raised X").fault()
    assert type(raised) is HookFailed
    assert type(PreflightVerdict(verdict=Verdict.HUNG).fault()) is HookTimeout
    assert type(PreflightVerdict(verdict=Verdict.EXITED).fault()) is ImportRefused


async def test_f85_the_missing_distribution_is_named_and_never_installed(
    preflight: Preflight,
) -> None:
    told = await preflight.check(snapshot("import nowhere_to_be_found"))
    assert told.hint is not None
    assert told.hint.endswith("python -m pip install nowhere_to_be_found")


async def test_f85_the_hosts_surroundings_are_the_childs(
    preflight: Preflight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await preflight.start()
    (tmp_path / "only_here_f85.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ONLY_HERE", "yes")
    monkeypatch.chdir(tmp_path)
    source = "import only_here_f85, os\nprint(os.environ['ONLY_HERE'], os.getcwd())\n"
    assert (await preflight.check(snapshot(source))).output == f"yes {tmp_path}\n"


async def test_f85_many_at_once_and_one_that_hangs_holds_up_nobody(preflight: Preflight) -> None:
    hung = asyncio.ensure_future(preflight.check(snapshot("import time\ntime.sleep(60)")))
    others = [preflight.check(snapshot(f"print({number})")) for number in range(8)]
    assert [each.output for each in await asyncio.gather(*others)] == [f"{n}\n" for n in range(8)]
    assert not hung.done()
    hung.cancel()
    assert preflight.started == 1


async def test_f85_it_works_in_a_host_with_threads(preflight: Preflight) -> None:
    """A plain fork would copy the lock, held for ever, into the child."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        import logging

        with logging._lock:  # type: ignore[attr-defined]
            inside.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    try:
        told = await preflight.check(snapshot("import logging\nlogging.getLogger('a').warning(1)"))
    finally:
        leave.set()
        thread.join()
    assert told.ok


async def test_f85_a_helper_that_died_is_started_again(preflight: Preflight) -> None:
    await preflight.start()
    assert preflight.pid is not None
    os.kill(preflight.pid, signal.SIGKILL)
    assert (await preflight.check(snapshot("x = 1"))).ok
    assert preflight.started == 2


class Alive:
    """A plugin that hangs while it holds a FIFO open: the FIFO ends when its process does."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.fifo = folder / "alive"
        os.mkfifo(self.fifo)
        self.source = (
            f"import time\nfile = open({str(self.fifo)!r}, 'w')\nfile.write('x')\n"
            "file.flush()\ntime.sleep(600)\n"
        )

    async def begun(self) -> int:
        """Wait until it is inside its module's body; a descriptor that ends with it."""
        descriptor = await asyncio.to_thread(os.open, self.fifo, os.O_RDONLY)
        assert await asyncio.to_thread(os.read, descriptor, 1) == b"x"
        return descriptor

    async def ended(self, descriptor: int) -> bool:
        try:
            return await asyncio.to_thread(os.read, descriptor, 1) == b""
        finally:
            os.close(descriptor)


async def test_f85_an_import_that_kills_its_parents_is_refused() -> None:
    found = await verdict_of("import os\nos.kill(os.getppid(), 9)\n", PATIENT)
    assert found.verdict is Verdict.CRASHED
    fault = found.fault()
    assert isinstance(fault, ImportRefused)
    assert "took the preflight's own process along, twice" in str(fault)
    assert (fault.file, fault.hint is None) == (PATH, False)


FORGED = """
import os
for descriptor in range(3, 64):
    try:
        os.write(descriptor, {text!r})
    except OSError:
        pass
os._exit(0)
"""


@pytest.mark.parametrize(
    "text", [b'{"verdict": "ok"}', b"[1]", b"5", b"null", b"\xff", b'{"type": 1}']
)
async def test_f85_a_report_that_the_import_wrote_itself_is_none(text: bytes) -> None:
    found = await verdict_of(FORGED.format(text=text), PATIENT)
    assert found.verdict is Verdict.EXITED
    assert found.file == PATH


async def test_f85_a_cancelled_check_kills_its_child(tmp_path: Path) -> None:
    alive, preflight = Alive(tmp_path), Preflight(PATIENT)
    check = asyncio.ensure_future(preflight.check(snapshot(alive.source)))
    descriptor = await alive.begun()
    check.cancel()
    with pytest.raises(asyncio.CancelledError):
        await check
    assert await alive.ended(descriptor)
    assert (await preflight.check(snapshot("x = 1"))).ok
    assert preflight.started == 1
    await preflight.close()


async def test_f85_close_kills_what_runs(tmp_path: Path) -> None:
    alive, preflight = Alive(tmp_path), Preflight(PATIENT)
    check = asyncio.ensure_future(preflight.check(snapshot(alive.source)))
    descriptor = await alive.begun()
    await preflight.close()
    assert await alive.ended(descriptor)
    with pytest.raises(EngineMisuse, match="closed"):
        await check
    assert preflight.pid is None
    await preflight.close()


async def test_f85_what_the_import_left_running_is_killed(tmp_path: Path) -> None:
    alive, preflight = Alive(tmp_path), Preflight(PATIENT)
    source = (
        "import subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-c', {alive.source!r}], start_new_session=True)\n"
        f"open({str(alive.fifo)!r} + '.go').read()\n"
    )
    os.mkfifo(f"{alive.fifo}.go")
    check = asyncio.ensure_future(preflight.check(snapshot(source)))
    descriptor = await alive.begun()
    os.close(await asyncio.to_thread(os.open, f"{alive.fifo}.go", os.O_WRONLY))
    assert (await check).ok
    assert await alive.ended(descriptor)
    await preflight.close()


async def test_f85_a_host_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    alive = Alive(tmp_path)
    (tmp_path / "bomb.py").write_text(alive.source)
    program = (
        "import asyncio, pathlib\n"
        "from hot_reload.source.preflight import Preflight, PreflightSettings\n"
        "from hot_reload.source.snapshot import DiskFiles, take_snapshot\n"
        f"taken = take_snapshot(pathlib.Path({str(tmp_path / 'bomb.py')!r}), DiskFiles())\n"
        "asyncio.run(Preflight(PreflightSettings(deadline_seconds=60)).check(taken))\n"
    )
    host = subprocess.Popen([sys.executable, "-c", program])  # noqa: ASYNC220
    descriptor = await alive.begun()
    host.kill()
    host.wait()
    assert await alive.ended(descriptor)


async def test_f85_a_helper_that_dies_under_two_checks_is_started_again_for_both(
    preflight: Preflight, tmp_path: Path
) -> None:
    """The second to notice must leave alone what the first has started."""
    again = tmp_path / "again"
    alive = [Alive(tmp_path / name) for name in ("one", "two")]
    checks, descriptors = [], []
    for each in alive:
        source = f"import os\nif not os.path.exists({str(again)!r}):\n    exec({each.source!r})\n"
        checks.append(asyncio.ensure_future(preflight.check(snapshot(source))))
        descriptors.append(await each.begun())
    again.touch()
    assert preflight.pid is not None
    os.kill(preflight.pid, signal.SIGKILL)
    assert [each.ok for each in await asyncio.gather(*checks)] == [True, True]
    assert preflight.started == 2
    for each, descriptor in zip(alive, descriptors, strict=True):
        assert await each.ended(descriptor)


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Helpers that start and never say that they stand."""
    spawned = []

    def spawn(_: str, descriptor: int) -> subprocess.Popen[bytes]:
        spawned.append(REAL_SPAWN("import signal; signal.pause()", descriptor))
        return spawned[-1]

    monkeypatch.setattr(module, "_spawn", spawn)
    return spawned


async def test_f85_a_helper_that_never_stands_is_given_up(
    mute: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_SECONDS", 0.0)
    preflight = Preflight(PATIENT)
    with pytest.raises(EngineMisuse, match="helper process did not start"):
        await preflight.start()
    assert preflight.pid is None
    assert [each.returncode for each in mute] == [-signal.SIGKILL]


async def test_f85_a_cancelled_start_leaves_no_helper(mute: list[subprocess.Popen[bytes]]) -> None:
    preflight = Preflight(PATIENT)
    start = asyncio.ensure_future(preflight.start())
    await asyncio.sleep(0)
    assert len(mute) == 1, "it is started, and waited for"
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert preflight.pid is None
    assert [each.returncode for each in mute] == [-signal.SIGKILL]


async def test_f85_close_ends_a_start_at_once(mute: list[subprocess.Popen[bytes]]) -> None:
    preflight = Preflight(PATIENT)
    start = asyncio.ensure_future(preflight.start())
    await asyncio.sleep(0)
    assert len(mute) == 1, "it is started, and waited for"
    await preflight.close()
    assert [each.returncode for each in mute] == [-signal.SIGKILL]
    with pytest.raises(EngineMisuse, match="the preflight is closed"):
        await start


async def test_f85_a_helper_that_does_not_answer_is_replaced(
    preflight: Preflight, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped here, and as dead to the host as if it had been killed."""
    preflight.settings = PreflightSettings(deadline_seconds=0.01)
    monkeypatch.setattr(module, "ANSWER_GRACE_SECONDS", 0.0)
    await preflight.start()
    let_go, stopped = preflight._let_go, preflight.pid
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)

    def patient() -> None:
        monkeypatch.setattr(module, "ANSWER_GRACE_SECONDS", 60.0)
        preflight.settings = PATIENT
        let_go()

    monkeypatch.setattr(preflight, "_let_go", patient)
    assert (await preflight.check(snapshot("x = 1"))).ok
    assert preflight.started == 2
    with pytest.raises(ProcessLookupError):
        os.kill(stopped, 0)


async def test_f85_it_leaves_no_descriptor_open(preflight: Preflight) -> None:
    await preflight.check(snapshot("x = 1"))
    before = sorted(os.listdir("/proc/self/fd"))
    for source in ("x = 1", "1 / 0", "import os; os._exit(0)"):
        await preflight.check(snapshot(source))
    assert sorted(os.listdir("/proc/self/fd")) == before


async def test_f85_elsewhere_it_says_that_it_is_not_available(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(EngineMisuse, match=r"not available here: it needs Linux.*this is darwin"):
        await Preflight().check(snapshot("x = 1"))


async def test_f85_a_helper_that_cannot_start_is_an_error(
    preflight: Preflight, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["/nowhere"])
    with pytest.raises(EngineMisuse, match="helper process did not start"):
        await preflight.start()
    monkeypatch.undo()
    assert (await preflight.check(snapshot("x = 1"))).ok


@pytest.mark.parametrize("field", ["deadline_seconds", "cpu_seconds", "memory_bytes"])
def test_f85_a_limit_is_positive(field: str) -> None:
    with pytest.raises(EngineMisuse, match=f"setting {field} is 0"):
        PreflightSettings(**{field: 0})
