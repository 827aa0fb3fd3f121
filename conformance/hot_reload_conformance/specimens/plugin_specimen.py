"""What a plugin specimen is: source text with one bug, and the clause that must catch it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hot_reload_conformance.subject import PluginSubject, PluginUnderTest


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectPlugin:
    """A plugin that keeps the contract: no clause may fire on it.

    ``sources`` maps relative paths to texts; the first is the module or the package's
    ``__init__``. They are text and no ``.py`` files, since nobody should import them.
    """

    name: str
    sources: Mapping[str, str]
    subject: PluginSubject = field(default_factory=PluginSubject)

    def write(self, folder: Path) -> PluginUnderTest:
        """Write it below ``folder``."""
        for relative, text in self.sources.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        main = folder / next(iter(self.sources))
        path = main.parent if main.name == "__init__.py" else main
        return PluginUnderTest(path=path, name=self.name, subject=self.subject)


def correct(
    name: str, sources: Mapping[str, str], subject: PluginSubject | None = None
) -> CorrectPlugin:
    """A correct plugin of ``sources``, dedented."""
    return CorrectPlugin(
        name=name,
        sources={path: textwrap.dedent(text).lstrip() for path, text in sources.items()},
        subject=subject or PluginSubject(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSpecimen(CorrectPlugin):
    """A wrong plugin: ``code`` must fail on it, with ``says`` in the message.

    ``bug`` says where such a thing was seen, or why people write it.
    """

    code: str
    says: str
    bug: str


_registered: list[PluginSpecimen] = []


def specimen(
    name: str,
    code: str,
    text: str,
    *,
    says: str,
    bug: str,
    subject: PluginSubject | None = None,
    more: Mapping[str, str] | None = None,
) -> None:
    """Register the module ``text``, dedented, as a wrong plugin; ``more`` are files beside it.

    Raises:
        ValueError: another one has that name.
    """
    if any(each.name == name for each in _registered):
        raise ValueError(f"two specimens are called {name}")
    _registered.append(
        PluginSpecimen(
            name=name,
            code=code,
            sources={
                f"{name.replace('-', '_')}.py": textwrap.dedent(text).lstrip(),
                **(more or {}),
            },
            says=says,
            bug=bug,
            subject=subject or PluginSubject(),
        )
    )


def registered() -> tuple[PluginSpecimen, ...]:
    """Those that have been registered so far, in the order of the clauses."""
    return tuple(sorted(_registered, key=lambda each: each.code))
