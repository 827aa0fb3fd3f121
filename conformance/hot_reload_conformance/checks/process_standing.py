"""How the settings stand of which a process has one: who set them, and who put them back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from hot_reload_fixtures import Census

_PARTS = (
    "signal handler",
    "environment variable",
    "process setting: working directory",
    "process setting: umask",
    "process setting: locale",
)
_ROOM = ("process setting: working directory", "process setting: umask")
_RUNNERS = frozenset({"PYTEST_CURRENT_TEST"})


@dataclass(frozen=True, slots=True)
class ProcessStanding:
    """The settings at one moment: by part and name, in words."""

    values: Mapping[tuple[str, str], str]

    @staticmethod
    def take() -> ProcessStanding:
        parts = Census.take().parts
        return ProcessStanding(
            {
                (part, item.label): item.value
                for part in _PARTS
                for item in parts.get(part, {}).values()
                if item.label not in _RUNNERS
            }
        )

    def taken_back(self, running: ProcessStanding, later: ProcessStanding) -> list[str]:
        """What is ``later`` as it was at this moment, and was otherwise in ``running``."""
        return sorted(
            name
            for part, name in self.values.keys() | running.values.keys()
            if self.values.get((part, name)) != running.values.get((part, name))
            and self.values.get((part, name)) == later.values.get((part, name))
        )


@dataclass(frozen=True, slots=True)
class Room:
    """Environment, working directory and umask, as they were when this was made."""

    environment: Mapping[str, str]
    values: Mapping[tuple[str, str], str]

    @staticmethod
    def take() -> Room:
        values = ProcessStanding.take().values
        return Room(dict(os.environ), {k: v for k, v in values.items() if k[0] in _ROOM})

    def put_back(self) -> list[str]:
        """What is otherwise by now, by its name; it is put back."""
        found = sorted(
            name
            for name in self.environment.keys() | os.environ.keys()
            if os.environ.get(name) != self.environment.get(name) and name not in _RUNNERS
        )
        for name in found:
            os.environ.pop(name, None)
            if name in self.environment:
                os.environ[name] = self.environment[name]
        now = ProcessStanding.take().values
        for (part, name), value in self.values.items():
            if now.get((part, name)) == value:
                continue
            found.append(f"the {name}")
            if part.endswith("umask"):
                os.umask(int(value, 8))
            elif os.path.isdir(value):
                os.chdir(value)
        return found
