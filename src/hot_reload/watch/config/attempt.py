"""Attempts: what files hold becomes what an engine runs, wholly or not at all."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from hot_reload.config.document import merge_documents, parse_document
from hot_reload.config.problem import ConfigError, KeyPath, Problem
from hot_reload.config.secret import conceal
from hot_reload.errors import SourceError
from hot_reload.outcome import Failed, Failure, Outcome, RolledBack
from hot_reload.policy.registry import Registry
from hot_reload.ports import Files
from hot_reload.source.snapshot import take_snapshot
from hot_reload.watch.config.applying import Applying
from hot_reload.watch.config.location import locate
from hot_reload.watch.config.model import HostConfig, PluginEntry, host_config
from hot_reload.watch.config.plan import Load, Plan, Reconfigure, Replace, Step, check_plan, plan
from hot_reload.watch.config.result import ConfigResult, Verdict
from hot_reload.watch.config.view import (
    ConfigurableEngine,
    is_edited,
    needs_at,
    registry_of,
    schema_problems,
)

Look: TypeAlias = tuple[bytes | ConfigError, ...]
"""What each of the files holds, or why it cannot be read."""

_KEY_PATH = re.compile(r"\$\.[\w.-]+")


class Attempts:
    """Applies one set of files to one engine, again and again.

    Read, check, plan, check the plan: all of it before anything changes. ``running`` is
    what was applied last; a failed attempt leaves it. What a plugin refused, other code of
    it may take: ``met`` is the code at which the last attempt failed, ``code`` what lies
    there now, plugin by plugin.
    """

    def __init__(
        self,
        engine: ConfigurableEngine,
        paths: tuple[Path, ...],
        files: Files,
        environment: Mapping[str, str],
        arguments: Mapping[str, Mapping[str, Any]] | None,
    ) -> None:
        self._engine = engine
        self._paths = paths
        self._files_told = tuple(map(str, paths))
        self._files = files
        self._environment = environment
        self._arguments = arguments
        self.running: HostConfig | None = None
        self._blamed: tuple[PluginEntry, ...] = ()
        self.met: tuple[str, ...] = ()
        """The code of the plugins that the last attempt failed at, as it was before it."""

    def code(self) -> tuple[str, ...]:
        """The same plugins' code as it is now."""
        return tuple(map(self._code_of, self._blamed))

    async def attempt(self, look: Look) -> ConfigResult:
        """Apply what ``look`` holds, wholly or not at all."""
        self._blamed = self.met = ()
        try:
            model = self._model(look)
        except ConfigError as error:
            return self._refused(error)
        # First: it may not have met what is edited from here on.
        code = {name: self._code_of(each) for name, each in model.plugins.items()}
        result = await self._apply(model)
        named = {each.path[1] for each in result.problems if each.path[:1] == ("plugins",)}
        self._blamed = tuple(each for each in model.plugins.values() if each.name in named)
        self.met = tuple(code[each.name] for each in self._blamed)
        return result

    async def _apply(self, model: HostConfig) -> ConfigResult:
        try:
            planned, paths = self._planned(model)
        except ConfigError as error:
            return self._refused(error)
        affected = tuple(sorted(planned.affected))
        if not planned.steps:
            changed = self.running is None or bool(planned.later)
            self.running = model
            verdict = Verdict.APPLIED if changed else Verdict.UNCHANGED
            return ConfigResult(verdict=verdict, files=self._files_told, later=planned.later)
        work = Applying(self._engine, paths)
        done = await work.apply(planned)
        secrets = model.secrets() | (self.running.secrets() if self.running else frozenset())
        problems: tuple[Problem, ...] = ()
        if done:
            self.running = model
        elif work.failed is not None:
            problems = (
                self._problem_of(work.failed, model, secrets, undone=work.undone),
                *self._objections(planned, model),
            )
        undone = Verdict.ROLLED_BACK if work.undone else Verdict.FAILED
        return ConfigResult(
            verdict=Verdict.APPLIED if done else undone,
            files=self._files_told,
            problems=problems,
            affected=affected,
            later=planned.later if done else (),
            outcomes=tuple(_concealed(each, secrets) for each in work.outcomes),
        )

    def _refused(self, error: ConfigError) -> ConfigResult:
        return ConfigResult(
            verdict=Verdict.REFUSED, files=self._files_told, problems=error.problems
        )

    def _code_of(self, entry: PluginEntry) -> str:
        """Which code of a plugin lies on disk: the hash of its bytes, or why there is none."""
        try:
            return take_snapshot(locate(entry), self._files).sha256
        except (ConfigError, SourceError) as error:
            return str(error)

    def _model(self, look: Look) -> HostConfig:
        problems: list[Problem] = []
        documents = []
        for path, held in zip(self._paths, look, strict=True):
            try:
                if isinstance(held, ConfigError):
                    raise held
                documents.append(parse_document(held, str(path)))
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)
        return host_config(
            merge_documents(documents), environment=self._environment, arguments=self._arguments
        )

    def _planned(self, model: HostConfig) -> tuple[Plan, dict[str, Path]]:
        """The plan, checked, and where the plugins that it loads lie.

        Raises:
            ConfigError: it cannot be carried out.
        """
        loaded = registry_of(self._engine, self._files)
        paths: dict[str, Path] = {}
        problems: list[Problem] = []
        for name, entry in model.plugins.items():
            try:
                paths[name] = locate(entry)
            except ConfigError as error:
                problems += error.problems
        for name, entry in model.plugins.items():
            if entry.restore and not self._engine.keeps_state:
                text = "asks for its state, which this engine keeps nowhere"
                hint = "give it a store: Engine(state_store=StateFiles('state'))"
                problems.append(Problem(text=text, path=("plugins", name, "restore"), hint=hint))
        strange = [
            name
            for name in paths
            if name in loaded
            and (self.running is None or name not in self.running.plugins)
            and os.path.realpath(self._engine.status(name).path) != os.path.realpath(paths[name])
        ]
        for name in strange:
            where = self._engine.status(name).path
            text = f"a plugin of this name is loaded from {where}"
            hint = "give this one another name, or unload that one"
            problems.append(Problem(text=text, path=("plugins", name), hint=hint))
        old = self.running
        fresh = [
            name
            for name, entry in model.plugins.items()
            if name in paths
            and (name not in loaded or (old and old.plugins.get(name) not in (entry, None)))
        ]
        needs = {name: needs_at(paths[name], self._files) for name in fresh}
        planned = plan(old, model, loaded, needs, self._strayed(loaded))
        if not problems:
            problems += check_plan(planned, model, loaded, needs)
        steps = tuple(self._checked(each, problems) for each in planned.steps)
        if problems:
            document = model.document
            places = document.place if document else lambda path: None
            raise ConfigError(each.at(places(each.path)) for each in problems)
        wanted = {_loads(each) for each in steps}
        loads = {name: each for name, each in paths.items() if name in wanted}
        return dataclasses.replace(planned, steps=steps), loads

    def _strayed(self, loaded: Registry) -> frozenset[str]:
        """The plugins that have another config by now than they were given: a host loaded them
        anew, or configured them itself. What the files say is to run all the same."""
        before = self.running.plugins if self.running else {}
        return frozenset(
            name
            for name, entry in before.items()
            if name in loaded and not self._engine.is_configured(name, entry.config)
        )

    def _checked(self, step: Step, problems: list[Problem]) -> Step:
        """The step; what stands against it is added to ``problems``."""
        if not isinstance(step, Reconfigure):
            return step
        edited = frozenset(n for n in step.new if is_edited(self._engine, n, self._files))
        found = list(schema_problems(self._engine, step.new))
        problems += (each for each in found if each.path[1] not in edited)
        objections = tuple(each for each in found if each.path[1] in edited)
        return dataclasses.replace(step, edited=edited, objections=objections)

    def _objections(self, planned: Plan, model: HostConfig) -> Iterator[Problem]:
        """What the code that runs has against a config that the code on disk did not take."""
        for step in planned.steps:
            if isinstance(step, Reconfigure):
                for each in step.objections:
                    yield each.at(model.document.place(each.path) if model.document else None)

    def _problem_of(
        self, failed: Outcome, model: HostConfig, secrets: frozenset[str], *, undone: bool
    ) -> Problem:
        """The problem that a plugin had, at the key that it names, if it names one."""
        text = conceal(failed.describe(), secrets)
        plugin = failed.plugin
        if isinstance(failed, RolledBack | Failed) and failed.failure.plugin in model.plugins:
            # Of plugins that change together, each is told the failure of the one that failed.
            plugin = failed.failure.plugin or plugin
        path: KeyPath = ("plugins", plugin)
        named = _KEY_PATH.search(text)
        if named:
            keys = named[0].removeprefix("$.").rstrip(".").split(".")
            path = (*path, "config", *keys)
        hint = "nothing of these files is applied"
        if not undone:
            hint = "not all that was done before it could be taken back: see the outcomes"
        problem = Problem(text=text, path=path, hint=hint)
        return problem.at(model.document.place(path) if model.document else None)


def _loads(step: object) -> str:
    match step:
        case Load(entry) | Replace(_, entry):
            return entry.name
    return ""


def _concealed(outcome: Outcome, secrets: frozenset[str]) -> Outcome:
    """``outcome`` without the texts of secrets, which a plugin's own message may quote."""
    match outcome:
        case RolledBack(failure=failure):
            return dataclasses.replace(outcome, failure=_without(failure, secrets))
        case Failed(failure=failure, rollback_failure=second):
            return dataclasses.replace(
                outcome,
                failure=_without(failure, secrets),
                rollback_failure=_without(second, secrets),
            )
    return outcome


def _without(failure: Failure, secrets: frozenset[str]) -> Failure:
    return dataclasses.replace(
        failure,
        cause=conceal(failure.cause, secrets),
        traceback=conceal(failure.traceback, secrets),
        hint=failure.hint and conceal(failure.hint, secrets),
    )
