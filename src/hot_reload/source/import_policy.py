"""What an engine asks of a plugin's source before its module's body runs, and after."""

from __future__ import annotations

from dataclasses import dataclass

from hot_reload.source.lock import Lock
from hot_reload.source.preflight import Preflight
from hot_reload.source.process_state import StatePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPolicy:
    """Which guards stand around an import. Immutable; the engine that has it closes its preflight.

    Only ``validate`` is skipped by a forced reload, and of it only what may be skipped.
    """

    lock: Lock | None = None
    """No other bytes are run than those that it lists."""
    validate: bool = False
    """Whether the text is validated before anything of it runs (``source.validate``)."""
    preflight: Preflight | None = None
    """Each import is tried in a disposable process before."""
    process_changes: StatePolicy = StatePolicy.UNDO
    """What becomes of changes that an import makes in the process as a whole."""
