"""An environment of a host's own: several hosts want the same names in other versions."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from hot_reload_conformance.hosts.folder import HostFolder

DISTRIBUTION = "pytest-hot-reload"
INSTALL_DEADLINE_SECONDS = 900.0
_STAMP = "hot-reload-installed"
_TAIL_LINES = 15


class EnvironmentProblem(Exception):
    """An environment could not be made, or a child process in it failed; says what it printed."""


def default_cache() -> Path:
    """Where environments are kept between runs; may be deleted at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pytest-hot-reload" / "hosts"


def this_project() -> list[str]:
    """What pip is given to install this kit: the checkout that it runs from, or its release."""
    root = Path(__file__).resolve().parents[3]
    pyproject = root / "pyproject.toml"
    if pyproject.is_file() and f'name = "{DISTRIBUTION}"' in pyproject.read_text(encoding="utf-8"):
        return ["--editable", str(root)]
    return [f"{DISTRIBUTION}=={version(DISTRIBUTION)}"]


def python_for(folder: HostFolder, cache: Path) -> Path:
    """The interpreter of the host's environment, made where it is missing or out of date.

    Raises:
        EnvironmentProblem: venv or pip failed.
        HostFolderError: a requirement is not pinned.
    """
    wanted = [*this_project(), *folder.pins()]
    mark = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()
    home = cache / f"{folder.name}-{mark[:12]}"
    python = home / "bin" / "python"
    stamp = home / _STAMP
    if not stamp.is_file():
        make = [sys.executable, "-m", "venv", "--clear", str(home)]
        run_child(make, deadline_seconds=INSTALL_DEADLINE_SECONDS)
        install = [str(python), "-m", "pip", "install", "--quiet", *wanted]
        run_child(install, deadline_seconds=INSTALL_DEADLINE_SECONDS)
        stamp.write_text("\n".join(wanted) + "\n", encoding="utf-8")
    return python


def child_environment() -> Mapping[str, str]:
    """The environment variables of a child: nothing of ours leaks into the host's process."""
    dropped = {"PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"}
    return {name: value for name, value in os.environ.items() if name not in dropped}


def run_child(
    command: Sequence[str],
    *,
    deadline_seconds: float,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run ``command`` to its end; beyond the deadline it is killed with all that it started.

    Raises:
        EnvironmentProblem: it did not end in time, or not with 0.
    """
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=dict(child_environment() if environment is None else environment),
        cwd=cwd,
        start_new_session=True,
    )
    try:
        output, _ = child.communicate(timeout=deadline_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        raise EnvironmentProblem(
            f"`{_shown(command)}` did not end within {deadline_seconds:g} s and was killed. "
            f"Its last lines:\n{_tail(output)}"
        ) from None
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    if child.returncode:
        raise EnvironmentProblem(
            f"`{_shown(command)}` ended with {child.returncode}. Its last lines:\n{_tail(output)}"
        )


def _shown(command: Sequence[str]) -> str:
    return " ".join(command)


def _tail(output: str) -> str:
    return "\n".join(f"    {line}" for line in output.splitlines()[-_TAIL_LINES:])
