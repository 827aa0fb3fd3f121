"""A host's folder: its adapter, what has to be installed for it, and its recorded result.

::

    conformance/hosts/discord_py/
        adapter.py          hot_reload_host = the adapter's class
        requirements.txt    pinned; may be empty
        result.json         what the kit found, recorded
        comparison.toml     what others found, row by row (optional)
        limits.toml         which checks are run, where all would take too long (optional)
        README.md
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hot_reload_conformance.nearest import did_you_mean

ADAPTER = "adapter.py"


class HostFolderError(Exception):
    """A folder of hosts, or one host in it, is not as it has to be; says what to do."""


@dataclass(frozen=True, slots=True)
class HostFolder:
    """One host's folder. ``name`` is the folder's, as it is typed on the command line."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def adapter(self) -> Path:
        return self.path / ADAPTER

    @property
    def requirements(self) -> Path:
        return self.path / "requirements.txt"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def comparison(self) -> Path:
        return self.path / "comparison.toml"

    @property
    def limits(self) -> Path:
        return self.path / "limits.toml"

    def only(self) -> tuple[str, ...]:
        """The checks that are run, by id; none named: all of them.

        Raises:
            HostFolderError: ``limits.toml`` is wrong, or does not say why.
        """
        if not self.limits.is_file():
            return ()
        try:
            table = tomllib.loads(self.limits.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise HostFolderError(f"{self.limits}: {error}") from error
        checks, because = table.get("checks"), table.get("because")
        if not (isinstance(checks, list) and checks and isinstance(because, str) and because):
            raise HostFolderError(
                f'{self.limits}: write because = "why not all" and checks = [ids of checks], '
                'such as checks = ["takes-effect"]'
            )
        return tuple(map(str, checks))

    def pins(self) -> tuple[str, ...]:
        """The requirements, without comments.

        Raises:
            HostFolderError: one of them is not pinned with ``==``.
        """
        if not self.requirements.is_file():
            return ()
        lines = self.requirements.read_text(encoding="utf-8").splitlines()
        found = tuple(each for line in lines if (each := line.partition("#")[0].strip()))
        for each in found:
            if "==" not in each:
                raise HostFolderError(
                    f"{self.requirements}: {each!r} is not pinned: write name==version, so that "
                    "the recorded result says what it is about"
                )
        return found


def default_root() -> Path:
    """Where the hosts are: ``conformance/hosts`` here, or that of the checkout of this kit.

    Raises:
        HostFolderError: neither exists; the hosts come with the source, not with the wheel.
    """
    beside = Path(__file__).resolve().parents[2] / "hosts"
    for each in (Path.cwd() / "conformance" / "hosts", beside):
        if each.is_dir():
            return each
    raise HostFolderError(
        "there is no folder conformance/hosts here: run this in a checkout of the project, "
        "or say --folder DIR"
    )


def host_folders(root: Path, names: Sequence[str] = ()) -> tuple[HostFolder, ...]:
    """The hosts in ``root``, by name; ``names`` chooses.

    Raises:
        HostFolderError: there is none, or none of a name in ``names``.
    """
    every = {
        path.name: HostFolder(path)
        for path in (sorted(root.iterdir()) if root.is_dir() else ())
        if (path / ADAPTER).is_file()
    }
    if not every:
        raise HostFolderError(f"{root} has no host: no folder with an {ADAPTER} in it")
    for name in names:
        if name not in every:
            raise HostFolderError(
                f"there is no host {name!r} in {root}.{did_you_mean(name, every)}"
            )
    return tuple(every[name] for name in (names or every))
