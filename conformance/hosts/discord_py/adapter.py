"""discord.py's extensions as the kit sees them: ``commands.Bot``, never logged in.

An extension is the plugin, its one cog is the instance. The cog's listeners are the
handlers; a command stands beside them, so that a forgotten one shows.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import discord
from discord.ext import commands

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports
from hot_reload_conformance.dialect import package_files

EVENT = "on_conformance"


class DiscordPyAdapter(HostAdapter):
    name = "discord.py"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.PACKAGES,
            Claim.CANCEL,
            # "Atomically reloads an extension … the bot will roll-back to the prior working
            # state": what the documentation of reload_extension promises.
            Claim.BLUE_GREEN,
            # It unloads before it loads, and brings the old one back.
            Claim.STOP_FIRST,
        }
    )
    stages = ("read", "syntax", "import", "plugin", "construct", "setup", "start")
    hook_order = ("old stop", "old teardown", "new construct", "new setup", "new start")

    async def open(self, workdir: Path, ports: Ports) -> None:
        self._modules, self._path = set(sys.modules), list(sys.path)
        sys.path.insert(0, str(workdir))
        logging.getLogger("discord").propagate = True
        self.bot = commands.Bot(command_prefix="!", intents=discord.Intents.none())

    async def close(self) -> None:
        await self.bot.close()
        for name in set(sys.modules) - self._modules:
            del sys.modules[name]
        sys.path[:] = self._path

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        # Cogs and commands share one namespace in a bot, so both are called by the whole ref.
        label = spec.ref.replace("/", "_") + "_cog"
        cog = ["class Base(commands.Cog):" if spec.inherited else f"class {label}(commands.Cog):"]
        cog += [
            "    def __init__(self, bot): self.p = P.construct(self)",
            "    async def cog_load(self): await self.p.ahook('start')",
            "    async def cog_unload(self): await self.p.ahook('stop')",
        ]
        for handler in spec.handlers:
            cog += [
                f"    @commands.Cog.listener({EVENT!r})",
                f"    async def {handler}(self, event):",
                f"        return await self.p.areply(event, {handler!r})",
            ]
        cog += [
            f"    @commands.command(name={label!r})",
            "    async def command(self, context): pass",
        ]
        if spec.inherited:
            cog.append(f"class {label}(Base): pass")
        lines = [
            "from discord.ext import commands",
            "from hot_reload_conformance import probe",
            f"P = probe.attach({spec.name!r}, {spec.version!r})",
            "live = None",
            *cog,
            "async def setup(bot):",
            "    global live",
            f"    cog = {label}(bot)",
            "    live = cog.p",
            "    await live.ahook('setup')",
            "    await bot.add_cog(cog)",
            "async def teardown(bot):",
            "    if live is not None: await live.ahook('teardown')",
        ]
        text = "\n".join(lines) + "\n"
        if spec.package:
            return package_files(spec, text, import_name=_extension(spec.ref))
        return {f"{spec.ref}.py": text}

    async def load(self, ref: str) -> None:
        await self.bot.load_extension(_extension(ref))

    async def reload(self, ref: str) -> None:
        await self.bot.reload_extension(_extension(ref))

    async def unload(self, ref: str) -> None:
        await self.bot.unload_extension(_extension(ref))

    async def call(self, event: Event | None = None) -> list[str]:
        # Bot.dispatch() runs the same coroutines as tasks, and drops what they return.
        return [await listener(event) for listener in list(self.bot.extra_events.get(EVENT, ()))]

    async def snapshot(self) -> Mapping[str, object]:
        return {
            "extensions": sorted(self.bot.extensions),
            "cogs": sorted(self.bot.cogs),
            "commands": sorted(self.bot.all_commands),
            "listeners": sum(map(len, self.bot.extra_events.values())),
        }


def _extension(ref: str) -> str:
    return ref.replace("/", ".")


hot_reload_host = DiscordPyAdapter
