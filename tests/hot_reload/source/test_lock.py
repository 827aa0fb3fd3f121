"""F86: the lock names each file that may run, and nothing else runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.errors import LockMismatch, SourceError
from hot_reload.source.lock import Lock, LockChange, main
from hot_reload.source.snapshot import DiskFiles, SourceSnapshot, take_snapshot
from hot_reload_fixtures import OverlayFiles, PluginDirectory


@pytest.fixture
def plugins(hot_reload_dir: PluginDirectory) -> PluginDirectory:
    hot_reload_dir.write("counter", "x = 1\n")
    hot_reload_dir.write_package("geo", {"__init__": "x = 1\n", "points": "y = 1\n"})
    return hot_reload_dir


@pytest.fixture
def lock(plugins: PluginDirectory) -> Lock:
    lock = Lock(plugins.root / "plugins.lock")
    lock.write([taken(plugins, "counter"), taken(plugins, "geo")])
    return lock


def taken(plugins: PluginDirectory, name: str) -> SourceSnapshot:
    return take_snapshot(plugins.path(name), DiskFiles())


def refusal(lock: Lock, plugins: PluginDirectory, name: str) -> LockMismatch:
    with pytest.raises(LockMismatch) as caught:
        lock.check(taken(plugins, name))
    assert isinstance(caught.value, SourceError)
    return caught.value


def test_f86_what_was_locked_may_run(lock: Lock, plugins: PluginDirectory) -> None:
    lock.check(taken(plugins, "counter"))
    lock.check(taken(plugins, "geo"))
    document = json.loads(lock.path.read_bytes())
    assert document["lock_version"] == 1
    assert list(document["sha256"]) == ["counter.py", "geo/__init__.py", "geo/points.py"]
    assert document["sha256"]["counter.py"] == taken(plugins, "counter").sha256


def test_f86_a_different_file_is_named_with_the_command(
    lock: Lock, plugins: PluginDirectory
) -> None:
    path = plugins.write("counter", "x = 2\n")
    fault = refusal(lock, plugins, "counter")
    assert str(fault) == f"'counter' is not what {lock.path} allows: different: counter.py"
    assert fault.file == str(path)
    assert fault.hint == (
        f"review the change, then run: python -m hot_reload.source.lock {lock.path} {path}"
    )


def test_f86_missing_extra_and_different_files_of_one_package(
    lock: Lock, plugins: PluginDirectory
) -> None:
    plugins.write("geo/__init__", "x = 2\n")
    plugins.write("geo/more", "z = 1\n")
    plugins.delete("geo/points")
    assert str(refusal(lock, plugins, "geo")).endswith(
        "missing: geo/points.py; not in the lock: geo/more.py; different: geo/__init__.py"
    )


def test_f86_a_plugin_without_an_entry_may_not_run(lock: Lock, plugins: PluginDirectory) -> None:
    plugins.write("counters", "x = 1\n")
    plugins.write_package("ge", {"__init__": "x = 1\n"})
    assert f"counters.py is not in {lock.path}" in str(refusal(lock, plugins, "counters"))
    assert f"ge is not in {lock.path}" in str(refusal(lock, plugins, "ge"))


def test_f86_it_is_the_bytes_of_the_snapshot_that_are_checked(
    lock: Lock, plugins: PluginDirectory
) -> None:
    """Between the snapshot and the check the file on disk may change; the bytes that run don't."""
    before = taken(plugins, "counter")
    plugins.write("counter", "x = 2\n")
    lock.check(before)
    overlay = OverlayFiles(DiskFiles())
    overlay.replace(plugins.path("counter"), b"x = 3\n")
    with pytest.raises(LockMismatch, match="different"):
        lock.check(take_snapshot(plugins.path("counter"), overlay))


def test_f86_update_changes_the_named_plugin_alone(lock: Lock, plugins: PluginDirectory) -> None:
    plugins.write("counter", "x = 2\n")
    plugins.write("geo/points", "y = 2\n")
    plugins.write("geo/more", "z = 1\n")
    assert lock.update([taken(plugins, "counter")]) == LockChange(changed=("counter.py",))
    lock.check(taken(plugins, "counter"))
    refusal(lock, plugins, "geo")
    plugins.delete("geo/points")
    assert lock.update([taken(plugins, "geo")]) == LockChange(
        added=("geo/more.py",), removed=("geo/points.py",)
    )
    lock.check(taken(plugins, "geo"))


def test_f86_write_locks_exactly_what_it_is_given(lock: Lock, plugins: PluginDirectory) -> None:
    assert lock.write([taken(plugins, "counter")]).removed == ("geo/__init__.py", "geo/points.py")
    refusal(lock, plugins, "geo")


HASH = "0" * 64
MALFORMED: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "is no lock: Expecting"),
    "another shape": ("[]", 'is no lock: it is not {"lock_version"'),
    "no version": ('{"sha256": {}}', "is no lock: it is not"),
    "a newer version": (
        '{"lock_version": 2, "sha256": {}}',
        "lock_version is 2; read is 1",
    ),
    "entries of another kind": ('{"lock_version": 1, "sha256": []}', "no mapping of paths"),
    "half a hash": ('{"lock_version": 1, "sha256": {"a.py": "12"}}', "of 'a.py' is not 64"),
    "a hash of null": ('{"lock_version": 1, "sha256": {"a.py": null}}', "of 'a.py' is not 64"),
    "one twice": (
        f'{{"lock_version": 1, "sha256": {{"a.py": "{HASH}", "a.py": "{HASH}"}}}}',
        "'a.py' stands in it twice",
    ),
    "a bomb": ("[" * 100_000, "is no lock"),
    "no text": ("\xff", "is no lock"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_f86_a_lock_that_cannot_be_read_lets_nothing_run(
    case: str, lock: Lock, plugins: PluginDirectory
) -> None:
    text, message = MALFORMED[case]
    lock.path.write_bytes(text.encode("latin-1"))
    fault = refusal(lock, plugins, "counter")
    assert message in str(fault)
    assert "nothing runs without it" in str(fault)
    assert fault.file == str(lock.path)
    with pytest.raises(LockMismatch):
        lock.update([taken(plugins, "counter")])


def test_f86_a_lock_that_is_gone_or_a_pipe_lets_nothing_run(
    lock: Lock, plugins: PluginDirectory
) -> None:
    lock.path.unlink()
    assert "file missing" in str(refusal(lock, plugins, "counter"))
    os.mkfifo(lock.path)
    assert "not a regular file" in str(refusal(lock, plugins, "counter"))


def failing(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace", "fchmod"])
def test_f86_a_write_that_fails_leaves_the_old_lock(
    call: str, lock: Lock, plugins: PluginDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, beside = lock.path.read_bytes(), sorted(os.listdir(plugins.root))
    plugins.write("counter", "x = 2\n")
    snapshot = taken(plugins, "counter")
    monkeypatch.setattr(os, call, failing)
    with pytest.raises(OSError, match="No space left"):
        lock.update([snapshot])
    assert lock.path.read_bytes() == before
    assert sorted(os.listdir(plugins.root)) == beside


def test_f86_the_mode_of_a_lock_is_kept(lock: Lock, plugins: PluginDirectory) -> None:
    assert lock.path.stat().st_mode & 0o777 == 0o644
    lock.path.chmod(0o640)
    lock.update([taken(plugins, "counter")])
    assert lock.path.stat().st_mode & 0o777 == 0o640


def test_f86_the_command(
    lock: Lock, plugins: PluginDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    path = plugins.write("counter", "x = 2\n")
    assert main([str(lock.path), str(path)]) == 0
    assert capsys.readouterr().out == f"{lock.path}: changed counter.py\n"
    lock.check(taken(plugins, "counter"))
    assert main([str(lock.path), str(path)]) == 0
    assert "nothing changed" in capsys.readouterr().out
    assert main([str(lock.path), "nowhere.py"]) == 1
    assert "was not changed: file missing" in capsys.readouterr().err
    assert main([str(lock.path)]) == 2
    assert "usage:" in capsys.readouterr().err


def test_f86_the_command_is_a_module_that_python_runs(lock: Lock, plugins: PluginDirectory) -> None:
    """As the hints of the faults name it."""
    path = plugins.write("counter", "x = 2\n")
    hint = refusal(lock, plugins, "counter").hint
    assert hint is not None
    command = hint.partition("then run: ")[2].split()
    assert command[0] == "python"
    ran = subprocess.run([sys.executable, *command[1:]], capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.decode() == f"{lock.path}: changed counter.py\n"
    lock.check(taken(plugins, "counter"))
    assert path.exists()
    ran = subprocess.run([sys.executable, *command[1:4]], capture_output=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, b"")


def test_f86_the_first_lock_is_written_by_the_command_too(plugins: PluginDirectory) -> None:
    lock = Lock(plugins.root / "new.lock")
    assert main([str(lock.path), str(plugins.path("geo"))]) == 0
    lock.check(taken(plugins, "geo"))


def test_f86_names_that_are_no_text_are_locked_too(plugins: PluginDirectory) -> None:
    path = Path(os.fsdecode(os.fsencode(plugins.root) + b"/b\xff\x1b.py"))
    path.write_text("x = 1\n")
    lock = Lock(plugins.root / "plugins.lock")
    lock.write([take_snapshot(path, DiskFiles())])
    lock.check(take_snapshot(path, DiskFiles()))
    path.write_text("x = 2\n")
    with pytest.raises(LockMismatch) as caught:
        lock.check(take_snapshot(path, DiskFiles()))
    assert str(caught.value).isprintable()


Edit = Callable[[dict[str, str]], Any]
edits = st.one_of(
    st.sampled_from(["geo/__init__.py", "geo/points.py"]).map(
        lambda path: lambda entries: entries.pop(path)
    ),
    st.sampled_from(["geo/__init__.py", "geo/points.py"]).map(
        lambda path: lambda entries: entries.update({path: HASH})
    ),
    st.sampled_from(["geo/x.py", "geo/sub/__init__.py"]).map(
        lambda path: lambda entries: entries.update({path: HASH})
    ),
)


@pytest.fixture(scope="module")
def locked_package(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lock, SourceSnapshot]:
    root = tmp_path_factory.mktemp("locked")
    (root / "geo").mkdir()
    (root / "geo/__init__.py").write_text("x = 1\n")
    (root / "geo/points.py").write_text("y = 1\n")
    return Lock(root / "plugins.lock"), take_snapshot(root / "geo", DiskFiles())


@given(edit=edits)
def test_f86_any_one_edit_of_its_entries_refuses_it(
    edit: Edit, locked_package: tuple[Lock, SourceSnapshot]
) -> None:
    lock, snapshot = locked_package
    lock.write([snapshot])
    entries = lock.read()
    edit(entries)
    lock.path.write_text(json.dumps({"lock_version": 1, "sha256": entries}))
    with pytest.raises(LockMismatch):
        lock.check(snapshot)
