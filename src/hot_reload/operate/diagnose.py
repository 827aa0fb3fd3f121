"""Diagnose: why a reload of a plugin would fail now, and what to do next.

It looks at the disk as a reload would, and at what the engine remembers. It runs nothing
of the plugin, writes no file, and changes nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hot_reload.errors import EngineMisuse, SourceError, SourceSyntaxError
from hot_reload.operate.attempt import is_open, loaded_now
from hot_reload.operate.finding import Finding, FindingKind
from hot_reload.operate.health import Health
from hot_reload.operate.imports import (
    distribution_of,
    is_there,
    wanted_by,
)
from hot_reload.operate.plain import plain, shown
from hot_reload.outcome import Refused, Running
from hot_reload.ports import Files
from hot_reload.runtime.arguments import given_name
from hot_reload.runtime.engine import Engine
from hot_reload.runtime.roster import PluginStatus
from hot_reload.source.bindings import Texts
from hot_reload.source.code import compile_source
from hot_reload.source.declared import declared_dependencies
from hot_reload.source.snapshot import (
    FILE_LIMIT_BYTES,
    DiskFiles,
    SourceFile,
    SourceSnapshot,
    take_snapshot,
)
from hot_reload.source.validate import UNREACHED
from hot_reload.watch.watcher import Watcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found out about one plugin. Plain data."""

    plugin: str
    path: str | None
    """Where it lies; None: the engine does not know it."""
    running: Running | None
    on_disk: str | None
    """The hash of what a reload would run; None: it cannot be read."""
    findings: tuple[Finding, ...]
    """What blocks first, in the order in which a reload would meet it."""

    @property
    def ok(self) -> bool:
        """Whether nothing was found that makes a reload fail. Running the code may show more."""
        return not any(each.blocks for each in self.findings)

    @property
    def next_steps(self) -> tuple[str, ...]:
        """What to do, in order, each once."""
        return tuple(dict.fromkeys(each.hint for each in self.findings))

    def describe(self) -> str:
        """A few lines for a terminal."""
        runs = f"still running: {self.running}" if self.running else "nothing of it runs"
        verdict = "nothing found that blocks a reload" if self.ok else "a reload would fail now"
        lines = [f"{shown(self.plugin)}: {verdict}; {runs}"]
        lines += [
            f"  {'✗' if each.blocks else '·'} {shown(each.describe())}" for each in self.findings
        ]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The same for ``json.dumps``."""
        return {"ok": self.ok, "next_steps": plain(self.next_steps), **plain(self)}


def diagnose(
    engine: Engine,
    name: str,
    *,
    health: Health | None = None,
    watchers: Iterable[Watcher] = (),
    files: Files | None = None,
) -> Diagnosis:
    """Find out why ``engine.reload(name)`` would fail now. Never raises for what it finds.

    Reads the plugin's files, on the thread of the loop. ``health`` lets it see what runs at
    this moment, ``watchers`` why edits are not seen; ``files`` as given to the engine.

    Raises:
        EngineMisuse: ``engine`` is none, or ``name`` is no string.
    """
    if not isinstance(engine, Engine):
        raise EngineMisuse(f"engine is a {type(engine).__name__}; give the open Engine")
    name = given_name(name)
    try:
        status = engine.status(name)
    except EngineMisuse as error:
        return Diagnosis(
            plugin=name,
            path=None,
            running=None,
            on_disk=None,
            findings=(_unknown(engine, str(error)),),
        )
    found = [] if is_open(engine) else [_closed()]
    on_disk: str | None = None
    # In the order of a reload: what blocks comes first, what is only worth knowing after it.
    try:
        snapshot = take_snapshot(status.path, files or DiskFiles())
    except SourceError as fault:
        found.append(_unreadable(status.path, fault))
    else:
        on_disk = snapshot.sha256
        found += _of_source(snapshot, engine)
    found += _of_engine(status, on_disk, engine, health)
    for watcher in watchers:
        found += _of_watch(watcher, status.path)
    return Diagnosis(
        plugin=name,
        path=str(status.path),
        running=status.running,
        on_disk=on_disk,
        findings=tuple(found),
    )


def _unknown(engine: Engine, text: str) -> Finding:
    names = ", ".join(loaded_now(engine)) or "none"
    hint = f"Use the name of a loaded plugin ({names}), or load it first"
    return Finding(kind=FindingKind.UNKNOWN_PLUGIN, blocks=True, text=text, hint=hint)


def _closed() -> Finding:
    return Finding(
        kind=FindingKind.ENGINE_CLOSED,
        blocks=True,
        text="the engine is closed",
        hint="Open a new one",
    )


_READ_HINTS = {
    FindingKind.MISSING: "Restore the file, or unload the plugin",
    FindingKind.PERMISSION: "Let the user of this process read it: chmod u+r, or chown",
    FindingKind.NOT_REGULAR: "Put a regular file there",
    FindingKind.TOO_LARGE: "Move data out of the source, into a file that the plugin reads",
    FindingKind.EMPTY: "Save it again: it may be half written",
    FindingKind.UNREADABLE: "Make it readable; the message names the obstacle",
}


def _unreadable(path: Path, fault: SourceError) -> Finding:
    kind = _source_kind(Path(fault.file) if fault.file else path)
    return Finding(
        kind=kind,
        blocks=True,
        text=str(fault),
        hint=_sentence(fault.hint or _READ_HINTS[kind]),
        file=fault.file,
    )


def _source_kind(path: Path) -> FindingKind:
    """Why the file at ``path`` could not be read, by what the file system says of it."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return FindingKind.MISSING
    except PermissionError:
        return FindingKind.PERMISSION
    except (OSError, ValueError):
        return FindingKind.UNREADABLE
    if stat.S_ISDIR(status.st_mode) and path.suffix != ".py":
        return FindingKind.UNREADABLE
    if not stat.S_ISREG(status.st_mode):
        return FindingKind.NOT_REGULAR
    if status.st_size > FILE_LIMIT_BYTES:
        return FindingKind.TOO_LARGE
    if not os.access(path, os.R_OK):
        return FindingKind.PERMISSION
    return FindingKind.UNREADABLE if status.st_size else FindingKind.EMPTY


def _of_source(snapshot: SourceSnapshot, engine: Engine) -> Iterator[Finding]:
    reached = Texts(snapshot).reached
    for dotted, file in snapshot.files.items():
        imported = dotted in reached
        try:
            compile_source(file)
        except SourceSyntaxError as fault:
            hint = "Correct the line; the running version serves on meanwhile"
            yield Finding(
                kind=FindingKind.SYNTAX,
                blocks=imported,
                text=str(fault),
                hint=hint if imported else UNREACHED.capitalize(),
                file=fault.file,
                line=fault.line,
            )
        else:
            if imported:
                yield from _of_imports(file, dotted, snapshot, loaded_now(engine))
    yield from _of_dependencies(snapshot, engine)


def _of_imports(
    file: SourceFile, dotted: str, snapshot: SourceSnapshot, loaded: tuple[str, ...]
) -> Iterator[Finding]:
    for wanted in wanted_by(file, dotted, snapshot):
        if is_there(wanted, snapshot, loaded):
            continue
        if wanted.own:
            text = f"the plugin has no module {wanted.module!r} of its own"
            hint = f"Add {wanted.module.replace('.', '/')}.py to it, or correct the import"
        else:
            text = f"no module {wanted.module!r} is installed"
            hint = f"Run: python -m pip install {distribution_of(wanted.module)}"
        yield Finding(
            kind=FindingKind.MISSING_IMPORT,
            blocks=True,
            text=text,
            hint=hint,
            file=str(file.path),
            line=wanted.line,
        )


def _of_dependencies(snapshot: SourceSnapshot, engine: Engine) -> Iterator[Finding]:
    # None: the text does not say for certain; the reload itself will.
    for needed in declared_dependencies(snapshot) or ():
        version = _version_of(needed.name, engine)
        if version is None:
            kind = FindingKind.MISSING_DEPENDENCY
            text = f"it needs the plugin {needed.name!r}, which is not loaded"
            hint = f"Load {needed.name!r} first, or drop it from the dependencies"
        elif not needed.admits(version):
            kind = FindingKind.DEPENDENCY_VERSION
            text = f"it needs {needed.name!r} in {needed.versions}, but it is {version}"
            hint = f"Load a {needed.name!r} that fits, or widen the range"
        else:
            continue
        file = str(snapshot.main.path)
        yield Finding(kind=kind, blocks=True, text=text, hint=hint, file=file)


def _version_of(name: str, engine: Engine) -> str | None:
    try:
        running = engine.status(name).running
    except EngineMisuse:
        return None
    return running.version if running else None


def _of_engine(
    status: PluginStatus, on_disk: str | None, engine: Engine, health: Health | None
) -> Iterator[Finding]:
    for each in health.report().in_progress if health else ():
        if each.plugin == status.name:
            what = each.operation.value if each.operation else "operation"
            at = f", at {each.stage.value}" if each.stage else ""
            yield Finding(
                kind=FindingKind.IN_PROGRESS,
                blocks=False,
                text=f"a {what} of it runs now{at}; another one waits for its end",
                hint="Wait for it; a hook that hangs is ended by its deadline",
            )
    failure = getattr(status.last_outcome, "failure", None)
    if status.error is not None:
        yield Finding(
            kind=FindingKind.LAST_FAILURE,
            blocks=False,
            text=f"the last attempt failed: {status.error}",
            hint=_sentence(getattr(failure, "hint", None) or "correct the cause, then reload it"),
            file=getattr(failure, "file", None),
            line=getattr(failure, "line", None),
        )
    history = engine.history if is_open(engine) else ()
    last = next((each for each in reversed(history) if each.plugin == status.name), None)
    if isinstance(last, Refused):
        yield Finding(
            kind=FindingKind.LAST_REFUSAL,
            blocks=False,
            text=f"the last attempt was refused: {last.explanation}",
            hint="Do what it says, then try again",
        )
    if status.running is not None and on_disk == status.running.sha256:
        yield Finding(
            kind=FindingKind.UNCHANGED,
            blocks=False,
            text="the bytes on disk are the bytes that run: a reload would do nothing",
            hint="Save the edit, look whether it is this file, or reload with force=True",
            file=str(status.path),
        )


def _of_watch(watcher: Watcher, path: Path) -> Iterator[Finding]:
    health = watcher.health
    reasons: list[tuple[str, str]] = []
    if not health.running or health.degraded is not None:
        hint = (
            "Edits are found by the sweep alone, later; free watches, or raise the limit"
            if health.running
            else "Start the watcher"
        )
        reasons.append((f"the watch: {health.degraded}", hint))
    if not health.enabled:
        reasons.append(("the watch is disabled", "Enable it: watcher.enable()"))
    if shown(path.name) in health.waiting:
        reasons.append(
            ("its edit waits: for quiet, a limit, or the end of a reload", "Wait for it")
        )
    own = [each for each in health.errors if each.startswith(f"{shown(path.name)}: ")]
    reasons += [(f"the watch: {each}", "Correct what it names") for each in own]
    for root in health.missing_roots:
        if path.is_relative_to(root):
            reasons.append((f"the watched directory {root} is not there", "Make it, or mount it"))
    for text, hint in reasons:
        yield Finding(kind=FindingKind.WATCH, blocks=False, text=text, hint=hint, file=str(path))


def _sentence(hint: str) -> str:
    return hint[:1].upper() + hint[1:]
