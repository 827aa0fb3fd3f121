"""The telling ✗ of jurigged, each shown without the kit.

    python confirm.py               # every case
    python confirm.py empty_file    # one

Ends with 0 where every case shows what the README says.
"""

import contextlib
import importlib
import io
import os
import sys
import tempfile
from pathlib import Path

import jurigged
from jurigged import live, register
from watchdog.events import FileModifiedEvent


class World:
    """A folder with modules, and jurigged's watch on it; watchdog's events come from here."""

    def __init__(self, folder):
        self.folder, self.writes, self.handlers, self.failures = folder, 0, [], []
        self.watcher = jurigged.watch(
            f"{folder}/*",
            logger=self.heard,
            registry=register.Registry(),
            autostart=False,
            debounce=0,
            poll=1,
        )
        self.watcher.observer = self

    def schedule(self, handler, folder):
        self.handlers.append(handler)

    def heard(self, event):
        if isinstance(event, Exception):
            self.failures.append(event)
        live.conservative_logger(event)

    def write(self, text, *, name="alpha.py", stamp=None, encoding="utf-8"):
        self.writes += 1
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding=encoding)
        second = stamp or 1_700_000_000 + 2 * self.writes
        os.utime(path, (second, second))

    def edited(self, text, **how):
        """Write, and have jurigged see it; what it printed."""
        self.write(text, **how)
        return self.seen()

    def seen(self):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            for each in list(self.handlers):
                if Path(each.filename).exists():
                    each.dispatch(FileModifiedEvent(each.filename))
        return out.getvalue()


def text(version, more=""):
    return f"VERSION = {version!r}\ndef who(): return VERSION\n{more}"


def stale_mtime(world):
    """HR-SWAP-02: the second edit with the same mtime is not taken."""
    world.write(text("v1"), stamp=1_700_000_000)
    import alpha

    world.edited(text("v2"), stamp=1_700_000_000)
    first = alpha.who()
    world.edited(text("v3"), stamp=1_700_000_000)
    return (first, alpha.who()) == ("v2", "v2"), f"{first}, and with v3 on disk {alpha.who()}"


def stale_submodule(world):
    """HR-SWAP-04: the package goes on with what it took from its own module by from-import."""
    world.write("VERSION = 'v1'\n", name="alpha/part.py")
    world.write("from .part import VERSION\ndef who(): return VERSION\n", name="alpha/__init__.py")
    import alpha

    world.edited("VERSION = 'v2'\n", name="alpha/part.py")
    shown = (alpha.who(), alpha.part.VERSION)
    return shown == ("v1", "v2"), f"alpha.who() is {shown[0]}, alpha.part.VERSION is {shown[1]}"


def half_module(world):
    """HR-ROLL-01, HR-OBS-04: of an edit that fails as it runs, the rest is taken."""
    world.write(text("v1"))
    import alpha

    said = world.edited(text("v2", "raise ValueError('late')\n"))
    return "late" in said and alpha.who() == "v2", f"ValueError is printed, {alpha.who()} answers"


def empty_file(world):
    """HR-ROLL-01: an emptied file takes every function away, without a word."""
    world.write(text("v1"))
    import alpha

    said = world.edited("")
    return (said, hasattr(alpha, "who")) == ("", False), f"printed {said!r}, who() is gone"


def reverted(world):
    """HR-ROLL-06: the text from before is written back, and the functions do not come back."""
    world.write(text("v1"))
    import alpha

    world.edited("")
    said = world.edited(text("v1"))
    gone = not hasattr(alpha, "who")
    world.edited(text("v2"))
    return gone and said == "" and alpha.who() == "v2", (
        f"after v1 was put back who() is gone: {gone}; another text brings it back: {alpha.who()}"
    )


def system_exit(world):
    """HR-ROLL-10: SystemExit in an edited module comes out of the watcher's handler."""
    world.write(text("v1"))
    import alpha

    try:
        world.edited(text("v2", "raise SystemExit\n"))
    except SystemExit:
        return alpha.who() == "v2", f"SystemExit came out, and {alpha.who()} answers"
    return False, "nothing came out"


def deleted_file(world):
    """HR-ROLL-11, HR-ROLL-04: a deleted file is passed over in silence; the old code answers."""
    world.write(text("v1"))
    import alpha

    (world.folder / "alpha.py").unlink()
    said = world.seen()
    listens = [each for each in ("on_deleted", "on_moved") if each in vars(live.JuriggedHandler)]
    return (said, alpha.who(), listens) == ("", "v1", []), f"said {said!r}, {alpha.who()} answers"


def printed_only(world):
    """HR-ROLL-04, HR-LOAD-03: a syntax error is printed, with <unknown> for the file."""
    world.write(text("v1"))
    import alpha

    said = world.edited(text("v2", "def broken(:\n"))
    shown = "SyntaxError" in said and "<unknown>" in said and "alpha" not in said
    return shown and alpha.who() == "v1", f"it names <unknown>, and {alpha.who()} answers"


def byte_order_mark(world):
    """HR-LOAD-01: a file with a byte order mark, which Python imports, is refused at every edit."""
    world.write(text("v1"), encoding="utf-8-sig")
    import alpha

    try:
        world.edited(text("v2"), encoding="utf-8-sig")
    except SyntaxError as error:
        return alpha.who() == "v1", f"out of the handler comes {error!r:.80}; {alpha.who()} answers"
    return False, "nothing came out"


def encoding_line(world):
    """HR-LOAD-01: a file with an encoding line, which Python obeys, is read as UTF-8: no watch."""
    line = "# -*- coding: latin-1 -*-\n# caf\xe9\n"
    world.write(line + text("v1"), encoding="latin-1")
    import alpha

    said = world.edited(line + text("v2"), encoding="latin-1")
    watched = len(world.handlers)
    return (said, alpha.who(), watched) == ("", "v1", 0), (
        f"printed {said!r}, {alpha.who()} answers: {watched} files are watched"
    )


def older_file(world):
    """Kept: a file with an older mtime (a checkout, a backup put back) is taken."""
    world.write(text("v1"), stamp=1_700_000_000)
    import alpha

    world.edited(text("v2"), stamp=1_600_000_000)
    return alpha.who() == "v2", f"{alpha.who()} answers"


def syntax_error(world):
    """Kept: after a syntax error the old code answers, and the next good edit is taken."""
    world.write(text("v1"))
    import alpha

    world.edited("def broken(:\n")
    kept = alpha.who()
    world.edited(text("v3"))
    return (kept, alpha.who()) == ("v1", "v3"), f"{kept}, then {alpha.who()}"


CASES = [
    *(stale_mtime, stale_submodule, half_module, empty_file, reverted, system_exit),
    *(deleted_file, printed_only, byte_order_mark, encoding_line, older_file, syntax_error),
]


def main():
    sys.dont_write_bytecode = False
    shown = []
    for case in [each for each in CASES if not sys.argv[1:] or each.__name__ in sys.argv[1:]]:
        with tempfile.TemporaryDirectory() as name:
            sys.path.insert(0, name)
            importlib.invalidate_caches()
            holds, seen = case(World(Path(name)))
            sys.path.remove(name)
        register._sniffer_callbacks.clear()
        for module in [each for each in sys.modules if each.split(".")[0] == "alpha"]:
            del sys.modules[module]
        shown.append(holds)
        print(f"{'confirmed' if holds else 'NOT CONFIRMED'}  {case.__name__}: {case.__doc__}")
        print(f"           {seen}")
    return 0 if shown and all(shown) else 1


if __name__ == "__main__":
    sys.exit(main())
