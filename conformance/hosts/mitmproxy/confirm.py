"""The telling ✗ of mitmproxy's script addons, each shown without the kit: no proxy server.

    python confirm.py              # every case
    python confirm.py sys_path     # one

The watcher is mitmproxy's own, looking every 10 ms instead of every second.
Ends with 0 where every case shows what the README says.
"""

import asyncio
import logging
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mitmproxy.options
from mitmproxy.addons import script
from mitmproxy.hooks import Hook
from mitmproxy.master import Master

SCRIPT = """
import asyncio
import confirm_log as log
def load(loader): log.said.append("{v} load"); {on_load}
def running(): log.said.append("{v} running"); {on_running}
def done(): log.said.append("{v} done"); {on_done}
async def question(answers): await log.hold(); answers.append("{v}")
{end}
"""
LOG = """
import asyncio
said, held, gate = [], False, asyncio.Event()
async def hold():
    if held: await gate.wait()
"""


@dataclass
class QuestionHook(Hook):
    """An event, as ``request`` is one."""

    answers: list


class World:
    """A master and a folder with one script."""

    async def begin(self, folder):
        self.folder, self.writes, self.errors = folder, 0, []
        handler = logging.Handler(logging.ERROR)
        handler.emit = lambda record: self.errors.append(record.getMessage())
        logging.getLogger().handlers[:] = [handler]
        self.master = Master(mitmproxy.options.Options())
        self.loader = script.ScriptLoader()
        self.master.addons.add(self.loader)
        await self.master.running()

    def write(self, v, *, text=SCRIPT, name="alpha.py", stamp=None, end="", **hooks):
        self.writes += 1
        path = self.folder / name
        quiet = {"on_load": "pass", "on_running": "pass", "on_done": "pass"}
        path.write_text(text.format(v=v, end=end, **{**quiet, **hooks}))
        second = stamp or 1_700_000_000 + 2 * self.writes
        os.utime(path, (second, second))

    async def seen(self):
        """Give the watcher the time of ten looks."""
        await asyncio.sleep(0.1)

    async def load(self):
        self.master.options.update(scripts=[str(self.folder / "alpha.py")])
        await self.seen()

    async def ask(self):
        hook = QuestionHook([])
        await self.master.addons.trigger_event(hook)
        return hook.answers

    def watcher(self):
        return self.loader.addons[0].reloadtask


async def stale_bytecode(world, log):
    """HR-SWAP-02: an edit of the same size in the same second is not taken, by a watcher or not."""
    world.write("v1", stamp=1_700_000_000)
    await world.load()
    world.write("v2", stamp=1_700_000_000)
    await world.seen()
    by_watcher = await world.ask()
    world.loader.addons[0].loadscript()
    seen = await world.ask()
    return by_watcher == seen == ["v1"], f"{by_watcher} serves; loaded by hand again, {seen} serves"


async def old_gone(world, log):
    """HR-ROLL-01, 02, 04, LOAD-03: after a syntax error nobody serves; a log line says so."""
    world.write("v1")
    await world.load()
    world.write("v2", end="def broken(:")
    await world.seen()
    seen = await world.ask()
    return (seen, log.said[-1], len(world.errors)) == ([], "v1 done", 1), (
        f"{seen} serves, {log.said} ran, logged: {[each.split('/')[0] for each in world.errors]}"
    )


async def half_module(world, log):
    """HR-ROLL-01, LEAK-01: a script that raises in its last line serves, half loaded."""
    world.write("v1")
    await world.load()
    world.write("v2", end="raise ValueError")
    await world.seen()
    seen = await world.ask()
    return seen == ["v2"] and len(world.errors) == 1, f"one error is logged, and {seen} serves"


async def running_raises(world, log):
    """HR-ROLL-05, 06: an exception in running() ends the watcher: no later edit is taken."""
    world.write("v1")
    await world.load()
    world.write("v2", on_running="raise ValueError('no port')")
    await world.seen()
    dead, errors = world.watcher().done(), list(world.errors)
    world.write("v3")
    await world.seen()
    seen = await world.ask()
    return dead and seen == ["v2"] and not errors, (
        f"the watcher is done: {dead}, logged: {errors}; on disk is v3, and {seen} serves"
    )


async def done_raises(world, log):
    """HR-ROLL-07, LOAD-06: an exception in done() ends the watcher: the old one serves on."""
    world.write("v1", on_done="raise ValueError('not closed')")
    await world.load()
    world.write("v2")
    await world.seen()
    seen = await world.ask()
    return world.watcher().done() and seen == ["v1"], f"on disk is v2, and {seen} serves for good"


async def system_exit(world, log):
    """HR-ROLL-10, ISO-01: SystemExit in load() ends the event loop, and the proxy with it."""
    world.write("v1")
    await world.load()
    world.write("v2", on_load="raise SystemExit")
    await world.seen()
    return False, "the loop went on"


async def deleted_file(world, log):
    """HR-ROLL-11, 05: a script whose file is gone is taken out; when it is back, nothing."""
    world.write("v1")
    await world.load()
    (world.folder / "alpha.py").unlink()
    await world.seen()
    gone, errors = await world.ask(), list(world.errors)
    world.write("v2")
    await world.seen()
    seen = await world.ask()
    return gone == seen == [] and not errors, (
        f"{gone} serves, errors logged: {errors}; the file is back, and {seen} serves"
    )


async def call_in_flight(world, log):
    """HR-SWAP-10: done() runs under a handler that has not ended."""
    world.write("v1")
    await world.load()
    log.held = True
    call = asyncio.create_task(world.ask())
    await world.seen()
    world.write("v2")
    await world.seen()
    under = "v1 done" in log.said and not call.done()
    log.gate.set()
    return under, f"{log.said} while v1 was still answering; it ended as {await call}"


async def stop_first(world, log):
    """HR-SWAP-05, 07: the old one's done() runs before the new one is known to load."""
    world.write("v1")
    await world.load()
    world.write("v2")
    await world.seen()
    order = ["v1 load", "v1 running", "v1 done", "v2 load", "v2 running"]
    return log.said == order, f"{log.said}"


async def sys_path(world, log):
    """HR-LEAK-02: each load of a script leaves an entry in sys.path."""
    world.write("v1")
    await world.load()
    before = len(sys.path)
    for number in range(5):
        world.write(f"v{number + 2}")
        await world.seen()
    more = sys.path[: len(sys.path) - before]
    return more == [str(world.folder)] * 5, f"after 5 reloads sys.path has {len(more)} entries more"


async def stale_helper(world, log):
    """An edit in a module that the script imports is not taken, nor with a reload of the script."""
    world.write("v1", name="helper.py", text="VERSION = '{v}'\n")
    text = "import helper\nasync def question(answers): answers.append(helper.VERSION)\n"
    world.write("v1", text=text)
    await world.load()
    world.write("v2", name="helper.py", text="VERSION = '{v}'\n")
    world.write("v2", text=text)
    await world.seen()
    seen = await world.ask()
    return seen == ["v1"], f"script and helper were edited, and {seen} serves"


async def still_registered(world, log):
    """HR-LOAD-02: a script that fails to load stays registered. (It is loaded at the next save.)"""
    world.write("v1", end="def broken(:")
    await world.load()
    found = [name.partition(":")[0] for name in world.master.addons.lookup]
    return found == ["scriptloader", "scriptmanager", "module"], f"addons: {found}"


CASES = [
    *(stale_bytecode, old_gone, half_module, running_raises, done_raises, system_exit),
    *(deleted_file, call_in_flight, stop_first, sys_path, stale_helper, still_registered),
]


def run(case):
    sys.dont_write_bytecode = False
    script.ReloadInterval = 0.01
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        aside = folder / "aside"
        aside.mkdir()
        (aside / "confirm_log.py").write_text(LOG)
        path = list(sys.path)
        sys.path.insert(0, str(aside))

        async def main():
            import confirm_log

            world = World()
            await world.begin(folder)
            holds = await case(world, confirm_log)
            for each in world.loader.addons:
                each.reloadtask.cancel()
            return holds

        try:
            return asyncio.run(main())
        except SystemExit:
            return case is system_exit, "SystemExit came out of asyncio.run: the program is over"
        finally:
            logging.getLogger().handlers.clear()  # mitmproxy's would log to a closed loop
            sys.path[:] = path
            for each in ("confirm_log", "helper"):
                sys.modules.pop(each, None)


def main():
    chosen = [case for case in CASES if not sys.argv[1:] or case.__name__ in sys.argv[1:]]
    shown = []
    for case in chosen:
        holds, seen = run(case)
        shown.append(holds)
        print(f"{'confirmed' if holds else 'NOT CONFIRMED'}  {case.__name__}: {case.__doc__}")
        print(f"           {seen}")
    return 0 if shown and all(shown) else 1


if __name__ == "__main__":
    sys.exit(main())
