"""Sopel's plugins as the kit sees them: a bot that is never connected.

A plugin is a module with ``setup(bot)`` and ``shutdown(bot)``; its rules are the
handlers. ``load`` and ``unload`` take the steps of Sopel's own ``.load`` command and of
the first half of its ``reload_plugin``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sopel import plugins
from sopel.bot import Sopel, SopelWrapper
from sopel.config import Config
from sopel.trigger import PreTrigger, Trigger

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports
from hot_reload_conformance.dialect import package_files

LINE = ":kit!kit@kit.example PRIVMSG #kit :conformance"


class SopelAdapter(HostAdapter):
    name = "sopel"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.PACKAGES,
            # "runs the plugin's shutdown routine and unregisters the plugin … Then … reloads":
            # the documentation of reload_plugin.
            Claim.STOP_FIRST,
            # Promised nowhere: claimed to have the gap measured, which its users meet.
            Claim.BLUE_GREEN,
        }
    )
    # Any module is a plugin to Sopel, one without rules too: there is no stage "plugin".
    stages = ("read", "syntax", "import", "start")
    # setup(bot) runs for every generation, so it is what the kit calls "start".
    hook_order = ("old stop", "new start")

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.workdir, self.home = workdir, Path(tempfile.mkdtemp(prefix="hot-reload-"))
        config = self.home / "kit.cfg"
        config.write_text(f"[core]\nowner = kit\nnick = sopel\nhomedir = {self.home}\n")
        self.bot = Sopel(Config(str(config)))

    async def close(self) -> None:
        self.bot.db.engine.dispose()
        shutil.rmtree(self.home)

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        lines = [
            "from sopel import plugin",
            "from hot_reload_conformance import probe",
            f"P = probe.attach({spec.name!r}, {spec.version!r})",
            "def setup(bot): P.hook('start')",
            "def shutdown(bot): P.hook('stop')",
        ]
        for handler in spec.handlers:
            lines += [
                "@plugin.rule('conformance')",
                f"def on_{handler}(bot, trigger):",
                f"    bot.memory['answers'].append(P.reply(bot.memory['event'], {handler!r}))",
            ]
        text = "\n".join(lines) + "\n"
        if spec.package:
            return package_files(spec, text)
        return {f"{spec.ref}.py": text}

    async def load(self, ref: str) -> None:
        name = _name(ref)
        if self.bot.has_plugin(name):
            raise ValueError(f"Plugin {name} already loaded; use the `reload` command.")
        path = self.workdir / ref
        plugin = plugins.handlers.PyFilePlugin(str(path if path.is_dir() else f"{path}.py"))
        plugin.load()
        if plugin.has_setup():
            plugin.setup(self.bot)
        plugin.register(self.bot)

    async def reload(self, ref: str) -> None:
        self.bot.reload_plugin(_name(ref))

    async def unload(self, ref: str) -> None:
        name = _name(ref)
        if not self.bot.has_plugin(name):
            raise plugins.exceptions.PluginNotRegistered(name)
        plugin = self.bot.plugins[name]
        plugin.shutdown(self.bot)
        plugin.unregister(self.bot)

    async def call(self, event: Event | None = None) -> list[str]:
        # Sopel.dispatch() runs the same rules, in threads, and says their errors in the channel.
        # What a rule returns is not handed on, so it answers by the bot's memory.
        answers: list[str] = []
        self.bot.memory.update(event=event, answers=answers)
        line = PreTrigger(self.bot.nick, LINE, identifier_factory=self.bot.make_identifier)
        for rule, match in self.bot.rules.get_triggered_rules(self.bot, line):
            trigger = Trigger(self.bot.settings, line, match)
            rule.execute(SopelWrapper(self.bot, trigger), trigger)
        return answers

    async def snapshot(self) -> Mapping[str, object]:
        rules = [each for each, _ in self.bot.rules.get_all_generic_rules()]
        return {
            "plugins": sorted(self.bot.plugins),
            "rules": sorted(rules),
            "shutdowns": len(self.bot.shutdown_methods),
        }


def _name(ref: str) -> str:
    return ref.rpartition("/")[2]


hot_reload_host = SopelAdapter
