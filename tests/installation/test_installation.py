"""The distribution, as users get it: built, installed in fresh environments, and run elsewhere.

The sdist is built from the checkout and the wheel from the sdist. Then one environment
gets the checkout as an editable install, another the wheel, both do the main job in an
empty folder, and what they say must be the same.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

# One process for all of it: else each would build, and install, for itself.
pytestmark = [pytest.mark.installation, pytest.mark.xdist_group("installation")]

REPOSITORY = Path(__file__).resolve().parent.parent.parent
ROOTS = {
    "hot_reload": "src",
    "hot_reload_fixtures": "fixtures",
    "hot_reload_conformance": "conformance",
}
STEP_SECONDS = 300

PLUGIN = """
class FileSink:
    version = "1.0"

    def __init__(self, config):
        self.path = config.get("path", "events.log")
        self.batch = []

    def write(self, event):
        self.batch.append(event)

    def flush(self):
        with open(self.path, "a") as file:
            while self.batch:
                file.write(self.batch.pop(0))
"""
LEAK = """
    async def start(self):
        import asyncio
        self.task = asyncio.create_task(asyncio.sleep(3600))
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ran: its status and all that it printed."""

    status: int
    printed: str


def ran(*words: str | Path, folder: Path) -> Ended:
    """Run a command with nothing of this process's own pytest or environment in it."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "PYTHON", "COV_CORE_", "COVERAGE_", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env={**environment, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=STEP_SECONDS,
        check=False,
    )
    return Ended(done.returncode, done.stdout)


def must(*words: str | Path, folder: Path) -> str:
    """Run a command that has to succeed; what it printed."""
    done = ran(*words, folder=folder)
    assert done.status == 0, f"{' '.join(map(str, words))}: status {done.status}\n{done.printed}"
    return done.printed


@dataclass(frozen=True)
class Built:
    """The two files that are published."""

    sdist: Path
    wheel: Path

    @property
    def in_wheel(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    def text(self, name: str) -> str:
        """A file of the wheel's own metadata."""
        with zipfile.ZipFile(self.wheel) as archive:
            found = [each for each in archive.namelist() if each.endswith(f".dist-info/{name}")]
            return archive.read(found[0]).decode()


@dataclass(frozen=True)
class Environment:
    """A fresh virtual environment with the distribution in it."""

    python: Path

    def pytest(self, *arguments: str, folder: Path) -> Ended:
        return ran(self.python, "-m", "pytest", *arguments, folder=folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("dist")
    # Without isolation: the build's own requirements are in the extra `dev`, and need no index.
    must(sys.executable, "-m", "build", "--no-isolation", "-o", folder, REPOSITORY, folder=folder)
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="module")
def environments(built: Built, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Environment]:
    """One for each kind of install, made at the same time."""

    def make(kind: str) -> Environment:
        folder = tmp_path_factory.mktemp(kind)
        must(sys.executable, "-m", "venv", folder / "venv", folder=folder)
        python = folder / "venv" / "bin" / "python"
        what = ["-e", REPOSITORY] if kind == "editable" else [built.wheel]
        must(python, "-m", "pip", "install", "--quiet", *what, folder=folder)
        return Environment(python)

    return at_once(make, "editable", "wheel")


def at_once(make: Callable[[str], Any], *kinds: str) -> dict[str, Any]:
    with ThreadPoolExecutor(len(kinds)) as pool:
        return dict(zip(kinds, pool.map(make, kinds), strict=True))


# What is in the files


def sources() -> set[str]:
    """What the wheel has to hold: all of the three packages that is no cache."""
    return {
        path.relative_to(REPOSITORY / folder).as_posix()
        for package, folder in ROOTS.items()
        for path in (REPOSITORY / folder / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_packages_and_nothing_else(built: Built) -> None:
    packaged = {name for name in built.in_wheel if ".dist-info/" not in name}
    assert packaged == sources()
    assert {PurePosixPath(name).parts[0] for name in packaged} == set(ROOTS)
    assert {f"{package}/py.typed" for package in ROOTS} <= packaged


def test_the_wheel_names_its_entry_points(built: Built) -> None:
    entry_points = configparser.ConfigParser()
    entry_points.read_string(built.text("entry_points.txt"))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    assert dict(entry_points["pytest11"]) == project["entry-points"]["pytest11"]
    assert dict(entry_points["console_scripts"]) == {
        "hot-reload": "hot_reload_conformance.command:main"
    }


def test_the_wheel_has_its_licence_and_its_readme(built: Built) -> None:
    assert built.text("licenses/LICENSE") == (REPOSITORY / "LICENSE").read_text("utf-8")
    metadata = built.text("METADATA")
    assert "License-Expression: MIT" in metadata
    assert "Requires-Python: >=3.11" in metadata
    assert (REPOSITORY / "README.md").read_text("utf-8").strip() in metadata


def test_the_sdist_holds_what_tests_need(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {PurePosixPath(*PurePosixPath(each).parts[1:]) for each in archive.getnames()}
    held = {each.as_posix() for each in names}
    assert "tests/installation/test_installation.py" in held
    assert {each.name for each in REPOSITORY.glob("*.md")} <= held
    assert {"LICENSE", "pyproject.toml", "docs/tutorial/first-plugin.md"} <= held
    assert not {each for each in held if ".venv" in each or "__pycache__" in each}


# What is installed


@pytest.mark.parametrize("kind", ["editable", "wheel"])
def test_types_come_along(environments: dict[str, Environment], kind: str, tmp_path: Path) -> None:
    program = "import importlib.util as u, pathlib\n" + "".join(
        f"print(pathlib.Path(u.find_spec({package!r}).origin).parent / 'py.typed')\n"
        for package in ROOTS
    )
    printed = must(environments[kind].python, "-c", program, folder=tmp_path)
    markers = [Path(line) for line in printed.splitlines()]
    assert len(markers) == len(ROOTS)
    assert all(marker.is_file() for marker in markers)
    in_checkout = {marker.is_relative_to(REPOSITORY) for marker in markers}
    assert in_checkout == {kind == "editable"}


@pytest.mark.parametrize("kind", ["editable", "wheel"])
def test_the_command_is_there(
    environments: dict[str, Environment], kind: str, tmp_path: Path
) -> None:
    command = environments[kind].python.parent / "hot-reload"
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"][
        "version"
    ]
    assert version in must(command, "--version", folder=tmp_path)


def test_both_do_the_main_job_alike(
    environments: dict[str, Environment], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In a foreign, empty folder: the embedded default, and the same verdict for each item."""

    def verdicts(kind: str) -> list[tuple[str, str, str]]:
        folder = tmp_path_factory.mktemp(f"empty-{kind}")
        done = environments[kind].pytest(
            "--hot-reload-conformance", "--hot-reload-report=report.json", folder=folder
        )
        assert done.status == 0, done.printed
        assert "embedded default" in done.printed
        assert not re.search(r"\b(warning|error)s?\b in ", done.printed)
        report = json.loads((folder / "report.json").read_text("utf-8"))
        return [
            (subject["name"], check["check"], check["verdict"])
            for subject in report["subjects"]
            for clause in subject["clauses"]
            for check in clause["checks"]
        ]

    found = at_once(verdicts, "editable", "wheel")
    assert found["editable"] == found["wheel"]
    assert {subject for subject, _, _ in found["wheel"]} == {"reference", "counter"}


@pytest.mark.parametrize(
    ("text", "status", "says"),
    [(PLUGIN, 0, "passed"), (PLUGIN + LEAK, 1, "HR-PLUG-13")],
    ids=["good", "leaking"],
)
def test_the_wheel_judges_a_plugin(
    environments: dict[str, Environment], tmp_path: Path, text: str, status: int, says: str
) -> None:
    (tmp_path / "plugin.py").write_text(text, "utf-8")
    done = environments["wheel"].pytest("--hot-reload-conformance", "plugin.py", folder=tmp_path)
    assert done.status == status, done.printed
    assert says in done.printed
