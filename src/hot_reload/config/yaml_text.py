"""YAML text: its data, and the line of each key; the plain part of YAML 1.2.

The data is built here, from the parser's events. Nothing constructs an object, no
alias is ever followed, and an event that this module does not know how to take plainly
is refused: tags, anchors, aliases, merge keys, keys that are no scalars, a second
document. Every key is a string, and so are dates and ``no``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from hot_reload.config.lines import DEPTH_LIMIT, Lines
from hot_reload.config.problem import ConfigError, KeyPath, shown
from hot_reload.config.secret import MASK, is_secret

# A quote begins a quoted scalar only where a scalar may begin: "it's" has none.
_FLOW = re.compile(
    r"""
    (?:^|(?<=[\s\[{,:]))(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')
  | (?:^|(?<=\s))\#[^\n]*
  | [\[\]{}]
    """,
    re.X | re.M | re.S,
)
_OPENINGS = re.compile(rf"(?:[\[{{]\s*){{{DEPTH_LIMIT + 1}}}")

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def parse_yaml(text: str, lines: Lines) -> Any:
    """The data of ``text``; the line of each key goes to ``lines``.

    Raises:
        ConfigError: it is not the plain YAML described above, is nested too deep, has a
            key twice, NaN or infinity; or ruamel.yaml is not installed.
    """
    try:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError
    except ImportError:
        raise lines.error(
            "is YAML, which needs ruamel.yaml",
            hint="pip install 'pytest-hot-reload[yaml]', or write TOML or JSON",
        ) from None
    _scan_depth(text, lines)
    try:
        return _Builder(lines).build(YAML(typ="safe", pure=True).parse(text))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        words = getattr(error, "problem", None) or str(error).splitlines()[0]
        line = mark.line + 1 if mark else 0
        raise lines.error(f"no valid YAML: {words}", line) from None
    except ConfigError:
        raise
    except Exception as error:  # the parser has assertions, and trips over odd characters
        raise lines.error(f"no valid YAML: {type(error).__name__}: {shown(str(error))}") from None


def _scan_depth(text: str, lines: Lines) -> None:
    """Refuse brackets that are nested too deep before the parser sees them.

    The parser looks 1,024 characters ahead, which takes it the square of the brackets in
    them. What this scan reads otherwise than the parser is still held by the builder.
    """
    run = _OPENINGS.search(text)
    if run:
        raise lines.too_deep(lines.at(run.start()))
    depth = 0
    for found in _FLOW.finditer(text):
        if found[0] in "[{":
            depth += 1
            if depth > DEPTH_LIMIT:
                raise lines.too_deep(lines.at(found.start()))
        elif found[0] in "]}":
            depth = max(0, depth - 1)


class _Builder:
    """Builds plain data from events, without recursion."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._open: list[tuple[KeyPath, dict[str, Any] | list[Any]]] = []
        """The containers around this event, with their paths."""
        self._key: str | None = None
        """The key whose value comes next, where the innermost container is a mapping."""
        self._root: Any = None
        self._documents = 0

    def build(self, events: Iterator[Any]) -> Any:
        for event in events:
            name = type(event).__name__
            line = event.start_mark.line + 1
            if name == "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise self._lines.error(
                        "a second document begins here", line, hint="keep one in a file"
                    )
            elif name == "ScalarEvent":
                self._refuse_marks(event, line)
                self._scalar(event, line)
            elif name in ("MappingStartEvent", "SequenceStartEvent"):
                self._refuse_marks(event, line)
                self._begin({} if name == "MappingStartEvent" else [], line)
            elif name in ("MappingEndEvent", "SequenceEndEvent"):
                self._open.pop()
            elif name == "AliasEvent":
                name = self._named(event.anchor)
                raise self._lines.error(f"the alias {name}", line, self._path(), _WRITE_OUT)
        return self._root

    def _refuse_marks(self, event: Any, line: int) -> None:
        if event.anchor is not None:
            name = self._named(event.anchor)
            raise self._lines.error(f"the anchor {name}", line, self._path(), _WRITE_OUT)
        if event.tag is not None:
            raise self._lines.error(
                f"the tag {self._named(str(event.tag))}",
                line,
                self._path(),
                "tags are not allowed: write the plain value",
            )

    def _named(self, text: str) -> str:
        """``text`` for a message. A password may begin with ``!``, ``&`` or ``*`` by mistake."""
        return MASK if is_secret(self._path()) else shown(text)

    def _path(self) -> KeyPath:
        """The path of the value that comes next."""
        if not self._open:
            return ()
        path, container = self._open[-1]
        if isinstance(container, list):
            return (*path, len(container))
        return path if self._key is None else (*path, self._key)

    def _begin(self, container: dict[str, Any] | list[Any], line: int) -> None:
        if len(self._open) >= DEPTH_LIMIT:
            raise self._lines.too_deep(line, self._path())
        if self._wants_key():
            raise self._lines.error(
                "a key that is a mapping or a list", line, self._path(), "write a plain key"
            )
        path = self._path()
        self._put(container)
        self._open.append((path, container))

    def _scalar(self, event: Any, line: int) -> None:
        plain = event.implicit[0] and event.style not in ("'", '"')
        if not self._wants_key():
            value = self._resolved(event.value, line) if plain else event.value
            self._put(value)
            return
        key = event.value
        if plain and key == "<<":
            raise self._lines.error("the merge key <<", line, self._path(), _WRITE_OUT)
        path = (*self._open[-1][0], key)
        if path in self._lines.found:
            raise self._lines.twice(path, line)
        self._lines.found[path] = line
        self._key = key

    def _wants_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1][1], dict) and self._key is None

    def _put(self, value: Any) -> None:
        if not self._open:
            self._root = value
            return
        container = self._open[-1][1]
        if isinstance(container, list):
            container.append(value)
        else:
            assert self._key is not None, "the events of a mapping come in pairs"
            container[self._key] = value
            self._key = None

    def _resolved(self, text: str, line: int) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if _BASED.fullmatch(text):
            return int(text, 0)
        number = _INTEGER.fullmatch(text)
        digits = text.lstrip("-+")
        if number and digits[0] == "0" and len(digits) > 1:
            hint = f"write {int(digits[-20:])} for the number, or {text!r} for the text"
            if is_secret(self._path()):
                hint = "write it in quotes"
            what = f"{self._named(text)} begins with 0, and could be meant as octal"
            raise self._lines.error(what, line, self._path(), hint)
        try:
            if number:
                return int(text)
            value = float(text) if _FLOAT.fullmatch(text) else math.nan
        except ValueError as error:  # thousands of digits
            raise self._lines.error(str(error), line, self._path()) from None
        if math.isinf(value) or _NO_NUMBER.fullmatch(text):
            raise self._lines.error(
                f"{self._named(text)} is no finite number",
                line,
                self._path(),
                "write a finite number",
            )
        return text if math.isnan(value) else value


_WRITE_OUT = "anchors, aliases and merge keys are not allowed: write the value out"
