"""What a plugin says of itself, in one typed record.

A plugin declares it by ``PLUGIN_META`` or ``PLUGIN_METADATA`` (a mapping in the
module), by a ``metadata`` attribute or property, or by attributes of its class; the
first that gives a field wins, in this order. Instead of a mapping it may be an object
with attributes, such as a dataclass.
"""

from __future__ import annotations

import difflib
import enum
import functools
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import ModuleType
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from hot_reload.errors import ManifestError
from hot_reload.outcome import Role

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

FIELDS = (
    "name",
    "version",
    "description",
    "author",
    "dependencies",
    "roles",
    "config_schema",
    "inputs",
    "swap_policy",
)

FOREIGN_FIELDS = frozenset(
    {
        "api_version",
        "compatibility",
        "entry_point",
        "homepage",
        "license",
        "plugin_type",
        "tags",
    }
)
"""What plugins written for other systems say of themselves: read past, and not taken for a
misspelt field. ``plugin_type`` gives the role, where it is the name of one."""

_ROLE_METHODS = {
    "filter": Role.FILTER,
    "enrich": Role.ENRICHER,
    "process": Role.PROCESSOR,
    "redact": Role.REDACTOR,
    "write": Role.SINK,
    "handle": Role.SERVICE,
    "commands": Role.COMMAND,
}
ROLE_METHOD: Mapping[Role, str] = {role: method for method, role in _ROLE_METHODS.items()}
"""The method that a plugin of each role must have."""


class SwapPolicy(enum.Enum):
    """How a generation gives way to the next."""

    BLUE_GREEN = "blue-green"
    """The new one is started beside the old one, which is stopped after the commit."""
    STOP_FIRST = "stop-first"
    """The old one is stopped first: for an exclusive resource, such as a port."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """Another plugin that this one needs, and the versions of it that fit (PEP 440)."""

    name: str
    versions: str = ""

    def admits(self, version: str) -> bool:
        return SpecifierSet(self.versions).contains(Version(version), prereleases=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A plugin's metadata, checked. ``version`` is PEP 440; ``inputs`` are relative paths."""

    name: str
    version: str
    description: str = ""
    author: str = ""
    dependencies: tuple[Dependency, ...] = ()
    roles: tuple[Role, ...] = (Role.SERVICE,)
    config_schema: Any = field(default=None, compare=False)
    inputs: tuple[str, ...] = ()
    swap_policy: SwapPolicy = SwapPolicy.BLUE_GREEN


def read_manifest(module: ModuleType, plugin: object, *, default_name: str) -> Manifest:
    """The manifest of ``plugin``, found in ``module`` and checked.

    A name that is declared nowhere is the file's; a version is required. Roles
    that are declared nowhere follow from the methods that the plugin has.

    Raises:
        ManifestError: a field is missing, malformed or unknown; it is named.
    """
    declared = _declared(module, plugin)
    if "name" not in declared and not NAME_PATTERN.fullmatch(default_name):
        raise ManifestError(
            f"it declares no name, and that of its file, {default_name!r}, cannot be one",
            hint='declare one, such as name = "my-plugin", or rename the file: 1 to 64 of a-z, '
            "0-9, _ and -, beginning with a letter or a digit",
        )
    name = _name(declared.get("name", default_name))
    return Manifest(
        name=name,
        version=_version(name, declared.get("version")),
        description=_text("description", declared.get("description", "")),
        author=_text("author", declared.get("author", "")),
        dependencies=parse_dependencies(declared.get("dependencies", ())),
        roles=_roles(declared.get("roles"), plugin),
        config_schema=declared.get("config_schema"),
        inputs=tuple(_input(each) for each in _items("inputs", declared.get("inputs", ()))),
        swap_policy=_swap_policy(declared.get("swap_policy", SwapPolicy.BLUE_GREEN)),
    )


def _declared(module: ModuleType, plugin: object) -> dict[str, Any]:
    declared: dict[str, Any] = {}
    for origin in ("PLUGIN_META", "PLUGIN_METADATA"):
        _merge(declared, getattr(module, origin, None), origin)
    _merge(declared, getattr(plugin, "metadata", None), "metadata")
    for name in FIELDS:
        value = getattr(plugin, name, None)
        if value is not None and not inspect.ismethod(value):
            declared.setdefault(name, value)
    return declared


def _merge(declared: dict[str, Any], mapping: object, origin: str) -> None:
    if mapping is None:
        return
    if not isinstance(mapping, Mapping):
        mapping = _record(mapping)
    if not isinstance(mapping, Mapping):
        raise ManifestError(
            f"{origin} is a {type(mapping).__name__}, not a mapping",
            hint=("write @property above it, or " if inspect.ismethod(mapping) else "write ")
            + f'{origin} = {{"name": ..., "version": ...}}',
        )
    for key, value in mapping.items():
        if origin != "metadata" and key not in FIELDS and key not in FOREIGN_FIELDS:
            raise ManifestError(
                f"{origin} has the unknown field {key!r}",
                hint=f"{_step_for(key)}known are {', '.join(FIELDS)}",
            )
        if key in FIELDS:
            declared.setdefault(key, value)
    kind = mapping.get("plugin_type")
    if kind in {role.value for role in Role}:
        declared.setdefault("roles", (kind,))


def _step_for(unknown: object) -> str:
    """What to write instead of a field of this name, where that can be told."""
    if unknown == "default_config":
        schema = '{"properties": {"key": {"default": ...}}}'
        return f"write each default with its key in config_schema: {schema}; "
    close = difflib.get_close_matches(str(unknown).lower(), FIELDS, n=1)
    return f"did you mean {close[0]!r}? " if close else ""


def _record(value: object) -> object:
    """A metadata object (a dataclass, a named tuple, a namespace) as the mapping it stands for."""
    found = {
        name: getattr(value, name) for name in (*FIELDS, "plugin_type") if hasattr(value, name)
    }
    return {k: v for k, v in found.items() if v is not None} if "version" in found else value


def _name(value: object, field_name: str = "name") -> str:
    text = _text(field_name, value)
    if not NAME_PATTERN.fullmatch(text):
        what = "name" if field_name == "name" else f"{field_name}: the name"
        raise ManifestError(
            f"{what} {text!r} is malformed",
            hint="use 1 to 64 of a-z, 0-9, _ and -, and begin with a letter or a digit",
        )
    return text


_PLAIN_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,9}")


@functools.lru_cache(maxsize=128)  # a reload reads mostly the version that it read before
def _is_version(text: str) -> bool:
    if _PLAIN_VERSION.fullmatch(text):
        return True
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _version(name: str, value: object) -> str:
    if value is None:
        raise ManifestError(
            f"plugin {name!r} declares no version",
            hint='give its class version = "1.0", or the module PLUGIN_META = {"version": "1.0"}',
        )
    text = _text("version", value)
    if not _is_version(text):
        raise ManifestError(f"version {text!r} is not a version by PEP 440", hint='write "1.0.0"')
    return text


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ManifestError(f"{name} is a {type(value).__name__}, not a string: {value!r:.80}")
    # Plain: outcomes keep it, and one of a class of the plugin's own would keep that alive.
    return str.__str__(value)


def _items(name: str, value: object) -> Sequence[object]:
    if type(value) is tuple or type(value) is list:
        return value
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ManifestError(
            f"{name} is a {type(value).__name__}, not a list", hint=f"write {name} = [...]"
        )
    return value


def parse_dependencies(value: object) -> tuple[Dependency, ...]:
    """What a ``dependencies`` field declares: a list of ``name>=1.0``, or name to versions.

    Raises:
        ManifestError: it is malformed.
    """
    if isinstance(value, Mapping):
        return tuple(_dependency(name, versions) for name, versions in value.items())
    return tuple(_parse_dependency(each) for each in _items("dependencies", value))


def _parse_dependency(value: object) -> Dependency:
    if isinstance(value, Dependency):
        return _dependency(value.name, value.versions)
    text = _text("dependencies", value)
    match = re.fullmatch(r"\s*([A-Za-z0-9_-]+)\s*(.*)", text)
    if match is None:
        raise ManifestError(f"dependency {text!r} is malformed", hint='write "name>=1.0,<2"')
    return _dependency(match[1], match[2])


def _dependency(name: object, versions: object) -> Dependency:
    text = "" if versions in (None, "*") else _text("dependencies", versions)
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        raise ManifestError(
            f"dependency {name} has the malformed version range {text!r}", hint='write ">=1.0,<2"'
        ) from None
    return Dependency(_name(name, "dependencies"), text.strip())


def _input(value: object) -> str:
    text = _text("inputs", value)
    path = PurePosixPath(text)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ManifestError(
            f"inputs has {text!r}, which is no path inside the plugin's directory",
            hint='write a relative path without "..", such as "data/words.txt"',
        )
    return text


def _roles(value: object, plugin: object) -> tuple[Role, ...]:
    if value is None:
        found = [
            r for method, r in _ROLE_METHODS.items() if callable(getattr(plugin, method, None))
        ]
        return tuple(found) or (Role.SERVICE,)
    if isinstance(value, (str, Role)):
        value = (value,)
    roles = tuple(_role(each) for each in _items("roles", value))
    for role in roles:
        method = ROLE_METHOD.get(role)
        if method and role is not Role.SERVICE and not callable(getattr(plugin, method, None)):
            raise ManifestError(
                f"role {role.value!r} is declared, but {type(plugin).__name__} has no method "
                f"{method!r}",
                hint=f"write def {method}({'self' if role is Role.COMMAND else 'self, event'}), "
                "or drop the role",
            )
    return roles


def _role(value: object) -> Role:
    try:
        return value if isinstance(value, Role) else Role(value)
    except ValueError:
        known = ", ".join(role.value for role in Role)
        raise ManifestError(
            f"roles has the unknown role {value!r}", hint=f"known: {known}"
        ) from None


def _swap_policy(value: object) -> SwapPolicy:
    try:
        return value if isinstance(value, SwapPolicy) else SwapPolicy(value)
    except ValueError:
        raise ManifestError(
            f"swap_policy {value!r} is unknown", hint='write "blue-green" or "stop-first"'
        ) from None
