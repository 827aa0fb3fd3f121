"""Who acts, and why: said around an operation, read by the audit log."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from hot_reload.errors import EngineMisuse
from hot_reload.runtime.fault import shown

TEXT_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Acting:
    """On whose behalf operations are asked for, and why. Plain text, one line each."""

    actor: str
    reason: str = ""


_acting: ContextVar[Acting | None] = ContextVar("hot_reload_acting", default=None)


@contextlib.contextmanager
def acting_as(actor: str, *, reason: str = "") -> Iterator[Acting]:
    """Have what is asked for in this block told as done by ``actor``, for ``reason``.

    It holds for the present task and those that are created in the block, in no other;
    blocks nest, the innermost counts. Texts are cut at 500 characters.

    ::

        with acting_as("alice", reason="hotfix for the login page"):
            await engine.reload("login")

    Raises:
        EngineMisuse: ``actor`` is empty, or one of the two is no string.
    """
    if not isinstance(actor, str) or not actor.strip():
        raise EngineMisuse(f"actor is {actor!r}; give the name of who acts, such as 'alice'")
    if not isinstance(reason, str):
        raise EngineMisuse(f"reason is {reason!r}; give a string")
    # shown() makes a new, plain string: one of a plugin's own type would keep its class alive.
    acting = Acting(shown(actor, TEXT_LIMIT), shown(reason, TEXT_LIMIT))
    token = _acting.set(acting)
    try:
        yield acting
    finally:
        _acting.reset(token)


def acting() -> Acting | None:
    """Who acts here; None: nobody said."""
    return _acting.get()


def fresh_context() -> contextvars.Context:
    """A context in which nothing is known but who acts here.

    A copy of the whole would keep alive what plugins have put into theirs.
    """
    context = contextvars.Context()
    context.run(_acting.set, acting())
    return context
