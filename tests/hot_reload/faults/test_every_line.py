"""A sample of the campaign ``tests/campaigns/fault_at_every_line.py``, from each scene."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.campaigns.fault_at_every_line import FAULTS, SCENES, Scene, campaign

STRIDE = 31

UNSHIELDED = {"Turns", "hook", "_contained", "inside"}
"""Functions in which single lines stand between two states, where nothing can be put around
them: a lock is held and not noted yet, a hook has been counted as begun and not been called."""


@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer runs: coverage, or a debugger")
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name.replace(" ", "_"))
def test_k8_r4_a_fault_at_sampled_lines_is_survived(scene: Scene) -> None:
    number = SCENES.index(scene)
    fault = FAULTS[number % len(FAULTS)]
    tried, violations = campaign([scene], [fault], stride=STRIDE, offset=number)
    assert tried >= 5
    unexpected = [each for each in violations if not shielded_by_nothing(each.point)]
    assert unexpected == [], "\n".join(map(str, unexpected))


def shielded_by_nothing(point: tuple[str, int]) -> bool:
    """Whether the line of ``point`` lies in a function, or class, of ``UNSHIELDED``."""
    file, line = point
    for number in range(line, 0, -1):
        words = Path(file).read_text("utf-8").splitlines()[number - 1].split("(")[0].split()
        if words[:1] == ["class"] and words[1].rstrip(":") in UNSHIELDED:
            return True
        if "def" in words[:2] and words[-1] in UNSHIELDED:
            return True
        if words[:1] == ["class"]:
            return False
    return False


def test_the_campaign_notices_what_is_not_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that does not go on where it was interrupted is seen."""
    from hot_reload.runtime.transaction import Transaction

    settle = Transaction.settle

    async def once(self: Transaction) -> None:
        if not getattr(self, "_tried", False):
            self._tried = True  # type: ignore[attr-defined]
            await settle(self)

    monkeypatch.setattr(Transaction, "settle", once)
    (reload,) = [each for each in SCENES if each.name == "reload"]
    _, violations = campaign([reload], [MemoryError], stride=29)
    assert any("was stopped 0 times" in each.what for each in violations)
