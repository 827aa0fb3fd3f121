"""``hot-reload new``: what it writes works at once, and it destroys nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from hot_reload_conformance import Verdict, run_contract
from hot_reload_conformance.command import main
from hot_reload_conformance.command_new import _ROLES, _STYLES
from hot_reload_conformance.scaffold import ROLES, STYLES, ScaffoldError, new_adapter, new_plugin


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: what is imported there is named alike in every folder."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


SELF_TEST = "from hot_reload_conformance.command import main; main()"


@pytest.mark.parametrize("style", STYLES)
def test_an_adapter_of_each_style_passes_its_self_test(style: str, tmp_path: Path) -> None:
    new_adapter("my-host", style, tmp_path)
    folder = tmp_path / "my-host"
    ended = subprocess.run(
        [sys.executable, "-c", SELF_TEST, "self-test", "my_host_adapter.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "my-host: the adapter is right" in ended.stdout


def test_its_test_file_is_the_contract(tmp_path: Path) -> None:
    new_adapter("my-host", "sync", tmp_path)
    ended = _run(tmp_path / "my-host", "pytest", "-q", "-k", "HR-SWAP-01 or HR-LOAD-01")
    assert " passed" in ended.stdout
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("style", STYLES)
def test_what_is_left_to_do_is_marked(style: str, tmp_path: Path) -> None:
    adapter, *_ = new_adapter("my-host", style, tmp_path)
    text = adapter.read_text("utf-8")
    assert text.count("TODO") >= 4
    assert "$" not in text
    compile(text, str(adapter), "exec")


@pytest.mark.parametrize("role", ROLES)
def test_a_plugin_of_each_role_keeps_the_contract(role: str, tmp_path: Path) -> None:
    new_plugin(f"my-{role}", role, tmp_path)
    folder = tmp_path / f"my-{role}"
    only = ["HR-PLUG-02", "HR-PLUG-03", "HR-PLUG-07"]
    if role == "sink":
        only += ["HR-PLUG-05", "HR-PLUG-11", "HR-PLUG-12"]
    report = run_contract("plugins", only=only, root=folder)
    assert report.problems == []
    assert {code: report.verdict(code) for code in only} == dict.fromkeys(only, Verdict.PASS)


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "my-host").mkdir()
    (tmp_path / "my-host" / "mine.py").write_text("x = 1\n")
    with pytest.raises(ScaffoldError, match="is there already, and is not empty"):
        new_adapter("my-host", "sync", tmp_path)
    assert [each.name for each in (tmp_path / "my-host").iterdir()] == ["mine.py"]


@pytest.mark.parametrize("name", ["", "../up", "a/b", "9lives", "class", "a b", "-x", "a--b"])
def test_what_is_no_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match="can be no module's name"):
        new_adapter(name, "sync", tmp_path)
    with pytest.raises(ScaffoldError, match="can be no module's name"):
        new_plugin(name, "sink", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unknown_styles_and_roles_are_named(tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match=r"no style 'asinc'.*async"):
        new_adapter("x", "asinc", tmp_path)
    with pytest.raises(ScaffoldError, match=r"no role 'sinc'.*sink"):
        new_plugin("x", "sinc", tmp_path)


def test_the_command_offers_what_there_is() -> None:
    assert (tuple(STYLES), ROLES) == (_STYLES, _ROLES)


def test_the_command_says_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(main, ["new", "host-adapter", "my-bot", "--style", "async"])
    assert told.exit_code == 0
    assert "hot-reload self-test my_bot_adapter.py" in told.output
    again = CliRunner().invoke(main, ["new", "host-adapter", "my-bot"])
    assert again.exit_code == 2
    assert "is there already" in again.output
    told = CliRunner().invoke(main, ["new", "plugin", "my-sink", "--role", "sink"])
    assert (told.exit_code, "my-sink/plugins/my_sink.py" in told.output) == (0, True)


def test_the_self_test_tells_a_wrong_adapter_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.py").write_text(
        "from hot_reload_conformance.specimens.faulty_adapters import ForgetsAHandler\n"
        "hot_reload_host = ForgetsAHandler\n"
    )
    told = CliRunner().invoke(main, ["self-test", "wrong.py"])
    assert told.exit_code == 1
    assert "your adapter forgets a handler" in told.output
    (tmp_path / "plain.py").write_text("class Plugin:\n    version = '1'\n")
    told = CliRunner().invoke(main, ["self-test", "plain.py"])
    assert (told.exit_code, "is no adapter" in told.output) == (2, True)
