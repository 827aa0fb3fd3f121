"""Secrets: values that no message, diff, record or ``repr`` shows."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Generic, TypeVar, get_args

from hot_reload.config.problem import KeyPath

MASK = "***"
SECRET_WORDS = frozenset(
    {"password", "passwd", "passphrase", "secret", "token", "credential", "credentials"}
    | {"apikey", "api_key", "private_key", "access_key"}
)
"""A key that is one of these, or ends with one after ``_`` or ``-``, holds a secret."""
SHORTEST_CONCEALED = 4
"""A shorter secret is masked where it stands, but not searched for in running text."""

T = TypeVar("T")


class Secret(Generic[T]):
    """A value that shows itself as ``***``; ``reveal()`` gives it.

    In a schema it marks a key: ``password: Secret[str]``. Two are equal where what they
    hold is. Immutable, and safe for threads.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself. Give it to nothing that logs it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """How a pydantic model reads a field of this type."""
        from pydantic_core import core_schema

        def wrap(value: Any, read: Any) -> Secret[Any]:
            return cls(read(value.reveal() if isinstance(value, Secret) else value))

        inner = (get_args(source) or (str,))[0]
        return core_schema.no_info_wrap_validator_function(wrap, handler.generate_schema(inner))


def is_secret(path: KeyPath, marked: Collection[KeyPath] = ()) -> bool:
    """Whether what stands at ``path`` is a secret: marked, or by its key's name, or inside of one.

    ``marked`` has paths without the indices of lists.
    """
    keys = tuple(each for each in path if isinstance(each, str))
    return any(
        keys[:length] in marked or _named_secret(keys[length - 1])
        for length in range(1, len(keys) + 1)
    )


def may_hold_secret(path: KeyPath, marked: Collection[KeyPath] = ()) -> bool:
    """Whether a wrong value at ``path`` must not be shown: a secret, or a table has one below it.

    Whoever writes one text for such a table, as the URL of a database, writes the secret into it.
    """
    keys = tuple(each for each in path if isinstance(each, str))
    return is_secret(path, marked) or any(each[: len(keys)] == keys for each in marked)


def _named_secret(key: str) -> bool:
    name = key.lower().replace("-", "_")
    return any(name == word or name.endswith(f"_{word}") for word in SECRET_WORDS)


def masked(config: Any, marked: Collection[KeyPath] = (), *, at: KeyPath = ()) -> Any:
    """A copy of ``config`` to be shown, with ``***`` for every secret.

    ``marked``: paths of secrets besides those that a ``Secret`` or the key's name marks.
    ``at``: the path of ``config`` itself.
    """
    if isinstance(config, Secret) or (is_secret(at, marked) and config is not None):
        return MASK
    if isinstance(config, Mapping):
        return {key: masked(each, marked, at=(*at, str(key))) for key, each in config.items()}
    if isinstance(config, (list, tuple)):
        return [masked(each, marked, at=(*at, index)) for index, each in enumerate(config)]
    return copy.deepcopy(config)


def revealed(config: Any) -> Any:
    """A copy of ``config`` with what each ``Secret`` holds in its place."""
    if isinstance(config, Secret):
        return revealed(config.reveal())
    if isinstance(config, Mapping):
        return {key: revealed(each) for key, each in config.items()}
    if isinstance(config, (list, tuple)):
        return [revealed(each) for each in config]
    return config


def secret_texts(
    config: Any, marked: Collection[KeyPath] = (), *, at: KeyPath = ()
) -> frozenset[str]:
    """The texts of all secrets in ``config``, to be concealed where others write messages."""
    if isinstance(config, Secret):
        return _texts(config.reveal())
    if is_secret(at, marked):
        return _texts(config)
    found: frozenset[str] = frozenset()
    if isinstance(config, Mapping):
        for key, each in config.items():
            found |= secret_texts(each, marked, at=(*at, str(key)))
    elif isinstance(config, (list, tuple)):
        for index, each in enumerate(config):
            found |= secret_texts(each, marked, at=(*at, index))
    return found


def conceal(text: str, secrets: Iterable[str]) -> str:
    """``text`` with ``***`` wherever one of ``secrets`` stands in it, escaped or not."""
    for each in sorted(secrets, key=len, reverse=True):
        if len(each) >= SHORTEST_CONCEALED:
            for written in dict.fromkeys((each, repr(each)[1:-1], ascii(each)[1:-1])):
                text = text.replace(written, MASK)
    return text


def _texts(value: Any) -> frozenset[str]:
    if isinstance(value, Secret):
        value = value.reveal()
    if isinstance(value, Mapping):
        return frozenset().union(*(_texts(each) for each in value.values()))
    if isinstance(value, (list, tuple)):
        return frozenset().union(*(_texts(each) for each in value))
    if value is None or isinstance(value, bool):
        return frozenset()
    return frozenset({str(value)})
