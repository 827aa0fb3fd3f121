"""The settings file of a case, and beside it what each plugin is to have been given."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Event, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.verdict import KitError, NotClaimed

MARK = "#{here}: this: [value"
"""A value that has to be quoted in every format: a file that is cut inside of it is no file."""
PLUGINS = ("alpha", "beta", "gamma")


def first_settings() -> dict[str, dict[str, Any]]:
    """Settings of every plain kind, in the order in which they are written."""
    return {
        name: {"size": number, "greeting": f"hello {name}", "nested": {"list": [1, 2], "on": True}}
        for number, name in enumerate(PLUGINS, start=1)
    }


@dataclass
class SettingsFile:
    """One file, and the plugins that it is about."""

    case: Case
    ending: str = ""
    running: dict[str, dict[str, Any]] = field(default_factory=first_settings)
    """The settings that run, or are to."""
    dated: int = 0
    """The mtime of what is written, in nanoseconds; 0: each write two seconds behind the last."""

    def __post_init__(self) -> None:
        formats = self.case.adapter.config_formats
        self.ending = self.ending or formats[0]
        self.path: Path = self.case.workdir / f"settings{self.ending}"

    async def applied(self) -> None:
        """Load the plugins, write the file, and have it applied.

        Raises:
            NotClaimed: the rendered plugins do not show their settings.
        """
        for name in PLUGINS:
            await self.case.loaded(PluginSpec(name=name, settings=True))
        await self.took(self.running)
        if not any(m.what == "configure" for m in self.case.recording.moments):
            raise NotClaimed(
                "plugins that show their settings: have render() obey `spec.settings`, and call "
                "self.p.configure(settings) whenever the plugin is given some"
            )
        await self.expect_running("after the first settings were applied")

    def text(self, settings: Mapping[str, Mapping[str, Any]]) -> str:
        return self.case.adapter.render_config(settings, self.ending)

    def write(self, text: str | bytes, how: str) -> None:
        """Write the file, its mtime two seconds on unless ``dated`` says another."""
        data = text.encode() if isinstance(text, str) else text
        if self.path.is_dir():
            self.path.rmdir()
        self.path.write_bytes(data)
        stamp = self.case.files.next_stamp()
        stamp = self.dated or stamp
        os.utime(self.path, ns=(stamp, stamp))
        self.case.tell(f"write {self.path.name}: {how}")

    async def apply(self) -> Reply:
        return await self.case.apply_config(self.path)

    async def took(self, settings: dict[str, dict[str, Any]], how: str = "good settings") -> None:
        """Write ``settings`` and have them applied: a step that has to work."""
        self.write(self.text(settings), how)
        reply = await self.apply()
        self.case.expect(
            reply.ok,
            f"a good settings file is not applied: {reply.everything or 'no word why'}",
            expected="applied",
            seen="refused",
        )
        self.running = settings

    def with_mark(self, plugin: str = "alpha", key: str = "greeting") -> str:
        """The file with ``MARK`` for one value."""
        settings = {name: dict(each) for name, each in self.running.items()}
        settings[plugin][key] = MARK
        text = self.text(settings)
        if self.quoted_mark not in text:
            raise KitError(
                f"your adapter's render_config({self.ending!r}) does not write the string "
                f"{MARK!r} as {self.quoted_mark}: strings in double quotes are right in each format"
            )
        return text

    @property
    def quoted_mark(self) -> str:
        return json.dumps(MARK)

    def cut(self, plugin: str = "alpha") -> str:
        """The file as it is when half of it is written: it ends in a value of ``plugin``."""
        text = self.with_mark(plugin)
        return text[: text.index(self.quoted_mark) + len(MARK) // 2]

    async def seen(self) -> dict[str, Any]:
        """The settings that each plugin has now."""
        replies = await self.case.replies(Event("settings"))
        found = (reply.partition(" ") for reply in replies)
        return {name: json.loads(settings) for name, _, settings in found}

    async def expect_running(self, after: str) -> None:
        """Each plugin has the settings that are to run."""
        seen = await self.seen()
        # By their text: to Python 1 and True are equal, to a plugin they need not be.
        wrong = sorted(n for n in PLUGINS if _text(seen.get(n)) != _text(self.running[n]))
        self.case.expect(
            not wrong,
            f"{after}, {', '.join(wrong)} {'has' if len(wrong) == 1 else 'have'} other settings "
            "than they should",
            expected={name: self.running[name] for name in wrong},
            seen={name: seen.get(name) for name in wrong},
        )


def _text(settings: Any) -> str:
    return json.dumps(settings, sort_keys=True)


def numbers_in(text: str) -> set[int]:
    """The whole numbers that a message names."""
    return {int(each) for each in re.findall(r"\d+", text) if len(each) < 9}
