"""PLUG-15: a config outside the schema is refused by the key's name, and nothing is held."""

from __future__ import annotations

from typing import Any

from hot_reload_conformance.bench.leftovers import census, grown
from hot_reload_conformance.check import check
from hot_reload_conformance.plugins.case import PluginCase
from hot_reload_conformance.plugins.words import told
from hot_reload_conformance.plugins.wrong_config import wrong_configs
from hot_reload_conformance.verdict import CannotJudge


@check("HR-PLUG-15", deadline_seconds=60)
async def bad_config(case: PluginCase, _: Any) -> None:
    bare = await case.build()
    manifest = bare.manifest
    bare.release()
    assert manifest is not None
    name, tried = manifest.name, 0
    async with case.engine() as engine:
        for wrong in wrong_configs(manifest.config_schema, case.config):
            tried += 1
            before = await census()
            outcome = await engine.load(case.path, config=wrong.config)
            case.tell(f"load with a config {wrong.how}", seen=outcome.describe())
            if outcome.success:
                await engine.unload(outcome.plugin)
            case.expect(
                not outcome.success,
                f"a config {wrong.how} is outside the plugin's own config_schema, and it loads: a "
                "mistake in a config file shows in production. Check the config in __init__",
                expected="a refusal",
                seen="loaded",
            )
            case.expect(
                wrong.key in told(outcome),
                f"a config {wrong.how} is refused without the name of the key: {told(outcome)}. "
                "Name it in the error",
                expected=f"an error that names {wrong.key!r}",
                seen=told(outcome),
            )
            left = grown(before, await census())
            case.expect(
                not left,
                f"a config {wrong.how} is refused, and yet something is held: {'; '.join(left)}. "
                "Check the whole config before the first thing is opened",
                expected="nothing held",
                seen="; ".join(left),
            )
        if not tried:
            raise CannotJudge("the config_schema has no key that could be wrong")
        good = await engine.load(case.path, config=case.config)
        case.expect(
            good.success,
            f"after refused configs the good one does not load {name!r}: {told(good)}",
            expected="loaded",
            seen=good.describe(),
        )
