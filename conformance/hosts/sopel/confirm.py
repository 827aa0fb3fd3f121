"""The telling ✗ of Sopel, each shown without the kit: plain files and a bot, no connection.

    python confirm.py            # every case
    python confirm.py gap        # one

Ends with 0 where every case shows what the README says.
"""

import os
import sys
import tempfile
from pathlib import Path

from sopel import plugins
from sopel.bot import Sopel
from sopel.config import Config

PLUGIN = """
from sopel import plugin
@plugin.command("version")
def version(bot, trigger): return "{v}"
def setup(bot):
    bot.memory["said"].append("{v} setup"); bot.memory["seen"].append(len(bot.plugins)); {on_setup}
def shutdown(bot): bot.memory["said"].append("{v} shutdown"); {on_shutdown}
"""


class World:
    """A bot and a folder for plugins."""

    def __init__(self, folder):
        self.folder, self.writes = folder / "plugins", 0
        self.folder.mkdir()
        config = folder / "bot.cfg"
        config.write_text(f"[core]\nowner = me\nhomedir = {folder}\nextra = {self.folder}\n")
        self.bot = Sopel(Config(str(config)))
        self.bot.memory.update(said=[], seen=[])

    def write(self, v, *, name="alpha.py", text=PLUGIN, stamp=None, **hooks):
        self.writes += 1
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(v=v, **{"on_setup": "pass", "on_shutdown": "pass", **hooks}))
        second = stamp or 1_700_000_000 + 2 * self.writes
        os.utime(path, (second, second))

    def load(self, name="alpha.py"):
        plugin = plugins.handlers.PyFilePlugin(str(self.folder / name))
        plugin.load()
        plugin.setup(self.bot)
        plugin.register(self.bot)

    def reload(self):
        try:
            self.bot.reload_plugin("alpha")
        except BaseException as error:
            return f"{type(error).__name__}: {error}"
        return "ok"

    def serves(self):
        """The versions whose commands the bot has."""
        commands = self.bot.rules.get_all_commands()
        rules = [rule for _, found in commands for rule in found.values()]
        return [rule._handler(self.bot, None) for rule in rules]


def stale_bytecode(world):
    """HR-SWAP-02: an edit of the same size in the same second is not taken."""
    world.write("v1", stamp=1_700_000_000)
    world.load()
    world.write("v2", stamp=1_700_000_000)
    said, seen = world.reload(), world.serves()
    return (said, seen) == ("ok", ["v1"]), f"reload said {said}, and {seen} serves"


def lost_plugin(world):
    """HR-ROLL-01, 02, 05, 06, 11: after a syntax error the plugin is gone, for good edits too."""
    world.write("v1")
    world.load()
    world.write("v2", on_setup="def broken(:")
    world.reload()
    seen, said = world.serves(), list(world.bot.memory["said"])
    world.write("v3")
    then = world.reload()
    shown = (seen, said) == ([], ["v1 setup", "v1 shutdown"]) and "not registered" in then
    return shown, f"{said} ran, {seen} serves; the next good edit: {then!r}"


def shutdown_raises(world):
    """HR-ROLL-07: a plugin whose shutdown raises can never be reloaded."""
    world.write("v1", on_shutdown="raise ValueError('not closed')")
    world.load()
    world.write("v2")
    said, seen = world.reload(), world.serves()
    return seen == ["v1"], f"reload said {said!r}, and {seen} serves"


def half_package(world):
    """HR-SWAP-04: after a reload a package cannot reach its own module by name."""
    text = "import alpha.part\ndef reach(): return alpha.part.VERSION\n"
    world.write("v1", name="alpha/part.py", text="VERSION = '{v}'\n")
    world.write("v1", name="alpha/__init__.py", text=text)
    world.load("alpha")
    before = world.bot.plugins["alpha"].module.reach()
    world.write("v2", name="alpha/part.py", text="VERSION = '{v}'\n")
    said = world.reload()
    try:
        seen = world.bot.plugins["alpha"].module.reach()
    except AttributeError as error:
        seen = f"AttributeError: {error}"
    return (before, said) == (
        "v1",
        "ok",
    ) and "AttributeError" in seen, f"reload said {said}; {seen}"


def module_stays(world):
    """HR-LOAD-02, HR-LOAD-06, HR-LEAK-01: a module stays behind, failed or taken out."""
    world.write("v1", on_setup="raise ValueError")
    try:
        world.load()
    except ValueError:
        failed = "alpha" in sys.modules
    sys.modules.pop("alpha", None)
    world.write("v1")
    world.load()
    plugin = world.bot.plugins["alpha"]
    plugin.shutdown(world.bot)
    plugin.unregister(world.bot)
    return failed and "alpha" in sys.modules, (
        f"in sys.modules after a failed load: {failed}; after shutdown and unregister: "
        f"{'alpha' in sys.modules}"
    )


def same_name(world):
    """HR-LOAD-09: of two plugins with one file name Sopel knows one."""
    world.write("v1", name="alpha.py")
    world.write("v5", name="more/alpha.py")
    world.bot.settings.core.extra = [str(world.folder), str(world.folder / "more")]
    found = plugins.get_usable_plugins(world.bot.settings)
    named = [handler.path for name, (handler, _) in found.items() if name == "alpha"]
    return len(named) == 1, f"two files on disk, Sopel finds {[Path(e).parent.name for e in named]}"


def gap(world):
    """HR-SWAP-05, 06, 07: while the new one is set up, nobody is registered."""
    world.write("v1")
    world.load()
    world.write("v2")
    said = world.reload()
    shown = (said, world.bot.memory["seen"][-1]) == ("ok", 0)
    return shown, f"plugins of the bot during the new setup: {world.bot.memory['seen'][-1]}"


def system_exit(world):
    """HR-ROLL-10: SystemExit in a plugin comes out of the reload, and the plugin is gone."""
    world.write("v1")
    world.load()
    world.write("v2", on_setup="raise SystemExit")
    said, seen = world.reload(), world.serves()
    return said.startswith("SystemExit") and seen == [], f"{said!r} came out; {seen} serves"


def half_setup(world):
    """HR-ROLL-03, HR-LOAD-03, HR-ROLL-04: setup fails at its end: no shutdown, no stage named."""
    world.write("v1")
    world.load()
    world.write("v2", on_setup="raise ValueError('no port')")
    said = world.reload()
    ran = world.bot.memory["said"]
    shown = "v2 setup" in ran and "v2 shutdown" not in ran and said == "ValueError: no port"
    return shown, f"{ran} ran, and the caller got {said!r}"


def empty_file(world):
    """HR-ROLL-01: an emptied file reloads well, and nobody serves."""
    world.write("v1")
    world.load()
    world.write("v2", text="")
    said, seen = world.reload(), world.serves()
    return (said, seen) == ("ok", []), f"reload said {said}, and {seen} serves"


CASES = [
    *(stale_bytecode, lost_plugin, shutdown_raises, half_package, module_stays, same_name, gap),
    *(system_exit, half_setup, empty_file),
]


def main():
    sys.dont_write_bytecode = False
    shown = []
    for case in [each for each in CASES if not sys.argv[1:] or each.__name__ in sys.argv[1:]]:
        with tempfile.TemporaryDirectory() as name:
            holds, seen = case(World(Path(name)))
        for module in [each for each in sys.modules if each.split(".")[0] == "alpha"]:
            del sys.modules[module]
        shown.append(holds)
        print(f"{'confirmed' if holds else 'NOT CONFIRMED'}  {case.__name__}: {case.__doc__}")
        print(f"           {seen}")
    return 0 if shown and all(shown) else 1


if __name__ == "__main__":
    sys.exit(main())
