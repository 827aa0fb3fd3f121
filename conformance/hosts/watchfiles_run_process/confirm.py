"""The telling ✗ of ``watchfiles.run_process``, each shown without the kit.

    python confirm.py                  # every case, about half a minute
    python confirm.py stale_bytecode   # one

The function appends its version to a file outside the watched folder.
Ends with 0 where every case shows what the README says.
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
from watchfiles import run_process
if __name__ == "__main__": run_process(".", target="alpha.main")
"""


class World:
    """A folder with a function, and run_process on it."""

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

    def start(self):
        (self.folder.parent / "start.py").write_text(START)
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "../start.py"],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.until(self.serving)
        time.sleep(0.5)

    def until(self, holds, seconds=10):
        for _ in range(int(seconds * 100)):
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


def stale_bytecode(world):
    """HR-SWAP-02: an edit of the same size in the same second: restarted, with the old code."""
    world.write("v1", stamp=1_700_000_000)
    world.start()
    before = len(world.served.read_text())
    world.write("v2", begin="", stamp=1_700_000_000)
    time.sleep(1.5)
    seen = world.serving()
    return before > 0 and seen == ["v1"], f"on disk is v2, and {seen} serves"


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


def deleted_file(world):
    """HR-ROLL-11: a deleted file takes the process away."""
    world.write("v1")
    world.start()
    (world.folder / "alpha.py").unlink()
    world.until(lambda: "Error" in world.log.read_text())
    seen = world.serving()
    return seen == [], f"{seen} serves"


def gap(world):
    """While the new one starts, nobody serves."""
    world.write("v1")
    world.start()
    world.write("v2", begin="time.sleep(2)")
    time.sleep(1.0)
    seen = world.serving(seconds=0.5)
    world.until(lambda: world.serving() == ["v2"])
    return seen == [], f"{seen} serves for half a second in between, then v2"


def temporary_file(world):
    """HR-WATCH-07: a temporary file restarts the process, though nothing was edited."""
    world.write("v1", end="open('../loaded', 'a').write('x')")
    world.start()
    loaded = world.folder.parent / "loaded"
    before = len(loaded.read_text())
    (world.folder / "alpha.py.1234.tmp").write_text("")
    time.sleep(1.5)
    return len(
        loaded.read_text()
    ) > before, f"loaded {before} times, then {len(loaded.read_text())}"


def no_leak(world):
    """Kept: reloads leave no process behind, and the end leaves none either."""
    world.write("v1")
    world.start()
    before = world.processes()
    for number in range(3):
        world.write(f"v{number + 2}")
        world.until(lambda version=f"v{number + 2}": world.serving() == [version])
    after = world.processes()
    world.process.terminate()
    world.process.wait(10)
    return before == after and world.processes() == 0, (
        f"{before} processes, after three reloads {after}, after the end {world.processes()}"
    )


CASES = [stale_bytecode, syntax_error, deleted_file, gap, temporary_file, no_leak]


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
