"""Whether an operation may be tried at all: pure decisions over a ``Registry``.

Each returns None (go ahead) or a ``Refusal``. A refusal changes nothing, and its
explanation ends with what to do next. The decision and the change that it allows
must happen without a suspension point between them, or two removals that were
each allowed could take the last two sinks (HR-GUARD-02).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hot_reload.outcome import RefusalReason, Role
from hot_reload.policy.registry import Registry

NAMES_SHOWN = 20
"""How many names an explanation lists before it counts the rest."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an operation is not tried, and what to do next."""

    reason: RefusalReason
    explanation: str


def may_load(registry: Registry, name: str) -> Refusal | None:
    """A name that is taken is refused, also when its plugin failed (HR-LOAD-05)."""
    entry = registry.get(name)
    if entry is None:
        return None
    state = "known, but failed" if entry.failed else "already loaded"
    return Refusal(
        RefusalReason.ALREADY_LOADED,
        f"{name!r} is {state}; reload it to take up an edit, unload it first to load another "
        "file, or give the new plugin a name of its own",
    )


def may_reload(
    registry: Registry, name: str, *, new_roles: Iterable[Role] | None = None
) -> Refusal | None:
    """Ask before the reload, and again before the commit with the new version's roles.

    A new version of the last sink that is no sink any more is refused, and so is one of a
    redactor that redacts no more: events would pass as they are, and nobody would notice.
    """
    entry = registry.get(name)
    if entry is None:
        return _unknown(registry, name)
    if new_roles is None:
        return None
    new_roles = frozenset(new_roles)
    if Role.REDACTOR in entry.roles and Role.REDACTOR not in new_roles:
        return Refusal(
            RefusalReason.REDACTOR,
            f"the new version of {name!r} is no redactor, and the running one is: what it redacts "
            "would pass as it is; unload it first if that is meant, or give it back redact(event)",
        )
    if Role.SINK in new_roles or not entry.is_sink:
        return None
    return _last_sink(
        registry, (name,), f"the new version of {name!r} is no sink, and the running one is the"
    )


def may_unload(registry: Registry, name: str, *, cascade: bool = False) -> Refusal | None:
    """The last sink stays (HR-GUARD-01), and so does what others need (HR-GUARD-04).

    ``cascade`` unloads those who need it as well; then none of them may take the
    last sink away either.
    """
    if name not in registry:
        return _unknown(registry, name)
    leaving = _with_dependents(registry, name)
    if len(leaving) > 1 and not cascade:
        direct = registry.dependents(name)
        return Refusal(
            RefusalReason.HAS_DEPENDENTS,
            f"{_some(direct)} {'needs' if len(direct) == 1 else 'need'} {name!r}; "
            f"unload {_some(leaving[1:])} first, or unload {name!r} with its dependents",
        )
    return _last_sink(registry, leaving, f"unloading {_some(leaving)} would take away the")


def may_enable(registry: Registry, name: str) -> Refusal | None:
    return None if name in registry else _unknown(registry, name)


def may_disable(registry: Registry, name: str) -> Refusal | None:
    """The last sink stays enabled. To disable what is disabled is no change, and allowed.

    Dependents do not stand in the way: a disabled plugin gets no events, but stays
    loaded, so what they import of it or call on it is still there.
    """
    entry = registry.get(name)
    if entry is None:
        return _unknown(registry, name)
    if not entry.enabled:
        return None
    return _last_sink(registry, (name,), f"disabling {name!r} would take away the")


def _last_sink(registry: Registry, leaving: tuple[str, ...], what: str) -> Refusal | None:
    """Refuse where a sink leaves and none that gets events stays (HR-GUARD-03 with it)."""
    entries = [registry.get(name) for name in leaving]
    if not any(entry is not None and entry.is_sink for entry in entries):
        return None
    sinks = [entry for entry in registry if entry.is_sink]
    staying = [entry for entry in sinks if entry.name not in leaving]
    if any(entry.serves for entry in staying):
        return None
    explanation = f"{what} last sink"
    if staying:
        states = [f"{e.name!r} is {'failed' if e.failed else 'disabled'}" for e in staying]
        explanation += f" that events reach: {_cut(states)}; enable or reload a sink"
    else:
        explanation += ", and events would be lost; load another sink"
    return Refusal(RefusalReason.LAST_SINK, f"{explanation} first")


def _unknown(registry: Registry, name: str) -> Refusal:
    explanation = f"no plugin {name!r} is loaded; "
    guess = registry.suggest(name)
    if guess:
        explanation += f"did you mean {guess!r}? "
    if registry.names:
        explanation += f"loaded are {_some(registry.names)}; use one of these names, or load it"
    else:
        explanation += "nothing is; load it"
    return Refusal(RefusalReason.UNKNOWN_PLUGIN, f"{explanation} first")


def _with_dependents(registry: Registry, name: str) -> tuple[str, ...]:
    """``name``, and after it everyone who needs it, however far."""
    found = {name: None}
    waiting = [name]
    while waiting:
        new = [each for each in registry.dependents(waiting.pop()) if each not in found]
        found.update(dict.fromkeys(new))
        waiting += new
    return tuple(found)


def _some(names: Iterable[str]) -> str:
    return _cut([repr(name) for name in names])


def _cut(items: list[str]) -> str:
    more = len(items) - NAMES_SHOWN
    return ", ".join(items[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
