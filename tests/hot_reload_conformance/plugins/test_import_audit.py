"""What code does to the world is heard while an audit is armed, and then no more."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from hot_reload_conformance.plugins.import_audit import audited

HERE = frozenset({__file__})


def test_it_hears_what_the_sources_do_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOT_RELOAD_AUDIT", "")
    with audited(HERE) as audit:
        os.environ["HOT_RELOAD_AUDIT"] = "secret"
        (tmp_path / "a").write_text("x")
        (tmp_path / "a").read_text()
        os.chdir(tmp_path)
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
    os.chdir(tmp_path)
    heard = [sentence.rpartition(" (")[0] for sentence in audit.seen]
    assert heard == [
        "sets the environment variable 'HOT_RELOAD_AUDIT'",
        f"opens {str(tmp_path / 'a')!r} for writing",
        f"changes the working directory to {str(tmp_path)!r:.60}",
        "starts a thread",
    ]
    assert all(f"({__file__}:" in sentence for sentence in audit.seen)
    assert "secret" not in str(audit.seen)


def test_other_threads_and_other_files_are_not_heard(tmp_path: Path) -> None:
    with audited({"elsewhere.py"}) as audit:
        (tmp_path / "a").write_text("x")
    assert audit.seen == []
    with audited(HERE) as audit:
        thread = threading.Thread(target=(tmp_path / "b").write_text, args=("x",))
        thread.start()
        thread.join()
    assert [sentence.rpartition(" (")[0] for sentence in audit.seen] == ["starts a thread"]
