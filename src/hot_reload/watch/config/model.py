"""The model: all that a host's settings files say, checked, with one precedence.

An argument wins over the environment, the environment over the files, a later file over
an earlier one, all of them over the defaults. Sections: ``engine``
(``hot_reload.Settings``), ``watch`` (``hot_reload.WatchSettings`` and the keys of
``hot_reload.watch.choice``), ``plugins``.
"""

from __future__ import annotations

import copy
import dataclasses
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from hot_reload.config.document import Document
from hot_reload.config.fields import Field, fields_of
from hot_reload.config.problem import ConfigError, KeyPath, Problem, kind, shown, unknown_key
from hot_reload.config.schema import dotted_paths, read_class
from hot_reload.config.secret import masked, secret_texts
from hot_reload.errors import EngineMisuse
from hot_reload.manifest import NAME_PATTERN
from hot_reload.settings import Settings
from hot_reload.watch.choice import FILE_KEYS, WatchChoice, choose_watch
from hot_reload.watch.settings import WatchSettings

SECTIONS = ("engine", "watch", "plugins")
VARIABLE = "HOT_RELOAD_{section}_{key}"
"""The environment variable of a key of ``engine`` and ``watch``, in upper case; names have commas
between them."""
_CHOSEN_FOR = "quiet_seconds"
"""In a file ``debounce_ms`` says it: two switches for one thing are one too many."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginEntry:
    """What the files say of one plugin. ``repr`` shows no secret."""

    name: str
    path: Path | None = None
    """Its module file or package directory, absolute; None: ``entry_point`` has it."""
    entry_point: str = ""
    """A name in the group ``hot_reload.plugins`` of an installed distribution."""
    version: str = ""
    """The range (PEP 440) that this distribution's version has to be in; empty: any."""
    enabled: bool = True
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    needs: tuple[str, ...] = ()
    """Plugins of these files that are loaded before it, besides those that it declares."""
    order: int = 0
    """Plugins are loaded, and steps of one role run, in this order; equal ones as they stand."""
    restore: bool = False
    """Whether a load gives it the state that the engine's ``state_store`` has of it."""
    secret_keys: tuple[str, ...] = ()

    @property
    def secret_paths(self) -> frozenset[KeyPath]:
        return dotted_paths(self.secret_keys)

    def shown_config(self) -> Any:
        """``config`` for a message: secrets are ``***``."""
        return masked(self.config, self.secret_paths)

    def secrets(self) -> frozenset[str]:
        """The texts that no message may show."""
        return secret_texts(self.config, self.secret_paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConfig:
    """One host's settings, complete and checked. Immutable; shares nothing with what it is of."""

    engine: Settings = field(default_factory=Settings)
    watch: WatchSettings = field(default_factory=WatchSettings)
    choice: WatchChoice | None = None
    """Where plugins are watched, and whether; what chose each."""
    plugins: Mapping[str, PluginEntry] = field(default_factory=lambda: MappingProxyType({}))
    document: Document | None = field(default=None, repr=False, compare=False)

    def ordered(self) -> tuple[PluginEntry, ...]:
        """The plugins in the order of loading, as far as the files say it."""
        return tuple(sorted(self.plugins.values(), key=lambda each: each.order))

    def secrets(self) -> frozenset[str]:
        return frozenset().union(*(each.secrets() for each in self.plugins.values()))


def host_config(
    document: Document,
    *,
    environment: Mapping[str, str],
    arguments: Mapping[str, Mapping[str, Any]] | None = None,
) -> HostConfig:
    """The model of ``document``.

    ``environment`` is ``os.environ`` in a program. ``arguments`` has keys of ``engine``
    and ``watch`` that win over all else. Relative paths are below the directory of the
    file that has them.

    Raises:
        ConfigError: with every problem of the document, each at its file and line.
    """
    return _Reading(document, environment, arguments or {}).model()


class _Reading:
    """One walk over one document."""

    def __init__(
        self,
        document: Document,
        environment: Mapping[str, str],
        arguments: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._document = document
        self._environment = environment
        self._arguments = arguments
        self._problems: list[Problem] = []

    def model(self) -> HostConfig:
        for key in self._document.data:
            if key not in SECTIONS:
                self._add(unknown_key(key, SECTIONS, ()))
        for section in self._arguments:
            if section not in ("engine", "watch"):
                raise EngineMisuse(f"arguments has {section!r}; known: engine, watch")
        choice = self._choice()
        engine = self._section("engine", Settings, ())
        watch = self._section("watch", WatchSettings, (*FILE_KEYS, _CHOSEN_FOR))
        plugins = dict(self._plugins())
        if self._problems:
            raise ConfigError(self._problems)
        assert engine is not None, "without a problem there are settings"
        assert watch is not None, "the same"
        assert choice is not None, "the same"
        return HostConfig(
            engine=engine,
            watch=choice.settings(watch),
            choice=choice,
            plugins=MappingProxyType(plugins),
            document=self._document,
        )

    def _add(self, problem: Problem) -> None:
        self._problems.append(problem.at(self._document.place(problem.path)))

    def _table(self, path: KeyPath, value: Any) -> Mapping[str, Any]:
        if isinstance(value, Mapping):
            return value
        self._add(Problem(text=f"is {kind(value)}", path=path, hint="write keys below it"))
        return {}

    def _section(self, name: str, schema: type[T], others: Sequence[str]) -> T | None:
        """The section ``name`` as ``schema``, whose own keys are those not in ``others``."""
        known = {each.key: each for each in fields_of(schema) if each.key not in others}
        before = len(self._problems)
        given: dict[str, Any] = {}
        table = self._table((name,), self._document.data.get(name, {}))
        for key in table:
            if key in (_CHOSEN_FOR,) and key in others:
                hint = "write debounce_ms, in milliseconds"
                self._add(Problem(text="is said by another key", path=(name, key), hint=hint))
            elif key not in known and key not in others:
                readable = {*known, *others} - {_CHOSEN_FOR}
                self._add(unknown_key(key, readable, (name,)))
        self._problems += self._unread(name, known, others)
        for key, each in known.items():
            for origin, value in self._origins(name, each, table):
                given |= self._checked(
                    each.annotation,
                    value,
                    (name, key),
                    origin=origin,
                    # One key alone: so all that are wrong are told, in the class's own words.
                    rule=partial(_alone, schema, key),
                )
                break
        try:
            return schema(**given) if len(self._problems) == before else None
        except EngineMisuse as error:  # keys that do not go together
            self._add(Problem(text=str(error), path=(name,)))
            return None

    def _unread(
        self, section: str, known: Mapping[str, Field], others: Sequence[str]
    ) -> Iterator[Problem]:
        """Arguments and variables that are meant for ``section``, and that nobody would read."""
        for key in self._arguments.get(section, {}):
            if key not in known and (key not in others or key == _CHOSEN_FOR):
                problem = unknown_key(key, {*known, *others} - {_CHOSEN_FOR}, (section,))
                yield dataclasses.replace(problem, file=f"argument {section}.{key}")
        prefix = VARIABLE.format(section=section, key="").upper()
        for variable, value in self._environment.items():
            key = variable.removeprefix(prefix).lower()
            if value and variable.startswith(prefix) and key not in known:
                problem = unknown_key(key, known, (section,))
                if key in FILE_KEYS and key in others:
                    hint = f"write HOT_RELOAD_{key.upper()}"
                    problem = Problem(text="is said by another variable", path=(section, key))
                    problem = dataclasses.replace(problem, hint=hint)
                yield dataclasses.replace(problem, file=variable)

    def _origins(
        self, section: str, known: Field, table: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        """Where a key has a value, the strongest first. Empty: it comes from the file."""
        key, arguments = known.key, self._arguments.get(section, {})
        variable = VARIABLE.format(section=section, key=key).upper()
        if key in arguments:
            yield f"argument {section}.{key}", arguments[key]
        if self._environment.get(variable):
            yield variable, _read(self._environment[variable], known.annotation)
        if key in table:
            yield "", table[key]

    def _checked(
        self,
        annotation: Any,
        value: Any,
        path: KeyPath,
        *,
        origin: str = "",
        rule: Callable[[Any], object] = lambda value: None,
    ) -> dict[str, Any]:
        """The last key of ``path`` with ``value`` as its type has it; empty: problems were added.

        ``origin``: what gave it, where no file did. ``rule`` raises EngineMisuse on what is
        of the right type and wrong.
        """
        try:
            read = read_class(annotation, value, path)
            rule(read)
        except ConfigError as error:
            problems = list(error.problems)
        except EngineMisuse as error:
            problems = [Problem(text=str(error), path=path)]
        else:
            return {str(path[-1]): read}
        for each in problems:
            if origin:
                self._problems.append(dataclasses.replace(each, file=origin))
            else:
                self._add(each)
        return {}

    def _choice(self) -> WatchChoice | None:
        table = self._document.data.get("watch", {})
        held = {key: table[key] for key in FILE_KEYS if key in table} if table else {}
        given = {k: v for k, v in self._arguments.get("watch", {}).items() if k in FILE_KEYS}
        chosen: WatchChoice | None = None
        # One key alone, as above; the whole at the end.
        for keys in (*((key,) for key in FILE_KEYS), FILE_KEYS):
            try:
                chosen = choose_watch(
                    **{k: v for k, v in given.items() if k in keys},
                    environment={
                        k: v
                        for k, v in self._environment.items()
                        if keys is FILE_KEYS or k == f"HOT_RELOAD_{keys[0]}".upper()
                    },
                    file={k: v for k, v in held.items() if k in keys},
                )
            except EngineMisuse as error:
                if keys is FILE_KEYS:
                    return None
                path = ("watch", keys[0])
                named = "settings file" in str(error)
                problem = Problem(text=str(error), path=path)
                if named:
                    self._add(problem)
                else:
                    self._problems.append(problem)
        return chosen and self._rooted(chosen)

    def _rooted(self, choice: WatchChoice) -> WatchChoice:
        """Paths of the file are below the file's directory; all others below the working one."""
        if "settings file" not in choice.origins["plugin_paths"]:
            return choice
        base = self._directory(("watch", "plugin_paths"))
        paths = tuple(base / each for each in choice.plugin_paths)
        return dataclasses.replace(choice, plugin_paths=paths)

    def _directory(self, path: KeyPath) -> Path:
        place = self._document.place(path)
        return Path(place.file).absolute().parent if place else Path.cwd()

    def _plugins(self) -> Iterator[tuple[str, PluginEntry]]:
        names = self._table(("plugins",), self._document.data.get("plugins", {}))
        for name, value in names.items():
            path = ("plugins", name)
            before = len(self._problems)
            if not NAME_PATTERN.fullmatch(name):
                hint = "use 1 to 64 of a-z, 0-9, _ and -, and begin with a letter or a digit"
                self._add(Problem(text="the name is malformed", path=path, hint=hint))
            entry = self._plugin(name, self._table(path, value), path)
            for needed in entry.needs if entry else ():
                if needed not in names:
                    others = [each for each in names if each != name]
                    problem = unknown_key(needed, others, path)
                    if not others:
                        hint = f"write [plugins.{needed}] as well, or take it out"
                        problem = dataclasses.replace(problem, hint=hint)
                    self._add(
                        dataclasses.replace(
                            problem,
                            text=f"needs {shown(needed)}, which is no plugin of these files",
                            path=(*path, "needs"),
                        )
                    )
            if entry and len(self._problems) == before:
                yield name, entry

    def _plugin(self, name: str, table: Mapping[str, Any], path: KeyPath) -> PluginEntry | None:
        before = len(self._problems)
        given: dict[str, Any] = {}
        known = {each.key: each for each in fields_of(PluginEntry) if each.key != "name"}
        for key, value in table.items():
            if key not in known:
                self._add(unknown_key(key, known, path))
            elif key == "config":
                given[key] = copy.deepcopy(dict(self._table((*path, key), value)))
            else:
                given |= self._checked(known[key].annotation, value, (*path, key))
        if ("path" in table) is ("entry_point" in table) and len(self._problems) == before:
            hint = f'write path = "plugins/{name}.py", or entry_point = "{name}"'
            which = (
                "both path and entry_point" if "path" in table else "neither path nor entry_point"
            )
            self._add(Problem(text=f"has {which}", path=path, hint=hint))
        elif "version" in table and "path" in table:
            hint = "take it out, or write entry_point instead of path"
            text = "is asked of an installed distribution, and a file at a path has none"
            self._add(Problem(text=text, path=(*path, "version"), hint=hint))
        if len(self._problems) > before:
            return None
        if given.get("path"):
            given["path"] = self._directory((*path, "path")) / given["path"]
        return PluginEntry(name=name, **given)


def _alone(schema: type[Any], key: str, value: Any) -> None:
    # Rules that hold between keys must not speak here: give the other keys room.
    room = {"max_wait_seconds": 1e9, "retry_max_seconds": 1e9} if schema is WatchSettings else {}
    room |= {"quiet_seconds": 0.0, "retry_base_seconds": 1e-9} if room else {}
    names = {each.name for each in dataclasses.fields(schema)}
    schema(**{k: v for k, v in {**room, key: value}.items() if k in names})


def _read(text: str, annotation: Any) -> Any:
    """An environment variable as what a file would hold: names, a switch, a number, or its text."""
    if typing.get_origin(annotation) is tuple:
        return [each.strip() for each in text.split(",")]
    word = text.strip().lower()
    if word in ("true", "yes", "on", "false", "no", "off"):
        return word in ("true", "yes", "on")
    for read in (int, float):
        try:
            return read(word)
        except ValueError:
            continue
    return text
