"""The selection: the files that contract items hang on, from arguments or from the project."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hot_reload_conformance.subjects.configuration import Configuration
from hot_reload_conformance.subjects.discovery import default_sources, embedded_path, sources_at
from hot_reload_conformance.subjects.source import Source


@dataclass
class Selection:
    """Sources by anchor, the arguments that pytest is to collect, and how they came about."""

    sources: dict[Path, Source] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    names: dict[Path, set[str]] = field(default_factory=dict)
    """Anchor → the ids of checks asked for; an anchor that is not here: all of them."""
    explicit: bool = False
    """Whether paths were given, or came from the project."""
    default: bool = False
    """Whether it is the embedded default."""

    def add(self, source: Source, rest: str = "") -> None:
        known = source.anchor in self.sources
        self.sources[source.anchor] = source
        name = rest.partition("hot-reload::")[2]
        if not name:
            self.names.pop(source.anchor, None)
        elif not known or source.anchor in self.names:
            self.names.setdefault(source.anchor, set()).add(name)
        self.arguments.append(f"{source.anchor}::{rest}" if rest else str(source.anchor))

    def wants(self, anchor: Path, check: str, every: set[str]) -> bool:
        """Whether an id was asked for.

        pytest takes ``x`` for ``x[machine]`` too; where both exist only the exact one is meant.
        """
        names = self.names.get(anchor)
        if names is None or check in names:
            return True
        base = check.partition("[")[0]
        return base in names and base not in every

    def holds(self, folder: Path) -> bool:
        """Whether ``folder`` is above one of the anchors."""
        return any(folder in anchor.parents for anchor in self.sources)


def select(config: pytest.Config, configuration: Configuration) -> Selection:
    """The selection for this process. The same in every process of a run.

    Raises:
        DiscoveryError: a folder holds no subject, or the table names what is not there.
    """
    selection = Selection(explicit=config.args_source is pytest.Config.ArgsSource.ARGS)
    if not selection.explicit:
        sources, selection.default = default_sources(configuration)
        for source in sources:
            selection.add(source)
        return selection
    for argument in config.args:
        _select_argument(selection, config, configuration, argument)
    return selection


def _select_argument(
    selection: Selection, config: pytest.Config, configuration: Configuration, argument: str
) -> None:
    text, _, rest = argument.partition("::")
    path = Path(os.path.abspath(config.invocation_params.dir / text))
    if not path.exists():
        # The ids of the embedded default show no path of this machine; they paste back here.
        path = embedded_path(text) or path
    sources = sources_at(path, configuration) if path.exists() else None
    if sources is None:  # an ordinary test file, or nothing: pytest will say
        selection.arguments.append(argument)
        return
    for source in sources:
        selection.add(source, rest)
