"""Validation: what can be said against a plugin's bytes before any of it runs.

It never runs the body, imports nothing and installs nothing; a missing distribution is
named with the command that would install it. What a forced operation may skip is said
by each finding; a syntax error, rollback and the lock are never skipped.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from hot_reload.errors import ImportRefused, ManifestError, PluginFault, SourceSyntaxError
from hot_reload.manifest import FIELDS, NAME_PATTERN, Manifest, read_manifest
from hot_reload.outcome import Role
from hot_reload.source.bindings import Bound, Texts, Unbound
from hot_reload.source.candidate import Choice, Doubt, find_choice
from hot_reload.source.code import compile_source
from hot_reload.source.declared import declared_dependencies
from hot_reload.source.imports import unresolved_imports
from hot_reload.source.snapshot import SourceSnapshot

API_VERSION = "1.0"
"""What a plugin's ``HOT_RELOAD_API``, a range such as ">=1,<2", is held against."""
API_NAME = "HOT_RELOAD_API"
UNREACHED = "nothing in the plugin imports it; correct it, or give it another suffix than .py"
"""What to do about a file that does not compile and does no harm by that."""


class Severity(enum.Enum):
    """An error keeps the plugin from being activated; a warning is told."""

    ERROR = "error"
    WARNING = "warning"


class Rule(enum.Enum):
    """What a finding is about, in the order in which they are looked at."""

    SYNTAX = "syntax"
    IMPORTS = "imports"
    PLUGIN = "plugin"
    METADATA = "metadata"
    DEPENDENCIES = "dependencies"
    API_VERSION = "API version"
    ROLE = "role"
    CONFIG_SCHEMA = "config schema"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``skippable``: a forced operation may go on all the same."""

    rule: Rule
    severity: Severity
    text: str
    file: str
    line: int | None = None
    hint: str | None = None
    skippable: bool = False

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        hint = f". {self.hint}" if self.hint else ""
        return f"{place}: {self.severity.value}: {self.rule.value}: {self.text}{hint}"


@dataclass(frozen=True, slots=True)
class Validation:
    """Every finding, in the order of the rules."""

    findings: tuple[Finding, ...] = ()

    def stopping(self, *, force: bool = False) -> tuple[Finding, ...]:
        """The findings that forbid the activation."""
        return tuple(
            each
            for each in self.findings
            if each.severity is Severity.ERROR and not (force and each.skippable)
        )

    def fault(self, *, force: bool = False) -> PluginFault | None:
        """What a transaction raises; None: it may go on. The first finding leads."""
        stopping = self.stopping(force=force)
        if not stopping:
            return None
        first = stopping[0]
        kinds = {Rule.SYNTAX: SourceSyntaxError, Rule.METADATA: ManifestError}
        kind: type[PluginFault] = kinds.get(first.rule, ImportRefused)
        more = f" (and {len(stopping) - 1} more)" if len(stopping) > 1 else ""
        text = f"validation of {first.rule.value}: {first.text}{more}"
        return kind(text, file=first.file, line=first.line, hint=first.hint)


def validate(
    snapshot: SourceSnapshot,
    *,
    plugins: Mapping[str, str] | None = None,
    roles: Collection[Role] = (),
    configured: bool = False,
) -> Validation:
    """Validate the bytes of ``snapshot``; run nothing of them.

    ``plugins`` are the names and versions of the plugins that are there (None: not known),
    ``roles`` those of the version that runs now, ``configured`` whether it is given a config.
    """
    texts = Texts(snapshot)
    syntax = Validation(tuple(_syntax(texts)))
    if syntax.stopping():
        return syntax
    checking = _Checking(texts, plugins, frozenset(roles), configured)
    return Validation((*syntax.findings, *checking.findings()))


def _syntax(texts: Texts) -> Iterator[Finding]:
    for name, file in texts.snapshot.files.items():
        place, line = str(file.path), None
        try:
            compile_source(file)
            ast.parse(file.data)
            continue
        except SourceSyntaxError as fault:
            text, line = str(fault), fault.line
        except (MemoryError, RecursionError) as error:
            text = f"{type(error).__name__}: nested too deeply to be read"
        if name in texts.reached:
            yield Finding(Rule.SYNTAX, Severity.ERROR, text, place, line)
        else:
            yield Finding(Rule.SYNTAX, Severity.WARNING, text, place, line, UNREACHED)


class _Checking:
    def __init__(
        self,
        texts: Texts,
        plugins: Mapping[str, str] | None,
        roles: frozenset[Role],
        configured: bool,
    ) -> None:
        snapshot = self._snapshot = texts.snapshot
        self._plugins = plugins
        self._roles = roles
        self._configured = configured
        self._texts = texts
        self._file = str(snapshot.main.path)
        self._needs = declared_dependencies(snapshot)

    def findings(self) -> Iterator[Finding]:
        yield from self._imports()
        choice = find_choice(self._texts)
        yield from self._plugin(choice)
        fields = self._fields(choice)
        manifest: Manifest | None = None
        try:
            manifest = self._manifest(fields, choice)
        except ManifestError as fault:
            yield Finding(
                Rule.METADATA,
                Severity.ERROR,
                str(fault),
                self._file,
                self._line(choice),
                fault.hint,
            )
        yield from self._dependencies()
        yield from self._api_version()
        if manifest is not None and isinstance(choice, Choice) and choice.kind is not None:
            yield from self._compatibility(manifest, fields)

    def _imports(self) -> Iterator[Finding]:
        names = {each.name for each in self._needs or ()}
        names |= {name.replace("-", "_") for name in names}
        for each in unresolved_imports(self._texts, names | set(self._plugins or ())):
            name = each.distribution
            hint = name and f"if it is a distribution of that name: python -m pip install {name}"
            severity = Severity.ERROR if each.certain else Severity.WARNING
            yield Finding(
                Rule.IMPORTS, severity, each.text, each.file, each.line, hint, skippable=True
            )

    def _plugin(self, choice: Choice | Doubt) -> Iterator[Finding]:
        if choice is Doubt.NO_PLUGIN:
            hint = 'write a class with version = "1.0", or def register(app, context)'
        elif choice is Doubt.SEVERAL:
            hint = "write def register(app, context) that returns one of them"
        else:
            return
        yield Finding(Rule.PLUGIN, Severity.ERROR, choice.value, self._file, hint=hint)

    def _fields(self, choice: Choice | Doubt) -> dict[str, dict[str, Any]]:
        """What is declared by literals, by where it stands: a mapping's name, or "class"."""
        found: dict[str, dict[str, Any]] = {}
        for name in ("PLUGIN_META", "PLUGIN_METADATA"):
            bound = self._texts.look_up("", name)
            value = getattr(bound.node, "value", None) if isinstance(bound, Bound) else None
            if isinstance(value, ast.Dict):
                found[name] = dict(_literal_items(value))
        kind = choice.kind if isinstance(choice, Choice) else None
        attributes: dict[str, Any] = {}
        for node in reversed(kind.chain if kind else ()):
            for statement in node.body:
                name, value = _assignment(statement)
                if name in _DATA and value is not None:
                    attributes[name] = _literal(value)
            methods = (ast.FunctionDef, ast.AsyncFunctionDef)
            attributes |= {s.name: _METHOD for s in node.body if isinstance(s, methods)}
        found["class"] = attributes
        return found

    def _manifest(
        self, fields: Mapping[str, Mapping[str, Any]], choice: Choice | Doubt
    ) -> Manifest:
        """``read_manifest`` on a stand-in that has only what the literals say.

        Raises:
            ManifestError: they are malformed, or it is certain that there is no version.
        """
        module = ModuleType(self._snapshot.top)
        for origin in fields.keys() - {"class"}:
            known = {key: each for key, each in fields[origin].items() if each is not _OPEN}
            setattr(module, origin, known)
        own = fields["class"]
        methods = [k for k, v in own.items() if v is _METHOD and k not in _DATA]
        attributes: dict[str, Any] = dict.fromkeys(methods, _do_nothing)
        attributes |= {k: v for k, v in own.items() if v is not _OPEN and v is not _METHOD}
        if self._version_is_open(fields, choice):
            attributes.setdefault("version", "0")
        plugin = type("Plugin", (), attributes)()
        # A file's name that can be no plugin's may still be given another by who loads it.
        name = self._snapshot.top.lower()
        name = name if NAME_PATTERN.fullmatch(name) else "plugin"
        return read_manifest(module, plugin, default_name=name)

    def _version_is_open(
        self, fields: Mapping[str, Mapping[str, Any]], choice: Choice | Doubt
    ) -> bool:
        """Whether there may be a version, though no literal says so."""
        kind = choice.kind if isinstance(choice, Choice) else None
        if kind is None or self._sets_by_hand({"version", "metadata"}):
            return True
        for name in ("PLUGIN_META", "PLUGIN_METADATA"):
            bound = self._texts.look_up("", name)
            if bound is not Unbound.ABSENT and name not in fields:
                return True
            if fields.get(name, {}).get("version") is _OPEN:
                return True
        given = [fields["class"].get(name, _OPEN) for name in ("version", "metadata")]
        return any(
            kind.has(name) and (value is _OPEN or value is _METHOD)
            for name, value in zip(("version", "metadata"), given, strict=True)
        )

    def _dependencies(self) -> Iterator[Finding]:
        if self._plugins is None:
            return
        for each in self._needs or ():
            found = self._plugins.get(each.name)
            if found is None:
                text, hint = f"it needs {each.name!r}, which is not there", f"load {each.name!r}"
            elif not each.admits(found):
                text = f"it needs {each.name!r} in {each.versions}, but it is {found}"
                hint = f"load a {each.name!r} that fits, or widen the range"
            else:
                continue
            yield Finding(Rule.DEPENDENCIES, Severity.ERROR, text, self._file, hint=hint)

    def _api_version(self) -> Iterator[Finding]:
        bound = self._texts.look_up("", API_NAME)
        value = getattr(bound.node, "value", None) if isinstance(bound, Bound) else None
        if not isinstance(bound, Bound) or value is None:
            return
        wanted = _literal(value)
        if wanted is _OPEN:
            return
        place = self._file, bound.node.lineno
        try:
            if not isinstance(wanted, str):
                raise InvalidSpecifier
            fits = SpecifierSet(wanted).contains(API_VERSION)
        except InvalidSpecifier:
            text, hint = f"{API_NAME} is {wanted!r:.80}", 'write a range such as ">=1,<2"'
            yield Finding(Rule.API_VERSION, Severity.ERROR, text, *place, hint, skippable=True)
            return
        if not fits:
            text = f"it is written for API {wanted}, and this engine has {API_VERSION}"
            hint = "install an engine that fits, or port the plugin and widen the range"
            yield Finding(Rule.API_VERSION, Severity.ERROR, text, *place, hint, skippable=True)

    def _compatibility(
        self, manifest: Manifest, fields: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[Finding]:
        roles_known = all(each.get("roles") is not _OPEN for each in fields.values())
        lost = sorted(each.value for each in self._roles - set(manifest.roles))
        if lost and roles_known and not self._sets_by_hand({"roles", "metadata"}):
            text = f"the version that runs is a {' and '.join(lost)} too, and this one is not"
            yield Finding(Rule.ROLE, Severity.WARNING, text, self._file, skippable=True)
        declared = any("config_schema" in each for each in fields.values())
        if self._configured and not declared and not self._sets_by_hand({"config_schema"}):
            text = "it is given a config, and declares no config_schema to check it against"
            yield Finding(Rule.CONFIG_SCHEMA, Severity.WARNING, text, self._file, skippable=True)

    def _sets_by_hand(self, names: set[str]) -> bool:
        """Whether some code assigns one of these attributes, so that the text leaves it open."""
        return any(
            isinstance(node, ast.Attribute) and node.attr in names and _stores(node)
            for text in self._texts
            for node in ast.walk(text.tree)
        )

    def _line(self, choice: Choice | Doubt) -> int | None:
        kind = choice.kind if isinstance(choice, Choice) else None
        return kind.node.lineno if kind and not kind.module else None


_OPEN = object()
"""Declared, by what is no literal."""
_METHOD = object()
_DATA = frozenset({*FIELDS, "metadata"})
"""Attributes that are data: a method of such a name is a property, whose value is not known."""


def _do_nothing(*_: object) -> None:
    """Stands for a method of the plugin's."""


def _stores(node: ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Store)


def _assignment(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            return name, value
    return "", None


def _literal_items(node: ast.Dict) -> Iterator[tuple[str, Any]]:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value, _literal(value)
        else:
            yield "version", _OPEN  # what it spreads in may have one


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _OPEN
