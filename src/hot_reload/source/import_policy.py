"""What an engine asks of a plugin's source before its module's body runs, and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hot_reload.errors import EngineMisuse
from hot_reload.source.code_files import CodeFiles
from hot_reload.source.lock import Lock
from hot_reload.source.preflight import Preflight
from hot_reload.source.process_state import StatePolicy
from hot_reload.source.snapshot import SourceSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPolicy:
    """Which guards stand around an import. Immutable; the engine that has it closes its preflight.

    Only ``validate`` is skipped by a forced reload, and of it only what may be skipped.

    Raises:
        EngineMisuse: ``code_files`` and a ``lock``, which vouches for sources alone.
    """

    lock: Lock | None = None
    """No other bytes are run than those that it lists."""
    validate: bool = False
    """Whether the text is validated before anything of it runs (``source.validate``)."""
    checks: tuple[Callable[[SourceSnapshot], str | None], ...] = ()
    """The host's own validation, by any rule: each is given the bytes before anything of them
    runs, and returns why they must not, and what to do; None: they may. Where one raises, they
    must not either. No force skips them; they are called on the event loop."""
    preflight: Preflight | None = None
    """Each import is tried in a disposable process before."""
    process_changes: StatePolicy = StatePolicy.UNDO
    """What becomes of changes that an import makes in the process as a whole."""
    code_files: CodeFiles | None = None
    """Where compiled code is kept over restarts. None: in memory alone."""

    def __post_init__(self) -> None:
        if self.lock is not None and self.code_files is not None:
            raise EngineMisuse(
                "a lock vouches for sources, and not for compiled code in a folder; give one of "
                "lock and code_files"
            )
