"""The telling ✗ of ``importlib.reload``, each shown without the kit. Ends with 0 where all show.

python confirm.py
"""

import contextlib
import importlib
import os
import sys
import tempfile
from pathlib import Path


def write(path, text, second):
    path.write_text(text)
    os.utime(path, (second, second))
    importlib.invalidate_caches()


def stale_bytecode(folder):
    """HR-SWAP-02: an edit of the same size in the same second is not taken."""
    write(folder / "plug.py", "V = 'v1'\n", 1_700_000_000)
    module = importlib.import_module("plug")
    write(folder / "plug.py", "V = 'v2'\n", 1_700_000_000)
    return importlib.reload(module).V == "v1", f"{module.V} after the reload, v2 on disk"


def removed_name(folder):
    """HR-SWAP-03: a function that was removed from the file is still there."""
    write(folder / "plug.py", "def on_main(): pass\ndef on_extra(): pass\n", 1_700_000_000)
    module = importlib.import_module("plug")
    write(folder / "plug.py", "def on_main(): pass\n", 1_700_000_002)
    importlib.reload(module)
    found = [name for name in vars(module) if name.startswith("on_")]
    return found == ["on_main", "on_extra"], f"{found}"


def half_new(folder):
    """HR-ROLL-01: code that fails at its end leaves its first half in the old module."""
    write(folder / "plug.py", "V = 'v1'\ndef who(): return V\n", 1_700_000_000)
    module = importlib.import_module("plug")
    old = module.who
    write(folder / "plug.py", "V = 'v2'\nraise ValueError\n", 1_700_000_002)
    with contextlib.suppress(ValueError):
        importlib.reload(module)
    return old() == "v2", f"the reload failed, and the old function answers {old()}"


def stale_submodule(folder):
    """HR-SWAP-04: an edit in a module of the package's own is not taken."""
    (folder / "plug").mkdir()
    write(folder / "plug/part.py", "V = 'v1'\n", 1_700_000_000)
    write(folder / "plug/__init__.py", "from .part import V\n", 1_700_000_000)
    module = importlib.import_module("plug")
    write(folder / "plug/part.py", "V = 'v2'\n", 1_700_000_002)
    return importlib.reload(module).V == "v1", f"{module.V} after the reload, v2 on disk"


def main():
    sys.dont_write_bytecode = False
    all_shown = True
    for case in (stale_bytecode, removed_name, half_new, stale_submodule):
        with tempfile.TemporaryDirectory() as name:
            sys.path.insert(0, name)
            holds, seen = case(Path(name))
            sys.path.remove(name)
            for each in ("plug", "plug.part"):
                sys.modules.pop(each, None)
        all_shown = all_shown and holds
        print(f"{'confirmed' if holds else 'NOT CONFIRMED'}  {case.__name__}: {case.__doc__}")
        print(f"           {seen}")
    return 0 if all_shown else 1


if __name__ == "__main__":
    sys.exit(main())
