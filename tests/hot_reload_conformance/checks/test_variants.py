"""A variant brings what it is about: none is told from the others by a value that stands for it."""

from __future__ import annotations

import pytest

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.check import host_checks
from hot_reload_conformance.specimens.audited_host import AuditedAdapter
from hot_reload_conformance.specimens.configured_host import ConfiguredAdapter
from hot_reload_conformance.specimens.handover_host import HandoverAdapter
from hot_reload_conformance.specimens.watching_host import WatchingAdapter


@pytest.mark.parametrize(
    ("code", "adapter"),
    [
        ("HR-OBS-05", AuditedAdapter),
        ("HR-CONF-01", ConfiguredAdapter),
        ("HR-CONF-02", ConfiguredAdapter),
        ("HR-CONF-04", ConfiguredAdapter),
        ("HR-FLOW-07", HandoverAdapter),
        ("HR-GUARD-01", HandoverAdapter),
        ("HR-SWAP-05", HandoverAdapter),
        ("HR-SWAP-07", HandoverAdapter),
        ("HR-SWAP-10", HandoverAdapter),
        ("HR-WATCH-12", WatchingAdapter),
        ("HR-WATCH-13", WatchingAdapter),
    ],
)
def test_each_variant_brings_its_own_judge(code: str, adapter: type[HostAdapter]) -> None:
    (check,) = [each for each in host_checks() if each.clause.code == code and not each.explores]
    variants = check.variants(adapter)
    assert len({each.name for each in variants}) == len(variants) > 1
    assert all(callable(each.value) for each in variants)
