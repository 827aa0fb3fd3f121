"""The scene of configuration: what lies in the settings file, and what runs of it.

What a plugin has that was loaded since the file was last applied, and whose part of it did
not change, is the host's to say, and not judged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from hot_reload_conformance.adapter import PluginSpec, implements
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.watching import SLACK_SECONDS, Watching
from hot_reload_conformance.checks.settings_file import SettingsFile
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.operation import CONFIGURED
from hot_reload_conformance.exploration.scene import Scene
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation

REST_SECONDS = 60.0
"""Between two good files that have nothing to do with each other, of the host's own time."""
APPLIED, GOOD, SPOILT, UNWELCOME = "applied", "good", "bad", "unwelcome"
"""What lies there: the file that runs, another good one, one that is none, one that a plugin will
refuse."""
_UNKNOWN = "?"
"""A value that no file has."""


@dataclass
class Consumer:
    """One plugin as it has to be. ``value`` is None where the host may say what it has."""

    version: str
    value: str | None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Written:
    """A good file under watch."""

    at: float
    at_rest: bool
    """Whether nothing good was applied for a while before it, so that no pause is due."""
    behind: str
    """The bad file that was there last, since a good one was applied; "": none."""


class ConfigScene(Scene):
    """Three plugins and their settings file. Under watch only where the clause asks for it."""

    def __init__(self, case: Case, armed: Invariant) -> None:
        super().__init__(case, armed)
        self.consumers = {name: Consumer("v0", "v0") for name in CONFIGURED}
        self.file = SettingsFile(case, running={})
        self.running = dict.fromkeys(CONFIGURED, "v0")
        """The values of the good file that was applied last."""
        self.draft = dict(self.running)
        """Those of the good file that was written last."""
        self.lies = APPLIED
        self.refuser = ""
        self.tried = APPLIED
        """What the file was that was tried last; what is wrong then is that clause's matter."""
        self.how = ""
        """How the file is bad that lies there; "": it is not."""
        self.tried_how = ""
        """The same of the file that was tried last."""
        self.ahead: set[str] = set()
        """Plugins with an edit on disk that was not reloaded."""
        self.watching: Watching | None = None
        self.without_seconds = 0.0
        """How long a good file takes to be applied by the watch, with nothing before it."""
        self.written: Written | None = None
        self.given: list[float] = []
        """When plugins took settings, under watch."""
        self._good_at = 0.0
        self._was_bad = ""

    # The beginning

    async def begin(self) -> None:
        try:
            await self._first()
            if self.armed.watches and implements(self.case.adapter, "start_config_watch"):
                await self._watch()
        except Violation as violation:
            raise CannotJudge(f"it does not come to first settings: {violation}") from None

    async def _first(self) -> None:
        for name, consumer in self.consumers.items():
            await self.case.loaded(self.spec(name, consumer.version))
        await self.file.took(self._settings(self.running))
        if not any(m.what == "configure" for m in self.case.recording.moments):
            raise NotClaimed(
                "plugins that show their settings: have render() obey `spec.settings`, and call "
                "self.p.configure(settings) whenever the plugin is given some"
            )
        wrong = await self.wrong()
        if wrong:
            raise CannotJudge(f"first settings did not come to {wrong} (see HR-CONF-01)")

    async def _watch(self) -> None:
        self.watching = watching = Watching(self.case)
        self.case.recording.listeners.append(self._heard)
        await watching.driven(
            self.case.adapter.start_config_watch(self.file.path), "start_config_watch"
        )
        await watching.run(REST_SECONDS)
        began = watching.now()
        self.write_good(dict.fromkeys(self.draft, "w0"))
        while not self.given and watching.now() < began + REST_SECONDS:
            await watching.run(watching.pace.notice_seconds)
        if not self.given:
            raise CannotJudge(
                f"the watch of the settings file did not apply a good one in {REST_SECONDS:g} s"
            )
        self.without_seconds = self.given[0] - began
        await watching.run(watching.pace.notice_seconds)
        self.took()

    def _heard(self, moment: Moment) -> None:
        if self.watching and moment.what == "configure" and moment.phase == "end":
            self.given.append(self.watching.now())

    def spec(self, name: str, version: str) -> PluginSpec:
        return PluginSpec(name=name, version=version, settings=True)

    def _settings(self, values: dict[str, str]) -> dict[str, dict[str, object]]:
        return {name: _settings_of(name, value) for name, value in values.items()}

    # What runs

    async def wrong(self) -> str:
        """Who has other settings than the model says, by name; "": nobody."""
        if self.watching is not None and self.lies == GOOD:
            return ""  # by now it may be applied, or not
        seen = await self.seen()
        # By their text: to Python 1 and True are equal, to a plugin they need not be.
        return ", ".join(
            name
            for name, each in self.consumers.items()
            if each.enabled
            and each.value is not None
            and _text(seen.get(name)) != _text(_settings_of(name, each.value))
        )

    async def seen(self) -> dict[str, object]:
        try:
            return await self.file.seen()
        except Violation as violation:
            return {"nobody": violation.message}

    def unsure(self) -> set[str]:
        """Plugins that may have anything: a host may well bring them up to what the file says."""
        return {name for name, each in self.consumers.items() if each.value is None}

    # The file

    def known(self, values: dict[str, str]) -> dict[str, str]:
        """A value for each plugin that is there."""
        found = {name: values.get(name, _UNKNOWN) for name in sorted(self.consumers)}
        return {name: "v0" if value == _UNKNOWN else value for name, value in found.items()}

    def _superseded(self) -> None:
        """A good file is overwritten, and the watch may have applied it, or not."""
        if self.watching is None or self.lies != GOOD:
            return
        for name, value in self.draft.items():
            if name in self.consumers and value != self.running.get(name):
                self.consumers[name].value, self.running[name] = None, _UNKNOWN

    def write_good(self, values: dict[str, str]) -> None:
        self._superseded()
        self.draft, self.lies, self.how = values, GOOD, ""
        self.file.write(self.file.text(self._settings(values)), "good settings" + self._at())
        if self.watching is not None:
            now = self.watching.now()
            at_rest = now - self._good_at > REST_SECONDS - SLACK_SECONDS
            self.written = Written(now, at_rest, self._was_bad)
            self._good_at, self._was_bad = now, ""
            self.given.clear()
            self.watching.hint(self.file.path)

    def write_bad(self, how: str) -> None:
        self._superseded()
        self.file.running = self._settings(self.known(self.running))
        name = next(iter(self.consumers))
        if how == "gone":
            self.file.path.unlink(missing_ok=True)
        elif how == "wrong":
            for each in self.file.running.values():
                each["greeting"] = "beside a wrong value"
            self.file.write(self.file.with_mark(name, "size"), "a wrong value" + self._at())
        else:
            self.file.write(self.file.cut(name) if how == "half" else "", how + self._at())
        self.lies, self.how, self.written = SPOILT, how, None
        self._was_bad = how
        if self.watching is not None:
            self.watching.hint(self.file.path)

    def took(self) -> None:
        """What lies there is what runs from now on."""
        for name, value in self.draft.items():
            if name in self.consumers and value != self.running.get(name):
                self.consumers[name].value = value
        self.running = dict(self.draft)
        self.lies = self.tried = APPLIED
        self.written, self._was_bad = None, ""
        if self.watching is not None:
            self._good_at = self.given[-1] if self.given else self.watching.now()

    def _at(self) -> str:
        return f" [{self.watching.now():.2f} s]" if self.watching else ""


def _settings_of(name: str, value: str) -> dict[str, object]:
    number = CONFIGURED.index(name) + 1
    return {"size": number, "greeting": value, "nested": {"list": [1, 2], "on": True}}


def _text(settings: object) -> str:
    return json.dumps(settings, sort_keys=True)
