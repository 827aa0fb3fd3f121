"""I17, I14, I19: what an import changes in the process is told by name, and put back."""

from __future__ import annotations

import builtins
import errno
import hashlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hot_reload.errors import ImportRefused
from hot_reload.source.code import CodeCache
from hot_reload.source.library_parts import LIBRARY_PARTS
from hot_reload.source.namespace import Namespace
from hot_reload.source.process_parts import PARTS, _same_modules
from hot_reload.source.process_state import (
    ProcessState,
    StatePolicy,
    Watch,
    changes,
    undo,
)
from hot_reload.source.snapshot import SourceFile, SourceSnapshot

FILE = "/plugins/rude.py"


class Importer:
    """Imports one text under a policy, and keeps what was told of it."""

    def __init__(self) -> None:
        self.report = Watch(StatePolicy.UNDO, own="", file="")
        self.namespaces: list[Namespace] = []

    def run(self, source: str, policy: StatePolicy = StatePolicy.UNDO) -> ModuleType:
        data = source.encode()
        file = SourceFile(Path(FILE), data, hashlib.sha256(data).hexdigest())
        snapshot = SourceSnapshot("rude", {"": file}, frozenset(), file.sha256)
        namespace = Namespace(snapshot, 1, CodeCache())
        self.namespaces.append(namespace)
        with Watch(policy, own=namespace.top, file=FILE) as self.report:
            return namespace.execute()


@pytest.fixture
def importer() -> Iterator[Importer]:
    """With a photograph around the test: whatever a test leaves changed is put back and fails."""
    before = ProcessState.capture()
    importer = Importer()
    yield importer
    for each in importer.namespaces:
        each.release()
    left = ProcessState.capture().changes_since(before, own="rude@g1")
    undo(left)
    told = [str(each) for each in left]
    # pytest and pytest-timeout change these two between the phases of a test.
    assert [t for t in told if "PYTEST_CURRENT_TEST" not in t and "SIGALRM" not in t] == []


RUDE: dict[str, tuple[str, str]] = {
    "cwd": ("import os; os.chdir('/')", "changed the working directory from "),
    "umask": ("import os; os.umask(0o111)", "changed the umask from "),
    "locale": ("import locale; locale.setlocale(locale.LC_ALL, 'C.UTF-8')", "changed the locale"),
    "environ set": (
        "import os; os.environ['RUDE'] = 'secret'",
        "set the environment variable 'RUDE'",
    ),
    "environ changed": (
        "import os; os.environ['PATH'] = 'secret'",
        "changed the environment variable 'PATH'",
    ),
    "environ removed": (
        "import os; del os.environ['PATH']",
        "removed the environment variable 'PATH'",
    ),
    "signal": (
        "import signal; signal.signal(signal.SIGUSR1, lambda *_: None)",
        "replaced the handler of SIGUSR1",
    ),
    "signal without a name": (
        "import signal; signal.signal(40, lambda *_: None)",
        "replaced the handler of signal 40",
    ),
    "sys.path": ("import sys; sys.path.insert(0, '/rude')", "sys.path: added '/rude'"),
    "sys.path removed": ("import sys; sys.path.pop()", "sys.path: removed '"),
    "sys.path order": ("import sys; sys.path.reverse()", "sys.path: changed the order"),
    "sys.path replaced": ("import sys; sys.path = ['/rude']", "sys.path: added '/rude', removed"),
    "path hook": ("import sys; sys.path_hooks.append(len)", "sys.path_hooks: added builtins.len"),
    "meta path": (
        "import sys\nclass Finder:\n    find_spec = staticmethod(lambda *_: None)\n"
        "sys.meta_path.insert(0, Finder())",
        "sys.meta_path: added rude@g1.Finder",
    ),
    "meta path removed": (
        "import sys; sys.meta_path[:] = [f for f in sys.meta_path if 'Path' not in str(f)]",
        "sys.meta_path: removed ",
    ),
    "stdout": ("import io, sys; sys.stdout = io.StringIO()", "replaced sys.stdout by _io.StringIO"),
    "stderr": ("import sys; sys.stderr = None", "replaced sys.stderr by builtins.NoneType"),
    "excepthook": ("import sys; sys.excepthook = print", "replaced sys.excepthook by builtins.pr"),
    "displayhook": ("import sys; sys.displayhook = print", "replaced sys.displayhook by builtins"),
    "thread excepthook": (
        "import threading; threading.excepthook = print",
        "replaced threading.excepthook by builtins.print",
    ),
    "i14 recursion limit": (
        "import sys; sys.setrecursionlimit(10**9)",
        "changed the recursion limit from ",
    ),
    "switch interval": (
        "import sys; sys.setswitchinterval(0.5)",
        "changed the switch interval from 0.005 to 0.5",
    ),
    "gc off": ("import gc; gc.disable()", "changed the garbage collection switch from True"),
    "gc threshold": ("import gc; gc.set_threshold(1)", "changed the garbage collection threshold"),
    "gc debug": ("import gc; gc.set_debug(gc.DEBUG_UNCOLLECTABLE)", "collection debug flags from"),
    "socket timeout": (
        "import socket; socket.setdefaulttimeout(1)",
        "changed the default socket timeout from None to 1.0",
    ),
    "decimal": ("import decimal; decimal.getcontext().prec = 3", "changed the decimal context"),
    "decimal traps": (
        "import decimal; decimal.getcontext().traps[decimal.Inexact] = True",
        "changed the decimal context",
    ),
    "warnings": (
        "import warnings; warnings.simplefilter('ignore')",
        "changed the warnings filters",
    ),
    "captured warnings": (
        "import logging; logging.captureWarnings(True)",
        "set the function that shows warnings to logging._showwarning",
    ),
    "root handler": (
        "import logging; logging.getLogger().addHandler(logging.NullHandler())",
        "handlers of the root logger: added logging.NullHandler",
    ),
    "root filter": (
        "import logging; logging.getLogger().addFilter(logging.Filter('x'))",
        "filters of the root logger: added logging.Filter",
    ),
    "root level": (
        "import logging; logging.getLogger().setLevel(3)",
        "changed the level of the root logger from ",
    ),
    "logging disabled": (
        "import logging; logging.disable()",
        "changed the level up to which logging is disabled from 0 to 50",
    ),
    "loggers disabled": (  # as logging.config does by default to all that are there
        "import logging\nfor each in ('', '.too', '.of_the_import'):\n"
        "    logging.getLogger(f'i17.of_the_host{each}').disabled = True",
        "disabled 2 loggers, such as 'i17.of_the_host'; disable_existing_loggers is the default "
        "of logging.config",
    ),
    "logger disabled": (
        "import logging; logging.getLogger('i17.of_the_host').disabled = True",
        "disabled the logger 'i17.of_the_host'",
    ),
    "logger class": (
        "import logging\nclass Mine(logging.Logger): ...\nlogging.setLoggerClass(Mine)",
        "set the logger class to rude@g1.Mine",
    ),
    "record factory": (
        "import logging; logging.setLogRecordFactory(lambda *a, **k: None)",
        "set the log record factory to rude@g1.<lambda>",
    ),
    "trace": ("import sys; sys.setprofile(lambda *_: None)", "set the profile function to "),
    "at exit": (
        "import atexit\ndef late(): ...\natexit.register(late)",
        "registered late to be called at exit",
    ),
    "i19 module removed": (
        "import sys; del sys.modules['json']",
        "removed the module 'json' in sys.modules",
    ),
    "i19 module replaced": (
        "import sys; sys.modules['json'] = sys",
        "replaced the module 'json' in sys.modules",
    ),
    "i19 module replaced by its equal": (
        "import sys\nclass Equal:\n    def __eq__(self, other): return True\n"
        "sys.modules['json'] = Equal()",
        "replaced the module 'json' in sys.modules",
    ),
    "i19 built-in replaced": (
        "import builtins; builtins.open = builtins.map = builtins.tuple = None",
        "replaced the built-in 'map'",
    ),
    "i19 built-in added": ("import builtins; builtins.rude = 1", "added the built-in 'rude'"),
    "event loop policy": (
        "import asyncio\nclass Mine(asyncio.DefaultEventLoopPolicy): ...\n"
        "asyncio.set_event_loop_policy(Mine())",
        "set the asyncio event loop policy to rude@g1.Mine",
    ),
    "arguments": ("import sys; sys.argv[1:] = ['--secret']", "changed sys.argv"),
    "arguments replaced": ("import sys; sys.argv = []", "changed sys.argv"),
    "resource limit": (
        "import resource; hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (123, hard))",
        "changed the resource limit NOFILE from (",
    ),
    "certificates": (
        "import ssl; ssl._create_default_https_context = ssl._create_unverified_context",
        "replaced the function that makes ssl's default context for HTTPS",
    ),
    "fault handler": (
        "import faulthandler\n"
        "(faulthandler.disable if faulthandler.is_enabled() else faulthandler.enable)()",
        "changed the fault handler from ",
    ),
    "memory tracing": (
        "import tracemalloc; tracemalloc.start()",
        "changed the tracing of memory from False to True",
    ),
    "digits": (
        "import sys; sys.set_int_max_str_digits(0)",
        "changed the limit of digits of an integer from 4300 to 0",
    ),
    "stack size": (
        "import threading; threading.stack_size(1 << 20)",
        "changed the stack size of new threads from 0 to 1048576",
    ),
    "profile of threads": (
        "import threading; threading.setprofile(lambda *_: None)",
        "set the profile function of new threads to rude@g1.<lambda>",
    ),
    "trace of threads": (
        "import threading; threading.settrace(lambda *_: None)",
        "set the trace function of new threads to rude@g1.<lambda>",
    ),
    "bytecode": (
        "import sys; sys.dont_write_bytecode = None",
        "replaced sys.dont_write_bytecode by builtins.NoneType",
    ),
    "bytecode elsewhere": (
        "import sys; sys.pycache_prefix = '/rude'",
        "replaced sys.pycache_prefix by builtins.str",
    ),
    "errors of logging": (
        "import logging; logging.raiseExceptions = 0",
        "replaced logging.raiseExceptions by builtins.int",
    ),
    "last resort": (
        "import logging; logging.lastResort = None",
        "replaced logging.lastResort by builtins.NoneType",
    ),
    "i19 built-in removed": ("import builtins; del builtins.ascii", "removed the built-in 'ascii'"),
}


@pytest.fixture(autouse=True)
def _json_is_imported() -> None:
    __import__("json")
    for name in ("i17.of_the_host", "i17.of_the_host.too"):
        logging.getLogger(name)


@pytest.mark.parametrize("case", RUDE)
def test_i17_a_change_is_told_and_undone(case: str, importer: Importer) -> None:
    source, sentence = RUDE[case]
    importer.run(source)
    told = importer.report.remarks
    assert len(told) == (3 if case == "i19 built-in replaced" else 1)
    assert [each for each in told if sentence in each]
    assert all(each.endswith("; undone") for each in told)
    assert "secret" not in str(told)


@pytest.mark.parametrize("policy", StatePolicy)
@pytest.mark.parametrize("case", RUDE)
def test_i17_a_failing_import_leaves_nothing(
    case: str, policy: StatePolicy, importer: Importer
) -> None:
    with pytest.raises(ZeroDivisionError):
        importer.run(RUDE[case][0] + "\n1 / 0\n", policy)
    assert RUDE[case][1] in " ".join(importer.report.remarks)


RENAMES = """
import sys
own = sys.modules.pop(__name__)
sys.modules["renamed_by_i19"] = sys.modules.pop("library_of_i19")
sys.modules[__name__] = own
"""


def test_i19_a_module_under_another_name_in_the_same_place(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "library_of_i19", ModuleType("library_of_i19"))
    assert list(sys.modules)[-1] == "library_of_i19"
    importer.run(RENAMES)
    del sys.modules["renamed_by_i19"]
    sentence = "removed the module 'library_of_i19' in sys.modules; undone"
    assert importer.report.remarks == (sentence,)


def test_i19_a_module_that_came_to_another_place_is_none_that_changed(importer: Importer) -> None:
    importer.run("import sys; sys.modules['json'] = sys.modules.pop('json')")
    assert importer.report.remarks == ()


ANOTHER_ENGINE = """
import threading
from builtins import beside_i19
for step in beside_i19:
    thread = threading.Thread(target=step)
    thread.start()
    thread.join()
"""


def test_i19_what_an_engine_on_another_thread_lets_go_is_not_brought_back(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A generation of that engine ends while the import runs on this thread, its name is taken
    # by another one at once, and a third is between two steps of Python's own import.
    others = Importer()
    steps = (
        lambda: others.namespaces[0].release(),
        lambda: others.run("", StatePolicy.REPORT),
        lambda: sys.modules.pop(others.namespaces[1].top),
    )
    for _ in range(2):
        thread = threading.Thread(target=lambda: others.run("", StatePolicy.REPORT))
        thread.start()
        thread.join()
    ended, beside = (each.top for each in others.namespaces)
    monkeypatch.setattr(builtins, "beside_i19", steps, raising=False)
    try:
        module = importer.run(ANOTHER_ENGINE)
        assert importer.report.remarks == ()
        assert others.namespaces[2].top == ended, "it took the free name"
        assert beside not in sys.modules
        assert module.__name__ not in (ended, beside)
    finally:
        for each in others.namespaces:
            each.release()


def test_i19_a_module_of_another_generation_on_this_thread_is_put_back(importer: Importer) -> None:
    first = importer.run("")
    importer.run(f"import sys; del sys.modules[{first.__name__!r}]")
    assert importer.report.remarks == (
        f"removed the module {first.__name__!r} in sys.modules; undone",
    )
    assert sys.modules[first.__name__] is first


SEVERAL = ("cwd", "umask", "sys.path", "gc off", "root level")


def test_i17_several_changes_are_undone_together(importer: Importer) -> None:
    source = "\n".join(
        RUDE[each][0] for each in ("cwd", "umask", "sys.path", "gc off", "root level")
    )
    importer.run(source)
    assert [each.part for each in importer.report.made] == [
        "working directory",
        "umask",
        "sys.path",
        "garbage collection switch",
        "level of the root logger",
    ]


def test_i17_report_leaves_it(importer: Importer) -> None:
    importer.run("import sys; sys.path.append('/rude')", StatePolicy.REPORT)
    assert importer.report.remarks == ("sys.path: added '/rude'",)
    assert sys.path[-1] == "/rude"
    assert undo(importer.report.made) == ()


def test_i19_broken_builtins_are_mended_under_every_policy(importer: Importer) -> None:
    source = "import builtins; builtins.rude = 1; builtins.isinstance = None; del builtins.next"
    importer.run(source, StatePolicy.REPORT)
    assert sorted(importer.report.remarks) == [
        "added the built-in 'rude'",
        "removed the built-in 'next'; undone",
        "replaced the built-in 'isinstance'; undone",
    ]
    assert undo(importer.report.made) == ()


def test_i17_refuse_undoes_and_raises(importer: Importer) -> None:
    with pytest.raises(ImportRefused) as caught:
        importer.run("import sys; sys.path.append('/rude')", StatePolicy.REFUSE)
    assert str(caught.value) == ("the import changed the process: sys.path: added '/rude'; undone")
    assert caught.value.file == FILE
    assert "start()" in str(caught.value.hint)


def test_i17_refuse_lets_a_polite_import_through(importer: Importer) -> None:
    assert importer.run("x = 1", StatePolicy.REFUSE).x == 1


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "import colorsys",
        "import logging; logging.getLogger(__name__).addHandler(logging.NullHandler())",
        "import decimal; decimal.Decimal(1) / 3",
        "import atexit, os\natexit.register(os.getpid)\natexit.unregister(os.getpid)",
    ],
)
def test_i17_a_polite_import_is_told_nothing(source: str, importer: Importer) -> None:
    importer.run(source)
    assert importer.report.remarks == ()


def test_i17_a_librarys_own_finder_and_exit_function_stay(
    importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "library_of_i17.py").write_text(
        "import atexit, sys\nclass Finder:\n    find_spec = staticmethod(lambda *_: None)\n"
        "finder = Finder()\nsys.meta_path.append(finder)\ndef late(): ...\natexit.register(late)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    importer.run("import library_of_i17")
    library = sys.modules.pop("library_of_i17")
    assert importer.report.remarks == ()
    assert library.finder in sys.meta_path
    sys.meta_path.remove(library.finder)
    __import__("atexit").unregister(library.late)


def test_i17_what_cannot_be_put_back_is_said(
    importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, here = tmp_path / "gone", os.getcwd()
    gone.mkdir()
    monkeypatch.chdir(gone)
    try:
        importer.run(
            f"import os, sys; os.chdir('/'); os.rmdir({str(gone)!r}); sys.path.append('x')"
        )
    finally:
        os.chdir(here)
    path, directory = importer.report.remarks
    assert path == "sys.path: added 'x'; undone"
    assert directory.endswith("and could not be put back: FileNotFoundError")


def test_i17_a_directory_that_was_gone_before_cannot_be_gone_back_to(
    importer: Importer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    importer.run("x = 1")
    assert not importer.report.made
    importer.run("import os; os.chdir('/')")
    (told,) = importer.report.remarks
    assert told == (
        "changed the working directory from None to '/' and could not be put back: "
        "FileNotFoundError"
    )
    os.chdir(tmp_path)


@pytest.mark.parametrize("silent", ["it cannot be opened", "it does not say"])
def test_i17_a_umask_that_the_kernel_does_not_tell_is_left_alone(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without /proc, out of descriptors, before Linux 4.7: asking by os.umask() would set it."""
    real = os.open

    def opened(path: str, flags: int) -> int:
        if path == "/proc/self/status" and silent == "it cannot be opened":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(os.devnull if path == "/proc/self/status" else path, flags)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", opened)
        before = ProcessState.capture()
        assert changes(before, ProcessState.capture()) == ()
    mask = os.umask(0o27)
    try:
        made = ProcessState.capture().changes_since(before)
        assert undo(made) == ()
        assert os.umask(0o27) == 0o27, "what it was is not known, and nothing is made up"
    finally:
        os.umask(mask)
    assert [str(each) for each in made] == ["changed the umask from None to 23"]


def test_i19_built_ins_are_put_back_from_a_photograph_alone() -> None:
    """As whoever takes it by hand does; around an import they are mended before that."""
    real, before = ascii, ProcessState.capture()
    builtins.ascii = repr
    try:
        made = ProcessState.capture().changes_since(before)
        assert [str(each) for each in made] == ["replaced the built-in 'ascii'"]
        assert undo(made) == ()
        assert builtins.ascii is real
    finally:
        builtins.ascii = real


def test_i19_names_that_cannot_be_compared_are_compared_one_by_one() -> None:
    """A key of ``sys.modules`` may be any object that hashes like a name."""

    class Key:
        def __hash__(self) -> int:
            return hash("json")

        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError

    module: Any = object()
    first: Any = {Key(): module}
    second: Any = {Key(): module}
    assert not _same_modules(first, second)
    assert _same_modules(first, first)


def test_i17_no_code_of_the_plugins_objects_is_run(importer: Importer) -> None:
    source = (
        "import logging, sys\nclass Bomb:\n"
        "    def __eq__(self, other): raise SystemExit\n    __repr__ = __str__ = __eq__\n"
        "    __hash__ = None\n"
        "logging.getLogger().handlers.append(Bomb())\nsys.stdin = Bomb()\nsys.path.append(Bomb())"
    )
    importer.run(source)
    assert len(importer.report.remarks) == 3


def test_i17_a_flood_of_changes_is_cut(importer: Importer) -> None:
    importer.run("import os\nfor i in range(100): os.environ[f'RUDE{i}'] = ''")
    assert len(importer.report.remarks) == 21
    assert importer.report.remarks[-1] == "and 80 changes more"
    assert not [name for name in os.environ if name.startswith("RUDE")]


def test_two_photographs_of_the_same_process_are_alike() -> None:
    first = ProcessState.capture()
    assert changes(first, ProcessState.capture(), own="rude@g1") == ()


def test_every_part_has_a_case() -> None:
    """A part that no rude import changes could be blind, and nobody would see it."""
    told = {part.name for part in (*LIBRARY_PARTS, *PARTS)}
    by_hand = {"sys.stdin", "sys.unraisablehook", "sys.breakpointhook", "trace function"}
    by_hand |= {"running event loop", "time zone", "alarm"}  # in test_library_parts
    covered = set()
    for source, _ in RUDE.values():
        before = ProcessState.capture()
        exec(source, {"__name__": "rude@g1"})
        made = before.mend_builtins()
        made += changes(before, ProcessState.capture(), own="rude@g1")
        covered |= {each.part for each in made}
        undo(made)
    assert told - covered == by_hand
