"""What came of one operation."""

from __future__ import annotations

from dataclasses import dataclass

from hot_reload_conformance.adapter import Reply


@dataclass(frozen=True)
class Done:
    """What came of an operation: ``failed`` is the model's verdict, ``reply`` the host's word."""

    reply: Reply
    failed: bool = False
    refused: bool = False
    """The model says that it must be refused: it was the last sink, or others need it."""
    cancelled: bool = False
    """Its caller gave up, and the version before it serves."""
    old: str = ""
    new: str = ""
    """For a reload: the versions before and, where it had to work, after."""
    moment: int = 0
    """Where in ``recording.moments`` it began."""
    fired: bool = False
    """Whether what was planned to go wrong in it did."""
    parts: tuple[Done, ...] = ()
    """Of operations that overlapped: what came of each."""

    @property
    def outcome(self) -> str:
        """What coverage calls it."""
        if self.parts:
            return "ended"
        if self.cancelled:
            return "cancelled"
        if self.refused:
            return "refused"
        if self.failed:
            return "failed"
        return "unchanged" if self.old and self.old == self.new else "ok"
