"""The telling ✗ of ``uvicorn --reload``, each shown without the kit: a server and HTTP.

    python confirm.py                # every case, about half a minute
    python confirm.py older_file     # one

Ends with 0 where every case shows what the README says.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

APP = """
{begin}
async def app(scope, receive, send):
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"{v}"}})
{end}
"""
# As it is after `pip install uvicorn`, whether watchfiles is installed here or not.
START = "import sys; sys.modules['watchfiles'] = None; from uvicorn import main; main()"
LOOK_SECONDS = 0.25


class World:
    """A folder with an application, and uvicorn on it."""

    def __init__(self, folder, log):
        self.folder, self.log, self.writes = folder, log, 0

    def write(self, v, *, begin="", end="", stamp=None):
        self.writes += 1
        path = self.folder / "alpha.py"
        path.write_text(APP.format(v=v, begin=begin, end=end))
        second = stamp or 1_700_000_000 + 2 * self.writes
        os.utime(path, (second, second))

    def start(self):
        command = [sys.executable, "-c", START, "alpha:app", "--port", "0", "--lifespan", "off"]
        with self.log.open("wb") as log:
            self.server = subprocess.Popen(
                [*command, "--reload", "--reload-dir", "."],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.until(lambda: "Started server process" in self.said())
        time.sleep(3 * LOOK_SECONDS)  # its first look at the files is over
        self.port = int(self.said().partition("http://127.0.0.1:")[2].split()[0])

    def said(self):
        return self.log.read_text()

    def reloaded(self, times=1):
        """Wait until it has reloaded, well or not."""
        self.until(lambda: self.said().count("Reloading...") >= times)
        last = lambda: self.said().rpartition("Reloading...")[2]  # noqa: E731
        self.until(lambda: "Started server process" in last() or "Error" in last())
        time.sleep(3 * LOOK_SECONDS)

    def until(self, holds, seconds=10):
        for _ in range(int(seconds * 100)):
            if holds():
                return
            time.sleep(0.01)
        raise TimeoutError(self.said())

    def ask(self, seconds=1.0):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}", timeout=seconds).read()
        except (urllib.error.URLError, OSError) as error:
            return f"nobody ({error})"

    def processes(self):
        """The living processes of the server's own group."""
        found = subprocess.run(["ps", "-eo", "pgid,stat"], capture_output=True, text=True).stdout
        rows = [line.split() for line in found.splitlines()[1:]]
        return sum(row[0] == str(self.server.pid) and row[1][0] != "Z" for row in rows)


def same_mtime(world):
    """HR-SWAP-02: an edit of the same size in the same second is not taken."""
    world.write("v1", stamp=1_700_000_000)
    world.start()
    world.write("v2", stamp=1_700_000_000)
    time.sleep(4 * LOOK_SECONDS)
    seen = world.ask()
    return seen == b"v1", f"on disk is v2, and {seen} answers"


def older_file(world):
    """HR-ROLL-05, 06: a file with an older mtime (a checkout, a backup put back) is not taken."""
    world.write("v1", stamp=1_700_000_000)
    world.start()
    world.write("v2", stamp=1_600_000_000)
    time.sleep(4 * LOOK_SECONDS)
    seen = world.ask()
    return seen == b"v1", f"on disk is v2, and {seen} answers"


def syntax_error(world):
    """HR-ROLL-01, LOAD-03, ROLL-04: after a syntax error nobody answers; the log has it."""
    world.write("v1")
    world.start()
    world.write("v2", end="def broken(:")
    world.reloaded()
    seen = world.ask()
    return "nobody" in str(seen) and "SyntaxError" in world.said(), f"{seen}"


def deleted_file(world):
    """HR-ROLL-11, HR-ROLL-04: a deleted file is passed over in silence."""
    world.write("v1")
    world.start()
    (world.folder / "alpha.py").unlink()
    before = world.said()
    time.sleep(4 * LOOK_SECONDS)
    said = world.said()[len(before) :]
    seen = world.ask()
    return seen == b"v1" and said == "", f"{seen} answers, the log says {said!r}"


def gap(world):
    """While the new one starts, nobody answers: a request waits for as long as it takes."""
    world.write("v1")
    world.start()
    world.write("v2", begin="import time; time.sleep(2)")
    world.until(lambda: "Reloading..." in world.said())
    time.sleep(LOOK_SECONDS)
    seen = world.ask(seconds=1.0)
    return "nobody" in str(seen), f"within a second: {seen}"


def last_edit(world):
    """HR-WATCH-01: an edit in the first quarter of a second after a restart is never taken."""
    world.write("v1")
    world.start()
    # The module marks the moment at which the server has its code, and looks at it no more.
    world.write("v2", end="open('../loaded', 'w').close()")
    world.until((world.folder.parent / "loaded").exists)
    world.write("v3")
    time.sleep(8 * LOOK_SECONDS)
    seen = world.ask()
    return seen == b"v2", f"on disk is v3, and {seen} answers two seconds later"


def no_leak(world):
    """Kept: reloads leave no process behind, and the end of the server leaves none either."""
    world.write("v1")
    world.start()
    before = world.processes()
    for number in range(3):
        world.write(f"v{number + 2}")
        world.reloaded(number + 1)
    after = world.processes()
    world.server.terminate()
    world.server.wait(10)
    return before == after and world.processes() == 0, (
        f"{before} processes, after three reloads {after}, after the end {world.processes()}"
    )


CASES = [same_mtime, older_file, syntax_error, deleted_file, gap, last_edit, no_leak]


def run(case):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "app"
        folder.mkdir()
        world = World(folder, Path(name) / "log")
        try:
            return case(world)
        finally:
            if world.server.poll() is None:
                world.server.terminate()
                world.server.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(world.server.pid, signal.SIGKILL)


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
