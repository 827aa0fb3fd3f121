"""The telling ✗ of discord.py, each shown without the kit: plain files and a bot, no login.

    python confirm.py            # every case
    python confirm.py gap        # one

Ends with 0 where every case shows what the README says.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import discord
from discord.ext import commands

PLUGIN = """
import asyncio
from discord.ext import commands
import confirm_log as log

class Alpha(commands.Cog):
    {command}
    def __init__(self): self.count = 0
    async def cog_load(self): log.say("{v} cog_load"); await log.pause(); {on_load}
    async def cog_unload(self): log.say("{v} cog_unload"); await asyncio.sleep(0)
    @commands.Cog.listener("on_question")
    async def answer(self): self.count += 1; await log.hold(); return "{v}", self.count

async def setup(bot):
    {on_setup}
    await bot.add_cog(Alpha())

async def teardown(bot): {on_teardown}
"""
LOG = """
import asyncio
said, open_gate, at_pause = [], asyncio.Event(), []
def say(text): said.append(text)
async def pause():
    await asyncio.sleep(0)
    for each in at_pause: each()
held = False
async def hold():
    if held: await open_gate.wait()
"""


class World:
    """A bot and a folder with one extension."""

    def __init__(self, folder):
        self.folder = folder
        self.bot = commands.Bot(command_prefix="!", intents=discord.Intents.none())
        self.writes = 0

    def write(
        self, v, *, on_load="pass", on_setup="pass", on_teardown="pass", command="", stamp=None
    ):
        self.writes += 1
        path = self.folder / "alpha.py"
        hooks = {"on_load": on_load, "on_setup": on_setup, "on_teardown": on_teardown}
        path.write_text(PLUGIN.format(v=v, command=command, **hooks))
        second = stamp or 1_700_000_000 + 2 * self.writes
        os.utime(path, (second, second))

    async def ask(self):
        return [await each() for each in self.bot.extra_events.get("on_question", ())]

    async def reload(self):
        try:
            await self.bot.reload_extension("alpha")
        except BaseException as error:
            return f"{type(error).__name__}: {error}"
        return "ok"


async def stale_bytecode(world, log):
    """HR-SWAP-02: an edit of the same size in the same second is not taken."""
    world.write("v1", stamp=1_700_000_000)
    await world.bot.load_extension("alpha")
    world.write("v2", stamp=1_700_000_000)
    said, seen = await world.reload(), await world.ask()
    return (said, seen[0][0]) == ("ok", "v1"), f"reload said {said}, and {seen[0][0]} serves"


async def old_object(world, log):
    """HR-ROLL-01, HR-ROLL-02: after a syntax error the old cog was shut down and made anew."""
    world.write("v1")
    await world.bot.load_extension("alpha")
    await world.ask()
    world.write("v2", on_setup="def broken(:")
    log.said.clear()
    await world.reload()
    seen = await world.ask()
    return log.said == ["v1 cog_unload", "v1 cog_load"] and seen == [("v1", 1)], (
        f"{log.said} ran, and the second question is answered {seen}: the count began again"
    )


async def setup_once(world, log):
    """HR-ROLL-08: a setup that can run only once, and the old extension is gone."""
    once = "assert not hasattr(bot, 'port'), 'in use'; bot.port = 1"
    world.write("v1", on_setup=once)
    await world.bot.load_extension("alpha")
    world.write("v2", on_setup="def broken(:")
    said, seen = await world.reload(), await world.ask()
    gone = seen == [] and "alpha" not in world.bot.extensions
    return gone, f"reload said {said!r}; {seen} answers, extensions: {list(world.bot.extensions)}"


async def system_exit(world, log):
    """HR-ROLL-10, HR-ROLL-05: SystemExit in setup goes through, and the extension is lost."""
    world.write("v1")
    await world.bot.load_extension("alpha")
    world.write("v2", on_setup="raise SystemExit")
    said = await world.reload()
    world.write("v3")
    then, seen = await world.reload(), await world.ask()
    shown = said.startswith("SystemExit") and "ExtensionNotLoaded" in then and seen == []
    return shown, f"{said!r} came out; the next good edit: {then!r}; {seen} answers"


async def gap(world, log):
    """HR-SWAP-05, HR-SWAP-06: while the new cog loads, nobody listens."""
    world.write("v1")
    await world.bot.load_extension("alpha")
    world.write("v2")
    seen = []
    log.at_pause.append(lambda: seen.append(len(world.bot.extra_events.get("on_question", ()))))
    said = await world.reload()
    return (said, seen) == ("ok", [0]), f"listeners while v2 loads: {seen}; reload said {said}"


async def two_reloads(world, log):
    """HR-RACE-03: two reloads at once, both are told ok, and every event is handled twice."""
    world.write("v1")
    await world.bot.load_extension("alpha")
    world.write("v2")
    said = await asyncio.gather(world.reload(), world.reload())
    seen = [version for version, _ in await world.ask()]
    return (said, seen) == (["ok", "ok"], ["v2", "v2"]), f"said {said}, and {seen} serve"


async def two_reloads_of_a_command(world, log):
    """HR-RACE-02: the same with a command in the cog: one fails, and the old code comes back."""
    command = "@commands.command()\n    async def alpha(self, context): pass"
    world.write("v1", command=command)
    await world.bot.load_extension("alpha")
    world.write("v2", command=command)
    said = await asyncio.gather(world.reload(), world.reload())
    seen = [version for version, _ in await world.ask()]
    one_done = sorted(each == "ok" for each in said) == [False, True]
    return one_done and seen == ["v1"], f"said {said}; on disk is v2, and {seen} serves"


async def half_start(world, log):
    """HR-ROLL-03: cog_load fails at its end, and cog_unload never releases what it took."""
    world.write("v1")
    await world.bot.load_extension("alpha")
    world.write("v2", on_load="raise ValueError")
    log.said.clear()
    await world.reload()
    return "v2 cog_load" in log.said and "v2 cog_unload" not in log.said, f"{log.said} ran"


async def teardown_silent(world, log):
    """HR-ROLL-07: what the old teardown raises is dropped without a word."""
    import logging

    heard = []
    handler = logging.Handler()
    handler.emit = heard.append
    logging.getLogger().addHandler(handler)
    world.write("v1", on_teardown="raise ValueError('not closed')")
    await world.bot.load_extension("alpha")
    world.write("v2")
    said = await world.reload()
    logging.getLogger().removeHandler(handler)
    return (said, heard) == ("ok", []), f"reload said {said}, {len(heard)} log records"


async def call_in_flight(world, log):
    """HR-SWAP-10: the old cog is shut down under a listener that has not ended."""
    world.write("v1")
    await world.bot.load_extension("alpha")
    log.held = True
    call = asyncio.create_task(world.ask())
    await asyncio.sleep(0)
    log.said.clear()
    world.write("v2")
    await world.reload()
    under = "v1 cog_unload" in log.said and not call.done()
    log.open_gate.set()
    return under, f"{log.said} while v1 was still answering; it ended as {await call}"


async def deleted_file(world, log):
    """HR-ROLL-11: the file is gone, and another object than before serves."""
    world.write("v1")
    await world.bot.load_extension("alpha")
    await world.ask()
    (world.folder / "alpha.py").unlink()
    said, seen = await world.reload(), await world.ask()
    return seen == [("v1", 1)], f"reload said {said!r}; the second question is answered {seen}"


async def cancelled(world, log):
    """HR-RACE-01: a reload that is cancelled in the old cog_unload leaves nobody."""
    world.write("v1")
    await world.bot.load_extension("alpha")
    world.write("v2")
    reload = asyncio.create_task(world.bot.reload_extension("alpha"))
    while "v1 cog_unload" not in log.said:  # noqa: ASYNC110  (the log is a list)
        await asyncio.sleep(0)
    reload.cancel()
    await asyncio.wait({reload})
    seen = await world.ask()
    return reload.cancelled() and seen == [], f"{seen} answers until somebody reloads again"


CASES = [
    *(stale_bytecode, old_object, setup_once, system_exit, gap, two_reloads),
    *(two_reloads_of_a_command, half_start, teardown_silent, call_in_flight, deleted_file),
    cancelled,
]


def run(case):
    sys.dont_write_bytecode = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "confirm_log.py").write_text(LOG)
        sys.path.insert(0, name)

        async def main():
            import confirm_log

            return await case(World(folder), confirm_log)

        try:
            return asyncio.run(main())
        finally:
            sys.path.remove(name)
            for each in ("alpha", "confirm_log"):
                sys.modules.pop(each, None)
            sys.path_importer_cache.pop(name, None)


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
