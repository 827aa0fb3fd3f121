"""A sample of the campaign ``tests/campaigns/fault_at_every_line.py``, from each scene."""

from __future__ import annotations

import sys

import pytest
from tests.campaigns.fault_at_every_line import FAULTS, campaign
from tests.campaigns.fault_scenes import SCENES, Scene

STRIDE = 199


@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer runs: coverage, or a debugger")
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name.replace(" ", "_"))
def test_k8_r4_a_fault_at_sampled_points_is_survived(scene: Scene) -> None:
    number = SCENES.index(scene)
    fault = FAULTS[number % len(FAULTS)]
    tried, violations = campaign([scene], [fault], stride=STRIDE, offset=number)
    assert tried >= 5
    assert violations == [], "\n".join(map(str, violations))


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
    _, violations = campaign([reload], [MemoryError], stride=101)
    assert any("0 times" in each.what for each in violations)
