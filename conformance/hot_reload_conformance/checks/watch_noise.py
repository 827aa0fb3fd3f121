"""WATCH: what triggers nothing: noise beside the plugins, and a host's or a plugin's own writes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.watching import ALPHA, Watching, manual_ports
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.watch import DEADLINE_SECONDS, version
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.probe import Probe
from hot_reload_fixtures.mutators import SaveStyle

Act: TypeAlias = Callable[[Watching], None]

# HR-WATCH-07

NOISE = PluginSpec(name="noise", version="noise")
"""What lies in files that are no plugins: were one loaded, it would be heard of."""


def _beside(name: str) -> Act:
    """Write a file ``name`` beside the plugin, then once more with other bytes."""

    def act(watching: Watching) -> None:
        path = watching.case.workdir / name
        for number in range(2):
            watching.put(path, watching.text(NOISE) + b"#" * number)

    return act


def _lock_link(watching: Watching) -> None:
    link = watching.case.workdir / ".#alpha.py"  # as Emacs locks a file: it points nowhere
    link.unlink(missing_ok=True)
    link.symlink_to("somebody@example.4711:1")
    watching.hint(link)


def _read(watching: Watching) -> None:
    for _ in range(100):
        watching.path(ALPHA).read_bytes()
    watching.hint(watching.path(ALPHA))


def _touch(watching: Watching) -> None:
    os.utime(watching.path(ALPHA))
    watching.hint(watching.path(ALPHA))


def _mode(watching: Watching) -> None:
    watching.path(ALPHA).chmod(0o600)
    watching.hint(watching.path(ALPHA))


def _same_bytes(style: SaveStyle) -> Act:
    return lambda watching: watching.put(watching.path(ALPHA), watching.text(version(1)), style)


IGNORED: dict[str, tuple[str, Act]] = {
    "bytecode": ("bytecode", _beside(f"__pycache__/alpha.{sys.implementation.cache_tag}.pyc")),
    "vim-swap": ("an editor's swap file", _beside(".alpha.py.swp")),
    "vim-backup": ("an editor's backup file", _beside("alpha.py~")),
    "vim-probe": ("an editor's probe of the folder", _beside("4913")),
    "emacs-autosave": ("an editor's autosave file", _beside("#alpha.py#")),
    "emacs-lock": ("an editor's lock", _lock_link),
    "temporary": ("a temporary file", _beside("alpha.py.tmp")),
    "backup": ("a backup file", _beside("alpha.py.bak")),
    "merge-original": ("what a merge left behind", _beside("alpha.py.orig")),
    "test-file": ("a test file", _beside("test_alpha.py")),
    "test-file-by-its-end": ("a test file", _beside("alpha_test.py")),
    "conftest": ("a conftest.py", _beside("conftest.py")),
    "test-folder": ("a file in the folder tests", _beside("tests/alpha.py")),
    "repository": ("the repository's own files", _beside(".git/index")),
    "reads": ("a hundred reads of the plugin", _read),
    "touch": ("a new mtime without a change of bytes", _touch),
    "mode": ("new permissions without a change of bytes", _mode),
    "saved-in-place": ("a save without a change of bytes", _same_bytes(SaveStyle.IN_PLACE)),
    "saved-by-rename": ("a save without a change of bytes", _same_bytes(SaveStyle.RENAME)),
}
LOOKALIKES = ("latest_news", "contest", "protest_song", "attestation", "my_tests_plugin", "tempest")
"""Names of plugins in which a search for substrings finds a test or a temporary file."""


def _ignores(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant(name, each) for name, each in IGNORED.items()]
    return [*found, *(Variant(name, name) for name in LOOKALIKES)]


async def _lookalike(watching: Watching, spec: PluginSpec) -> None:
    words = f"{spec.name}.py is no test and no temporary file"
    if Claim.DISCOVER in watching.case.claims:
        await watching.serving(version(1))
        watching.save(spec)
        await watching.settle()
        await watching.expect_serving(["v01", "w01"], f"{words}, but as a new plugin it is ignored")
    else:
        await watching.serving(version(1), spec)
    watching.save(spec.at("w02"))
    await watching.settle()
    await watching.expect_serving(["v01", "w02"], f"{words}, but its edits are ignored")


@check(
    "HR-WATCH-07",
    variants=_ignores,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def ignores(case: Case, what: tuple[str, Act] | str) -> None:
    watching = Watching(case)
    if isinstance(what, str):
        await _lookalike(watching, version(1).at("w01", name=what))
        return
    text, act = what
    await watching.serving(version(1))
    for _ in range(2):
        act(watching)
        case.tell(f"{text} [{watching.now():.2f} s]")
        await watching.settle()
    watching.expect_runs(0, f"{text} triggers nothing")
    await watching.expect_serving("v01", f"after {text} the plugin does not serve as before")
    watching.save(version(2))
    await watching.settle()
    await watching.expect_serving("v02", f"after {text} an edit is not seen any more")


# HR-WATCH-08

REST_SECONDS = 60.0
REST_IN_REAL_TIME_SECONDS = 5.0


def _writes(name: str) -> Callable[[Watching, Probe], None]:
    def act(watching: Watching, probe: Probe) -> None:
        watching.put(watching.case.workdir / name, f"written by {probe.serial}".encode())

    return act


def _rewrites_itself(watching: Watching, probe: Probe) -> None:
    path = watching.path(ALPHA)
    watching.put(path, path.read_bytes())


OWN_WRITES: dict[str, tuple[str, Callable[[Watching, Probe], None]]] = {
    "nothing": ("", lambda _watching, _probe: None),
    "log": ("a log", _writes("alpha.log")),
    "data": ("a data file", _writes("alpha.json")),
    "cache": ("a cache", _writes("__pycache__/alpha.cache.pyc")),
    "temporary": ("a temporary file", _writes("alpha.py.tmp")),
    "itself": ("its own source, with the same bytes", _rewrites_itself),
}


@check(
    "HR-WATCH-08",
    variants=[Variant(*each) for each in OWN_WRITES.items()],
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def no_self_trigger(case: Case, what: tuple[str, Callable[[Watching, Probe], None]]) -> None:
    text, act = what
    watching = Watching(case)
    # Bytecode is what a host writes itself where it lets importlib load.
    sys.dont_write_bytecode = False
    case.recording.plan("import", lambda probe: act(watching, probe), times=1_000)
    await watching.serving(version(1))
    rest = REST_SECONDS if watching.clock else REST_IN_REAL_TIME_SECONDS
    await watching.run(rest)
    watching.expect_runs(0, f"a host at rest reloads nothing in {rest:g} s")
    watching.save(version(2))
    await watching.settle()
    await watching.run(rest)
    whose = f"; the plugin writes {text} whenever it is loaded" if text else ""
    watching.expect_runs(1, f"one edit gives one reload, and no loop{whose}")
