"""From a source to a subject: the adapter or the description behind it, imported and checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.subject import HostSubject, PluginSubject, PluginUnderTest
from hot_reload_conformance.subjects.configuration import Configuration
from hot_reload_conformance.subjects.importing import ImportProblem, import_file, import_name
from hot_reload_conformance.subjects.source import HOST_NAME, SUBJECT_NAME, Source, outline
from hot_reload_conformance.verdict import KitError


def host_subject(thing: object, where: str) -> HostSubject:
    """The host behind ``thing``: an adapter class, an adapter, or a function that makes one.

    Raises:
        KitError: it is none of these; ``where`` says which thing it is.
    """
    if isinstance(thing, type) and issubclass(thing, HostAdapter):
        return HostSubject(thing)
    if isinstance(thing, HostAdapter):
        return HostSubject(type(thing))
    if inspect.isclass(thing) or not callable(thing):
        what = thing.__name__ if inspect.isclass(thing) else repr(thing)
        raise KitError(
            f"your adapter {where} is {what:.80}: it is to be a subclass of "
            "hot_reload_conformance.HostAdapter, or a function that returns one"
        )
    try:
        made = thing()
    except Exception as error:
        raise KitError(f"your adapter {where} raised {type(error).__name__}: {error}") from error
    if isinstance(made, type):
        return host_subject(made, where)
    if not isinstance(made, HostAdapter):
        raise KitError(
            f"your adapter {where} returned {made!r:.80}, not a "
            "hot_reload_conformance.HostAdapter or a class of them"
        )
    return HostSubject(type(made), made.name, made.claims, make=thing)


def resolve_host(source: Source, configuration: Configuration) -> HostSubject:
    """The host of ``source``; not for those that a fixture gives.

    Raises:
        KitError: its adapter cannot be imported, or is no adapter.
    """
    where = source.target or f"{HOST_NAME} in {source.anchor}"
    try:
        if source.target:
            thing = import_name(source.target, configuration.root)
        else:
            thing = getattr(import_file(source.anchor), HOST_NAME)
    except ImportProblem as problem:
        raise KitError(f"your adapter: {problem}") from problem
    subject = host_subject(thing, where)
    if configuration.claims and source.anchor == configuration.file:
        return HostSubject(subject.adapter, subject.name, configuration.claims, make=subject.make)
    return subject


def describing_conftest(source: Source, root: Path) -> tuple[Path, bool] | None:
    """The nearest conftest.py with a description, and whether a fixture gives it.

    Looked for beside the plugin and upwards to ``root``. Runs nothing.
    """
    for folder in (source.path.parent, *source.path.parent.parents):
        conftest = folder / "conftest.py"
        if conftest.is_file():
            seen = outline(conftest)
            if SUBJECT_NAME in seen.names:
                return conftest, SUBJECT_NAME in seen.fixtures
        if folder == root or root not in folder.parents:
            break
    return None


def resolve_plugin(
    source: Source,
    configuration: Configuration,
    *,
    fixture: Callable[[str], Any] | None = None,
) -> PluginUnderTest:
    """The plugin of ``source`` with its description, where there is one.

    A dotted name in the table comes before a conftest. ``fixture`` gives the value
    of a pytest fixture; without it (outside pytest) only plain objects are found.

    Raises:
        KitError: the description cannot be imported, or is none.
    """
    if source.label:
        return _sample(source)
    description: object = None
    where = configuration.describe(source.name)
    try:
        if where:
            description = import_name(where, configuration.root)
        else:
            found = describing_conftest(source, configuration.root)
            if found is not None:
                where = f"{SUBJECT_NAME} in {found[0]}"
                description = _from_conftest(*found, fixture)
    except ImportProblem as problem:
        raise KitError(f"your subject description: {problem}") from problem
    if description is None:
        return PluginUnderTest(path=source.path, name=source.name)
    if not isinstance(description, PluginSubject):
        raise KitError(
            f"your subject description, {where}, is {description!r:.80}, not a "
            "hot_reload_conformance.PluginSubject"
        )
    return PluginUnderTest(path=source.path, name=source.name, subject=description, described=True)


def _from_conftest(
    conftest: Path, by_fixture: bool, fixture: Callable[[str], Any] | None
) -> object:
    if not by_fixture:
        return getattr(import_file(conftest), SUBJECT_NAME)
    return fixture(SUBJECT_NAME) if fixture is not None else None


def _sample(source: Source) -> PluginUnderTest:
    """A sample of the kit's own, with the description that it brings along."""
    from hot_reload_conformance.plugins.samples import SAMPLE_PLUGINS

    known = {each.path: each for each in SAMPLE_PLUGINS}
    return known.get(source.path) or PluginUnderTest(path=source.path, name=source.name)
