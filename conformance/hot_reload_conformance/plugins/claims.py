"""What a plugin claims: it follows from what it has, nobody writes a list."""

from __future__ import annotations

from collections.abc import Mapping

from hot_reload import hooks
from hot_reload.manifest import ROLE_METHOD
from hot_reload.outcome import Role
from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.plugins.bare import BarePlugin


def claims_of(bare: BarePlugin) -> frozenset[Claim]:
    """State, sink, config: what the plugin has hooks, methods or a schema for."""
    manifest = bare.manifest
    found = set()
    if bare.hooks.has(hooks.GET_RELOAD_STATE) and bare.hooks.has(hooks.SET_RELOAD_STATE):
        found.add(Claim.STATE)
    if manifest is not None and Role.SINK in manifest.roles:
        found.add(Claim.SINK)
    if manifest is not None and manifest.config_schema is not None:
        found.add(Claim.CONFIG)
    return frozenset(found)


MISSING: Mapping[Claim, str] = {
    Claim.STATE: "the plugin carries no state. Where it has something to keep, write "
    "get_reload_state(self) and set_reload_state(self, state)",
    Claim.SINK: f"the plugin is no sink: it has no {ROLE_METHOD[Role.SINK]}(self, event)",
    Claim.CONFIG: "the plugin declares no config_schema, so nobody knows which config is wrong",
}
"""For each claim, what the plugin lacks to make it."""
