"""Census: every part is made to grow once, and the growth is named in words."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib.machinery
import logging
import os
import signal
import subprocess
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hot_reload_fixtures import Census, Difference, Growth, process_facts

Grower = Callable[[Path], contextlib.AbstractContextManager[object]]


@contextlib.contextmanager
def a_thread(tmp_path: Path) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="poller")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def a_child(tmp_path: Path) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield
        child.communicate(b"\n")


@contextlib.contextmanager
def a_module(tmp_path: Path) -> Iterator[None]:
    sys.modules["census_subject"] = types.ModuleType("census_subject")
    try:
        yield
    finally:
        del sys.modules["census_subject"]


@contextlib.contextmanager
def a_list_entry(entries: list[object], entry: object) -> Iterator[None]:
    entries.append(entry)
    try:
        yield
    finally:
        del entries[-1]


@contextlib.contextmanager
def a_logger(tmp_path: Path) -> Iterator[None]:
    logging.getLogger("census.subject")
    try:
        yield
    finally:
        del logging.root.manager.loggerDict["census.subject"]
        logging.root.manager.loggerDict.pop("census", None)


@contextlib.contextmanager
def a_handler(tmp_path: Path) -> Iterator[None]:
    handler = logging.NullHandler()
    logging.getLogger("asyncio").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("asyncio").removeHandler(handler)


@contextlib.contextmanager
def an_exit_callback(tmp_path: Path) -> Iterator[None]:
    atexit.register(farewell)
    try:
        yield
    finally:
        atexit.unregister(farewell)


def farewell() -> None:
    """Never called: it is unregistered before the end."""


@contextlib.contextmanager
def a_signal_handler(tmp_path: Path) -> Iterator[None]:
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR2, before)


@contextlib.contextmanager
def a_filter(tmp_path: Path) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="census subject")
        yield


@contextlib.contextmanager
def a_variable(tmp_path: Path) -> Iterator[None]:
    os.environ["CENSUS_SUBJECT"] = "a secret value"
    try:
        yield
    finally:
        del os.environ["CENSUS_SUBJECT"]


@contextlib.contextmanager
def a_umask(tmp_path: Path) -> Iterator[None]:
    before = os.umask(0o077)
    os.umask(before ^ 0o001)
    try:
        yield
    finally:
        os.umask(before)


class Finder:
    def find_spec(self, *_: object) -> importlib.machinery.ModuleSpec | None:
        return None


GROWERS: dict[str, tuple[Grower, str]] = {
    "thread": (a_thread, "1 more thread: 'poller'"),
    "file descriptor": (lambda p: (p / "log").open("w"), "/log"),
    "child process": (a_child, "1 more child process: "),
    "module in sys.modules": (a_module, "1 more module in sys.modules: census_subject"),
    "sys.path entry": (
        lambda p: a_list_entry(sys.path, "census/subject"),  # type: ignore[arg-type]
        "1 more sys.path entry: 'census/subject'",
    ),
    "sys.meta_path finder": (
        lambda p: a_list_entry(sys.meta_path, Finder()),  # type: ignore[arg-type]
        "1 more sys.meta_path finder: ",
    ),
    "sys.path_hooks entry": (
        lambda p: a_list_entry(sys.path_hooks, Finder()),  # type: ignore[arg-type]
        "1 more sys.path_hooks entry: ",
    ),
    "logger": (a_logger, "1 more logger: 'census.subject'"),
    "logging handler": (a_handler, "1 more logging handler: NullHandler on 'asyncio'"),
    "atexit callback": (an_exit_callback, f"1 more atexit callback: {__name__}.farewell"),
    "signal handler": (a_signal_handler, "1 changed signal handler: SIGUSR2"),
    "warnings filter": (a_filter, "census subject"),
    "environment variable": (a_variable, "1 more environment variable: CENSUS_SUBJECT"),
    "process setting: working directory": (
        contextlib.chdir,
        "1 changed process setting: working directory",
    ),
    "process setting: umask": (a_umask, "1 changed process setting: umask"),
}


@pytest.mark.parametrize("part", GROWERS)
def test_growth_of_each_part_is_named(part: str, tmp_path: Path) -> None:
    grow, words = GROWERS[part]
    before = Census.take()
    if part in before.unavailable:
        pytest.skip(f"this system does not show it: {before.unavailable[part]}")
    with grow(tmp_path):
        growth = Census.growth(before, Census.take())
    assert words in growth.describe()
    assert part in [each.part for each in growth.grown]
    assert not growth.clean
    assert Census.growth(before, Census.take()).clean, "gone again, it is no growth"


def test_every_part_has_been_made_to_grow() -> None:
    assert process_facts.READERS.keys() - GROWERS.keys() == {
        "task",  # below: it needs a loop
        "process setting: locale",  # below: by a stand-in, another may not be installed
    }


async def test_tasks_of_the_running_loop_are_named() -> None:
    async def poll() -> None:
        await asyncio.Event().wait()

    before = Census.take()
    task = asyncio.create_task(poll(), name="poller")
    growth = Census.growth(before, Census.take())
    assert growth.describe().startswith("1 more task: 'poller' running test_tasks_of_the_running")
    task.cancel()
    await asyncio.wait([task])
    assert Census.growth(before, Census.take()).clean


def test_without_a_loop_the_tasks_are_unavailable_and_say_why() -> None:
    census = Census.take()
    assert census.unavailable["task"] == "no event loop runs here"
    assert Census.growth(census, census).unavailable["task"] == "no event loop runs here"


def test_a_changed_locale_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Census.take()
    monkeypatch.setattr("locale.setlocale", lambda category: "xx_XX")
    assert "1 changed process setting: locale: locale" in (
        Census.growth(before, Census.take()).describe()
    )


def test_values_of_variables_are_never_shown(tmp_path: Path) -> None:
    before = Census.take()
    with a_variable(tmp_path):
        middle = Census.take()
        os.environ["CENSUS_SUBJECT"] = "another secret value"
        changed = Census.growth(middle, Census.take())
        grown = Census.growth(before, middle)
    assert changed.describe() == "1 changed environment variable: CENSUS_SUBJECT"
    assert "secret" not in grown.describe()


def test_one_for_another_is_a_difference_and_no_growth(tmp_path: Path) -> None:
    with a_module(tmp_path):
        before = Census.take()
        kept = sys.modules["census_subject"]  # so that the next cannot have its address
    with a_module(tmp_path):
        assert sys.modules["census_subject"] is not kept
        growth = Census.growth(before, Census.take())
    assert growth.clean
    assert not growth.identical
    assert growth.describe() == (
        "1 more module in sys.modules: census_subject; "
        "1 fewer module in sys.modules: census_subject"
    )


def test_a_thread_that_threading_does_not_know_is_seen() -> None:
    import _thread

    running, stop, stopped = threading.Event(), threading.Event(), threading.Event()

    def run() -> None:
        running.set()
        stop.wait()
        stopped.set()

    before = Census.take()
    ident = _thread.start_new_thread(run, ())
    running.wait()
    growth = Census.growth(before, Census.take())
    stop.set()
    stopped.wait()
    while ident in sys._current_frames():
        pass  # nothing can join it, and the next test should not see it go
    assert "started without threading" in growth.describe()


def test_a_zombie_is_called_one(tmp_path: Path) -> None:
    before = Census.take()
    if "child process" in before.unavailable:
        pytest.skip(f"this system does not show it: {before.unavailable['child process']}")
    child = subprocess.Popen([sys.executable, "-c", ""])
    # Waits for the end of the child, and leaves it to be reaped.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    growth = Census.growth(before, Census.take())
    child.wait()
    assert f"1 more child process: {child.pid} " in growth.describe()
    assert "a zombie" in growth.describe()


def test_what_pytest_changes_itself_is_left_out_unless_asked_for() -> None:
    before = Census.take()
    os.environ["PYTEST_CURRENT_TEST"] += " in another phase"
    after = Census.take()
    assert Census.growth(before, after).identical
    everything = Census.growth(before, after, ignoring=lambda part, label: False)
    assert everything.describe() == "1 changed environment variable: PYTEST_CURRENT_TEST"


def test_ignoring_leaves_out_what_it_names(tmp_path: Path) -> None:
    before = Census.take()
    with a_module(tmp_path):
        growth = Census.growth(
            before, Census.take(), ignoring=lambda part, label: label == "census_subject"
        )
    assert growth.identical, growth.describe()


def test_long_lists_are_cut() -> None:
    difference = Difference("thread", added=tuple(f"t{n}" for n in range(20)))
    assert difference.describe().endswith("t7, … and 12 more")
    assert Growth((), {}).describe() == "no difference"


def test_a_part_that_one_system_hides_is_told_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.isdir", lambda path: False)
    census = Census.take()
    assert "file descriptor" not in census.parts
    assert "/dev/fd" in census.unavailable["file descriptor"]
