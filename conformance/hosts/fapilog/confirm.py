"""The telling ✗ of fapilog's ``ConfigHotReloader``, each shown without the kit.

    python confirm.py                # every case
    python confirm.py unreadable     # one

Ends with 0 where every case shows what the README says.
"""

import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from fapilog.core.hot_reload import ConfigHotReloader


class World:
    """A file of settings, a reloader on it, and what it applied and told."""

    def __init__(self, folder):
        self.path, self.applied, self.errors = folder / "settings.txt", [], []
        self.before_load = lambda: None
        self.reloader = ConfigHotReloader(
            path=str(self.path),
            loader=self.load,
            on_applied=self.apply,
            on_error=self.error,
            interval_seconds=0.01,
        )

    async def load(self):
        self.before_load()
        return self.path.read_text()

    async def apply(self, settings):
        self.applied.append(settings)

    async def error(self, error):
        self.errors.append(error)

    async def write(self, text):
        self.path.write_text(text)
        await asyncio.sleep(0.2)

    def watching(self):
        return not self.reloader._task.done()


def raising(error):
    def before_load():
        raise error

    return before_load


async def unreadable(world):
    """HR-ROLL-05, 06: a moment in which the file is a folder ends the watch, without a word."""
    await world.write("v1")
    world.path.unlink()
    world.path.mkdir()
    await asyncio.sleep(0.2)
    world.path.rmdir()
    await world.write("v2")
    shown = (world.applied, world.errors, world.watching()) == (["v1"], [], False)
    return shown, f"applied {world.applied}, errors told {world.errors}, on disk is v2"


async def cancelled(world):
    """HR-ROLL-10: CancelledError out of the loader ends the watch, without a word."""
    await world.write("v1")
    world.before_load = raising(asyncio.CancelledError())
    await world.write("v2")
    world.before_load = lambda: None
    await world.write("v3")
    shown = (world.applied, world.errors, world.watching()) == (["v1"], [], False)
    return shown, f"applied {world.applied}, errors told {world.errors}, on disk is v3"


async def system_exit(world):
    """HR-ROLL-01, HR-ROLL-10, ISO-01: SystemExit out of the loader ends the event loop."""
    await world.write("v1")
    world.before_load = raising(SystemExit())
    await world.write("v2")
    return False, "the loop went on"


async def deleted_file(world):
    """HR-ROLL-11, ROLL-04, LOAD-03, LOAD-07: that there is no file is told to nobody."""
    await world.write("v1")
    world.path.unlink()
    await asyncio.sleep(0.2)
    return not world.errors and world.watching(), f"errors told: {world.errors}"


async def no_name(world):
    """HR-LOAD-03, HR-ROLL-04: the error names neither the file nor the stage."""
    await world.write("v1")
    world.before_load = raising(ValueError("no port"))
    await world.write("v2")
    (error,) = world.errors
    return str(world.path) not in f"{error}{error.__cause__}", f"{error} | {error.__cause__!r}"


CASES = [unreadable, cancelled, system_exit, deleted_file, no_name]


def run(case):
    with tempfile.TemporaryDirectory() as name:

        async def main():
            world = World(Path(name))
            world.path.write_text("")
            await world.reloader.start()
            await asyncio.sleep(0.1)
            world.applied.clear()
            answer = await case(world)
            await world.reloader.stop()
            return answer

        try:
            return asyncio.run(main())
        except SystemExit:
            return case is system_exit, "SystemExit came out of asyncio.run: the program is over"


def main():
    logging.getLogger("asyncio").disabled = True  # it says at the end what fapilog did not
    shown = []
    for case in [each for each in CASES if not sys.argv[1:] or each.__name__ in sys.argv[1:]]:
        holds, seen = run(case)
        shown.append(holds)
        print(f"{'confirmed' if holds else 'NOT CONFIRMED'}  {case.__name__}: {case.__doc__}")
        print(f"           {seen}")
    return 0 if shown and all(shown) else 1


if __name__ == "__main__":
    sys.exit(main())
