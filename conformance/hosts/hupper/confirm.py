"""The telling ✗ of ``hupper``, each shown without the kit.

    python confirm.py               # every case, about a minute
    python confirm.py same_mtime    # one

The function appends its version to a file outside the watched folder. hupper has its defaults:
it looks once a second. Ends with 0 where every case shows what the README says.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FUNCTION = """
import time
{begin}
def main():
    with open("../served", "a", buffering=1) as file:
        while True:
            file.write("{v}\\n")
            time.sleep(0.02)
{end}
"""
START = """
import hupper
from hupper.polling import PollingFileMonitor
hupper.start_reloader("alpha.main", monitor_factory=PollingFileMonitor)
"""
WATCHED_SECONDS = 2.5
"""From a start on, until what is edited counts as an edit."""


class World:
    """A folder with a function, and hupper on it."""

    def __init__(self, folder):
        self.folder, self.writes = folder, 0
        self.served, self.log = folder.parent / "served", folder.parent / "log"
        self.served.touch()

    def write(self, v, *, begin="", end="", stamp=None):
        self.writes += 1
        path = self.folder / "alpha.py"
        path.write_text(FUNCTION.format(v=v, begin=begin, end=end))
        second = stamp or 1_700_000_000 + 2 * self.writes
        os.utime(path, (second, second))

    def start(self, *, serves=True):
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if serves:
            self.until(self.serving)
            time.sleep(WATCHED_SECONDS)

    def until(self, holds, seconds=10):
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if holds():
                return
            time.sleep(0.01)
        raise TimeoutError(self.log.read_text())

    def serving(self, seconds=0.3):
        """The versions that serve in the next moments."""
        before = self.served.stat().st_size
        time.sleep(seconds)
        with self.served.open() as file:
            file.seek(before)
            return sorted(set(file.read().split()))

    def processes(self):
        """The living processes of the group."""
        found = subprocess.run(["ps", "-eo", "pgid,stat"], capture_output=True, text=True).stdout
        rows = [line.split() for line in found.splitlines()[1:]]
        return sum(row[0] == str(self.process.pid) and row[1][0] != "Z" for row in rows)


def same_mtime(world):
    """HR-SWAP-02: an edit with the same mtime is not taken."""
    world.write("v1", stamp=1_700_000_000)
    world.start()
    world.write("v2", stamp=1_700_000_000)
    time.sleep(3)
    seen = world.serving()
    return seen == ["v1"], f"on disk is v2, and {seen} serves"


def older_file(world):
    """HR-WATCH-02: neither is a file with an older one (a checkout, a backup put back)."""
    world.write("v1", stamp=1_700_000_000)
    world.start()
    world.write("v2", stamp=1_600_000_000)
    time.sleep(3)
    seen = world.serving()
    return seen == ["v1"], f"on disk is v2, and {seen} serves"


def syntax_error(world):
    """HR-ROLL-01, LOAD-03, ROLL-04: after a syntax error nobody serves; it is printed."""
    world.write("v1")
    world.start()
    world.write("v2", end="def broken(:")
    world.until(lambda: "SyntaxError" in world.log.read_text())
    seen = world.serving()
    world.write("v3")
    world.until(lambda: world.serving() == ["v3"])
    return seen == [], f"{seen} serves; after the next good edit v3"


def import_error(world):
    """HR-ROLL-01: after an exception in the import nobody serves."""
    world.write("v1")
    world.start()
    world.write("v2", begin="raise ValueError('early')")
    world.until(lambda: "early" in world.log.read_text())
    seen = world.serving()
    world.write("v3")
    world.until(lambda: world.serving() == ["v3"])
    return seen == [], f"{seen} serves; after the next good edit v3"


def first_start(world):
    """Of a module whose first start fails by a syntax error no edit is taken: it is not watched,
    as the traceback has no frame of it."""
    world.write("v1", end="def broken(:")
    world.start(serves=False)
    world.until(lambda: "Waiting for a file to change" in world.log.read_text())
    time.sleep(WATCHED_SECONDS)
    world.write("v2")
    time.sleep(3)
    seen = world.serving()
    return seen == [], f"it waits for a file to change, v2 is on disk, and {seen} serves"


def deleted_file(world):
    """HR-ROLL-11, HR-ROLL-04: a deleted file is passed over in silence; the old one serves on."""
    world.write("v1")
    world.start()
    before = world.log.read_text()
    (world.folder / "alpha.py").unlink()
    time.sleep(3)
    seen, said = world.serving(), world.log.read_text()[len(before) :]
    return (seen, said) == (["v1"], ""), f"{seen} serves, printed: {said!r}"


def gap(world):
    """While the new one starts, nobody serves."""
    world.write("v1")
    world.start()
    world.write("v2", begin="time.sleep(3)")
    world.until(lambda: "; reloading" in world.log.read_text())
    time.sleep(1)
    seen = world.serving(seconds=0.5)
    world.until(lambda: world.serving() == ["v2"])
    return seen == [], f"{seen} serves for half a second in between, then v2"


def no_leak(world):
    """Kept: reloads leave no process behind, and the end leaves none either."""
    world.write("v1")
    world.start()
    before = world.processes()
    for number in range(2):
        world.write(f"v{number + 2}")
        world.until(lambda version=f"v{number + 2}": world.serving() == [version])
        time.sleep(WATCHED_SECONDS)
    after = world.processes()
    world.process.terminate()
    world.process.wait(10)
    return before == after and world.processes() == 0, (
        f"{before} processes, after two reloads {after}, after the end {world.processes()}"
    )


def no_bytecode(world):
    """Kept: it writes no bytecode for what it reloads, so none is stale."""
    world.write("v1")
    world.start()
    found = [each.name for each in world.folder.rglob("*.pyc")]
    return found == [], f"bytecode files: {found}"


CASES = [
    *(same_mtime, older_file, syntax_error, import_error, first_start, deleted_file, gap),
    *(no_leak, no_bytecode),
]


def run(case):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "watched"
        folder.mkdir()
        world = World(folder)
        try:
            return case(world)
        finally:
            if world.process.poll() is None:
                world.process.terminate()
                world.process.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(world.process.pid, signal.SIGKILL)


def main():
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    shown = []
    for case in [each for each in CASES if not sys.argv[1:] or each.__name__ in sys.argv[1:]]:
        holds, seen = run(case)
        shown.append(holds)
        print(f"{'confirmed' if holds else 'NOT CONFIRMED'}  {case.__name__}: {case.__doc__}")
        print(f"           {seen}")
    return 0 if shown and all(shown) else 1


if __name__ == "__main__":
    sys.exit(main())
