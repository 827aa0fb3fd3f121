"""The bytes of a plugin: read once, bounded, and nothing but regular files."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hot_reload.errors import SourceError
from hot_reload.source import snapshot as module
from hot_reload.source.snapshot import DiskFiles, take_snapshot
from hot_reload_fixtures import OverlayFiles


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def refused(path: Path) -> SourceError:
    with pytest.raises(SourceError) as caught:
        take_snapshot(path, DiskFiles())
    assert caught.value.file is not None
    return caught.value


def test_a_module_is_its_bytes_and_their_hash(root: Path) -> None:
    path = root / "counter.py"
    path.write_bytes(b"x = 1\n")
    snapshot = take_snapshot(path, DiskFiles())
    assert snapshot.top == "counter"
    assert snapshot.main.data == b"x = 1\n"
    assert snapshot.sha256 == hashlib.sha256(b"x = 1\n").hexdigest()
    assert not snapshot.is_package


def test_a_packages_hash_covers_names_and_bytes(root: Path) -> None:
    package = root / "geo"
    (package / "sub").mkdir(parents=True)
    (package / "__init__.py").write_bytes(b"")
    (package / "sub" / "__init__.py").write_bytes(b"")
    (package / "sub" / "words.py").write_bytes(b"a = 1")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "stale.py").write_bytes(b"never read")
    (package / ".git").mkdir()
    (package / ".git" / "hook.py").write_bytes(b"never read")
    (package / "data.txt").write_bytes(b"no source")
    first = take_snapshot(package, DiskFiles())
    assert first.is_package
    assert set(first.files) == {"", "sub", "sub.words"}
    assert first.packages == {"", "sub"}
    (package / "sub" / "words.py").rename(package / "sub" / "other.py")
    renamed = take_snapshot(package, DiskFiles())
    (package / "sub" / "other.py").write_bytes(b"a = 2")
    edited = take_snapshot(package, DiskFiles())
    assert len({first.sha256, renamed.sha256, edited.sha256}) == 3


def test_what_is_known_is_not_hashed_again(root: Path) -> None:
    path = root / "counter.py"
    path.write_bytes(b"x = 1\n")
    known = take_snapshot(path, DiskFiles())
    assert take_snapshot(path, DiskFiles(), known=known) is known
    status = path.stat()
    path.write_bytes(b"x = 2\n")  # of the same size, at the same time
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    edited = take_snapshot(path, DiskFiles(), known=known)
    assert edited.sha256 == hashlib.sha256(b"x = 2\n").hexdigest() == edited.main.sha256


def test_of_a_known_package_the_files_are_kept_that_did_not_change(root: Path) -> None:
    package = root / "geo"
    package.mkdir()
    for name in ("__init__", "a", "b"):
        (package / f"{name}.py").write_text(f"{name} = 1\n")
    known = take_snapshot(package, DiskFiles())
    assert take_snapshot(package, DiskFiles(), known=known) is known
    (package / "b.py").write_text("b = 2\n")
    edited = take_snapshot(package, DiskFiles(), known=known)
    assert edited == take_snapshot(package, DiskFiles())
    assert edited.files["a"] is known.files["a"]
    assert edited.files["b"].data == b"b = 2\n"
    (package / "a").mkdir()
    (package / "a.py").rename(package / "a" / "__init__.py")  # the same bytes and dotted name
    moved = take_snapshot(package, DiskFiles(), known=edited)
    assert moved == take_snapshot(package, DiskFiles())
    assert moved.files["a"].path == package / "a" / "__init__.py"
    assert len({known.sha256, edited.sha256, moved.sha256}) == 3
    (package / "a" / "__init__.py").unlink()
    assert take_snapshot(package, DiskFiles(), known=moved) == take_snapshot(package, DiskFiles())


@pytest.mark.parametrize("escapes", [False, True])
def test_F9_a_package_that_is_a_link(root: Path, escapes: bool) -> None:
    place = root.parent if escapes else root / ".v1"
    (place / "geo" / "sub").mkdir(parents=True)
    (place / "geo" / "__init__.py").write_text("x = 1")
    (place / "geo" / "sub" / "__init__.py").write_text("x = 2")
    (root / "geo").symlink_to(place / "geo")
    if escapes:
        assert "outside the plugin's directory" in str(refused(root / "geo"))
    else:
        taken = take_snapshot(root / "geo", DiskFiles())
        assert taken.files["sub"].data == b"x = 2"
        assert taken.files["sub"].path == root / "geo" / "sub" / "__init__.py"


def test_F1_a_missing_file(root: Path) -> None:
    error = refused(root / "gone.py")
    assert "file missing" in str(error)
    assert error.hint


def test_F1_a_file_that_became_a_package_and_the_reverse(root: Path) -> None:
    (root / "p").mkdir()
    (root / "p" / "__init__.py").write_text("")
    error = refused(root / "p.py")
    assert error.hint == f"if p is to replace it, unload the plugin, then load {root / 'p'}"
    (root / "q.py").write_text("x = 1")
    error = refused(root / "q")
    assert error.hint == f"if q.py is to replace it, unload the plugin, then load {root / 'q.py'}"


@pytest.mark.parametrize("data", [b"", b" \n\t\n"])
def test_F4_an_empty_file(root: Path, data: bytes) -> None:
    (root / "counter.py").write_bytes(data)
    assert "is empty" in str(refused(root / "counter.py"))


def test_F7_a_dangling_symlink(root: Path) -> None:
    (root / "counter.py").symlink_to(root / "nowhere.py")
    error = str(refused(root / "counter.py"))
    assert "symlink" in error
    assert "points to nothing" in error
    assert "nowhere.py" in error


def test_F8_a_symlink_loop(root: Path) -> None:
    (root / "a.py").symlink_to(root / "b.py")
    (root / "b.py").symlink_to(root / "a.py")
    assert "symlink loop" in str(refused(root / "a.py"))


@pytest.mark.parametrize("target", ["../outside.py", "{root}/../outside.py", "/dev/zero"])
def test_F9_F11_a_symlink_that_escapes(root: Path, target: str) -> None:
    (root.parent / "outside.py").write_text("x = 1")
    (root / "counter.py").symlink_to(target.format(root=root))
    assert "outside the plugin's directory" in str(refused(root / "counter.py"))


def test_F9_a_packages_submodule_that_escapes(root: Path) -> None:
    (root.parent / "outside.py").write_text("x = 1")
    (root / "geo").mkdir()
    (root / "geo" / "__init__.py").write_text("")
    (root / "geo" / "words.py").symlink_to(root.parent / "outside.py")
    assert "outside the plugin's directory" in str(refused(root / "geo"))


def test_a_symlink_inside_is_followed(root: Path) -> None:
    (root / ".v1").mkdir()
    (root / ".v1" / "counter.py").write_text("x = 1")
    (root / "counter.py").symlink_to(Path(".v1") / "counter.py")
    snapshot = take_snapshot(root / "counter.py", DiskFiles())
    assert snapshot.main.data == b"x = 1"
    assert snapshot.main.path == root / "counter.py"


@pytest.mark.timeout(5)
def test_F10_fifo_is_refused(root: Path) -> None:
    os.mkfifo(root / "counter.py")
    assert "is not a regular file (prw" in str(refused(root / "counter.py"))


def test_F11_a_directory_or_socket_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "folder.py").mkdir()
    assert "is not a regular file (drw" in str(refused(root / "folder.py"))
    monkeypatch.chdir(root)  # the address of a socket has a short limit
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock.py")
        assert "is not a regular file (srw" in str(refused(root / "sock.py"))


def test_F12_a_sparse_file_is_refused_before_it_is_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (root / "counter.py").open("wb") as file:
        file.truncate(10 * 1024**3)
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it was read"))
    assert "more than 4194304" in str(refused(root / "counter.py"))


def test_a_file_that_grows_while_it_is_read_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "counter.py").write_bytes(b"x = 1")
    monkeypatch.setattr(os, "read", lambda descriptor, count: b"#" * count)
    assert "grew beyond" in str(refused(root / "counter.py"))


def test_F14_short_reads_are_put_together(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "counter.py").write_bytes(b"x = 12345")
    real = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, count: real(descriptor, min(count, 2)))
    assert take_snapshot(root / "counter.py", DiskFiles()).main.data == b"x = 12345"


@pytest.mark.parametrize(
    ("failures", "code", "message"),
    [
        (1, errno.EIO, None),
        (2, errno.EIO, "Input/output error"),
        (1, errno.EACCES, "Permission denied"),
    ],
)
def test_F13_F14_a_read_error_is_tried_once_more_where_it_may_pass(
    root: Path, monkeypatch: pytest.MonkeyPatch, failures: int, code: int, message: str | None
) -> None:
    (root / "counter.py").write_bytes(b"x = 1")
    before = len(os.listdir("/proc/self/fd"))
    real, left = os.read, iter([code] * failures)

    def read(descriptor: int, count: int) -> bytes:
        for each in left:
            raise OSError(each, os.strerror(each))
        return real(descriptor, count)

    monkeypatch.setattr(os, "read", read)
    if message is None:
        assert take_snapshot(root / "counter.py", DiskFiles()).main.data == b"x = 1"
    else:
        assert message in str(refused(root / "counter.py"))
    assert len(os.listdir("/proc/self/fd")) == before


def test_F13_a_directory_that_cannot_be_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "geo").mkdir()

    def scandir(_: object) -> Iterator[object]:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", scandir)
    assert "Permission denied" in str(refused(root / "geo"))


def test_F16_names_that_no_file_system_takes(root: Path) -> None:
    assert "File name too long" in str(refused(root / ("n" * 300 + ".py")))
    assert "embedded null" in str(refused(root / "a\0b.py"))


def test_F16_names_that_are_no_utf8(root: Path) -> None:
    package = root / "geo"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / os.fsdecode(b"w\xff.py")).write_text("x = 1")
    snapshot = take_snapshot(package, DiskFiles())
    assert set(snapshot.files) == {"", "w\udcff"}


def test_a_directory_without_init_is_no_package(root: Path) -> None:
    (root / "geo").mkdir()
    error = refused(root / "geo")
    assert "no __init__.py" in str(error)
    assert error.hint


def test_a_package_has_a_limit_of_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGE_LIMIT_FILES", 2)
    (root / "geo").mkdir()
    for name in ("__init__", "a", "b"):
        (root / "geo" / f"{name}.py").write_text("x = 1")
    assert "has 3 files, more than 2" in str(refused(root / "geo"))


def test_each_file_is_opened_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "geo").mkdir()
    for name in ("__init__", "a", "b"):
        (root / "geo" / f"{name}.py").write_text("x = 1")
    opened: list[str] = []
    real = os.open

    def spy(path: Path, *rest: int) -> int:
        opened.append(Path(path).name)
        return real(path, *rest)

    monkeypatch.setattr(os, "open", spy)
    take_snapshot(root / "geo", DiskFiles())
    assert sorted(opened) == ["__init__.py", "a.py", "b.py"]


def test_an_overlay_shows_other_bytes_to_the_engine(root: Path) -> None:
    (root / "counter.py").write_text("x = 1")
    files = OverlayFiles(DiskFiles())
    files.replace(root / "counter.py", b"x = 2")
    assert take_snapshot(root / "counter.py", files).main.data == b"x = 2"
