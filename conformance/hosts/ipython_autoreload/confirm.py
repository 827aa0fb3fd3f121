"""The telling ✗ of IPython's ``%autoreload 2``, each shown without the kit.

    python confirm.py               # every case
    python confirm.py empty_file    # one

Ends with 0 where every case shows what the README says.
"""

import contextlib
import gc
import io
import logging
import os
import sys
import tempfile
import weakref
from pathlib import Path

from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell


class World:
    """A shell with autoreload, and a folder with modules."""

    def __init__(self, folder):
        self.folder, self.writes = folder, 0
        HistoryManager.enabled = False
        InteractiveShell.clear_instance()
        self.shell = InteractiveShell.instance()
        self.cell("%load_ext autoreload")
        self.cell("%autoreload 2")

    def write(self, text, *, name="alpha.py", stamp=None):
        self.writes += 1
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        if path.is_dir():
            path.rmdir()
        path.write_text(text)
        second = stamp or 1_700_000_000 + 2 * self.writes
        os.utime(path, (second, second))

    def cell(self, text):
        """Run a cell; whether it succeeded, and what was printed."""
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
            result = self.shell.run_cell(text)
        return "ok" if result.success else repr(result.error_in_exec), out.getvalue()

    def names(self):
        return sorted(each for each in vars(sys.modules["alpha"]) if not each.startswith("__"))


def stale_mtime(world):
    """HR-SWAP-02: an edit with the same mtime is not taken: it asks for newer."""
    world.write("def who(): return 'v1'\n", stamp=1_700_000_000)
    world.cell("import alpha")
    world.write("def who(): return 'v2'\n", stamp=1_700_000_000)
    said, _ = world.cell("pass")
    seen = sys.modules["alpha"].who()
    return (said, seen) == ("ok", "v1"), f"on disk is v2, and {seen} answers"


def older_file(world):
    """HR-ROLL-05, 06: a file with an older mtime (a checkout, a backup put back) is not taken."""
    world.write("def who(): return 'v1'\n", stamp=1_700_000_000)
    world.cell("import alpha")
    world.write("def who(): return 'v2'\n", stamp=1_600_000_000)
    said, _ = world.cell("pass")
    seen = sys.modules["alpha"].who()
    return (said, seen) == ("ok", "v1"), f"on disk is v2, and {seen} answers"


def stale_submodule(world):
    """HR-SWAP-04: the package goes on with what it took from its own module by from-import."""
    world.write("VERSION = 'v1'\n", name="alpha/part.py")
    world.write("from .part import VERSION\ndef who(): return VERSION\n", name="alpha/__init__.py")
    world.cell("import alpha")
    world.write("VERSION = 'v2'\n", name="alpha/part.py")
    said, _ = world.cell("pass")
    alpha = sys.modules["alpha"]
    shown = (said, alpha.who(), alpha.part.VERSION) == ("ok", "v1", "v2")
    return shown, f"alpha.who() is {alpha.who()}, alpha.part.VERSION is {alpha.part.VERSION}"


def empty_file(world):
    """HR-ROLL-01: an emptied file takes every function away, without a word."""
    world.write("def who(): return 'v1'\n")
    world.cell("import alpha")
    world.write("")
    said, printed = world.cell("pass")
    return (said, printed, world.names()) == ("ok", "", []), f"alpha has {world.names()}"


def half_module(world):
    """HR-ROLL-01, HR-ROLL-10: CancelledError at import: the cell fails, half the new code stays."""
    world.write("def who(): return 'v1'\n")
    world.cell("import alpha")
    text = "import asyncio\ndef who(): return 'v2'\nraise asyncio.CancelledError\n"
    world.write(text)
    said, _ = world.cell("print('the cell')")
    seen = sys.modules["alpha"].who()
    return said != "ok" and seen == "v2", f"the cell ended with {said}, and {seen} answers"


def system_exit(world):
    """HR-ROLL-10: SystemExit in an edited module ends the next cell, whatever it is."""
    world.write("def who(): return 'v1'\n")
    world.cell("import alpha")
    world.write("raise SystemExit\n")
    said, printed = world.cell("print('the cell')")
    return said == "SystemExit()" and "the cell" not in printed, f"the cell ended with {said}"


def deleted_file(world):
    """HR-ROLL-11, HR-ROLL-04: a deleted file is passed over in silence."""
    world.write("def who(): return 'v1'\n")
    world.cell("import alpha")
    (world.folder / "alpha.py").unlink()
    said, printed = world.cell("pass")
    seen = sys.modules["alpha"].who()
    return (said, printed, seen) == ("ok", "", "v1"), f"the cell says {said}, {seen} answers"


def printed_only(world):
    """HR-ROLL-04: a module that fails to reload is printed; the cell is told to have succeeded."""
    world.write("def who(): return 'v1'\n")
    world.cell("import alpha")
    world.write("def broken(:\n")
    said, printed = world.cell("pass")
    return (
        said == "ok" and "SyntaxError" in printed,
        f"the cell says {said}, SyntaxError is printed",
    )


def same_text_again(world):
    """A module that failed for want of another is saved again: it is not tried again."""
    world.write("def who(): return 'v1'\n")
    world.cell("import alpha")
    text = "import confirm_helper\ndef who(): return 'v2'\n"
    world.write(text)
    _, printed = world.cell("pass")
    world.write("", name="confirm_helper.py")
    world.write(text)
    said, then = world.cell("pass")
    seen = sys.modules["alpha"].who()
    shown = "No module named" in printed and (said, then, seen) == ("ok", "", "v1")
    return shown, f"the module that it wants is there now, alpha was saved again, {seen} answers"


def kept_traceback(world):
    """HR-LEAK-01: the module of a failed import is kept by the last traceback, for %debug."""
    world.write(
        "class Thing: pass\nthing = Thing()\nimport confirm_refs\n"
        "confirm_refs.refs.append(confirm_refs.ref(thing))\nimport no_such_module\n"
    )
    world.cell("import alpha")
    gc.collect()
    (ref,) = sys.modules["confirm_refs"].refs
    kept = ref() is not None
    sys.last_value = sys.last_traceback = None
    return kept, f"alive after the failed import: {kept}"


CASES = [
    *(stale_mtime, older_file, stale_submodule, empty_file, half_module, system_exit),
    *(deleted_file, printed_only, same_text_again, kept_traceback),
]


def main():
    sys.dont_write_bytecode = False
    logging.getLogger("autoreload").addHandler(logging.NullHandler())
    logging.getLogger("autoreload").propagate = False
    refs = type(sys)("confirm_refs")
    refs.refs, refs.ref = [], weakref.ref
    sys.modules["confirm_refs"] = refs
    shown = []
    for case in [each for each in CASES if not sys.argv[1:] or each.__name__ in sys.argv[1:]]:
        with tempfile.TemporaryDirectory() as name:
            sys.path.insert(0, name)
            holds, seen = case(World(Path(name)))
            sys.path.remove(name)
        for module in [each for each in sys.modules if each.split(".")[0] == "alpha"]:
            del sys.modules[module]
        shown.append(holds)
        print(f"{'confirmed' if holds else 'NOT CONFIRMED'}  {case.__name__}: {case.__doc__}")
        print(f"           {seen}")
    return 0 if shown and all(shown) else 1


if __name__ == "__main__":
    sys.exit(main())
