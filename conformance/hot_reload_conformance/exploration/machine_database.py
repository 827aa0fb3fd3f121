"""The example database of the machines: a folder, a Redis server, or several of them together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hypothesis.database import (
    DirectoryBasedExampleDatabase,
    ExampleDatabase,
    MultiplexedDatabase,
    ReadOnlyDatabase,
)

from hot_reload_conformance.verdict import KitError

READ_ONLY = "readonly:"
_REDIS = ("redis://", "rediss://", "unix://")
CONNECT_SECONDS = 5


def example_database(places: Sequence[str], subject: str, code: str) -> ExampleDatabase:
    """One database of all ``places``; ``readonly:`` before one lets nothing be written there.

    A place is a folder, or the URL of a Redis server. A machine's own key does not tell
    subjects apart, so each subject and clause has a folder, or a prefix of keys, for itself.

    Raises:
        KitError: the client of Redis is not installed, or the server does not answer.
    """
    found = [_place(each, subject, code) for each in places]
    return found[0] if len(found) == 1 else MultiplexedDatabase(*found)


def _place(text: str, subject: str, code: str) -> ExampleDatabase:
    if text.startswith(READ_ONLY):
        return ReadOnlyDatabase(_place(text.removeprefix(READ_ONLY), subject, code))
    if not text.startswith(_REDIS):
        return DirectoryBasedExampleDatabase(Path(text) / subject / code)
    try:
        from hypothesis.extra.redis import RedisExampleDatabase
        from redis import Redis
        from redis.exceptions import RedisError
    except ImportError:
        raise KitError(
            f"the example database {text} needs the client of Redis: "
            "pip install 'pytest-hot-reload[redis]'"
        ) from None
    try:
        server = Redis.from_url(text, socket_connect_timeout=CONNECT_SECONDS)
        server.ping()
    except (RedisError, ValueError) as error:
        raise KitError(
            f"the example database {text} does not answer ({type(error).__name__}: {error}): "
            "start the server, or leave it out of --hot-reload-database"
        ) from error
    return RedisExampleDatabase(server, key_prefix=f"hot-reload:{subject}:{code}:".encode())
