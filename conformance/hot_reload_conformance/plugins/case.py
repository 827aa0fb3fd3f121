"""The case of a plugin: one folder, one loop, the plugin on the reference engine or bare.

Checks of plugins are written against ``PluginCase``. The author's file is only ever
read: next versions, good and bad, are shown to the engine through an overlay.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hot_reload.errors import ManifestError, NoPluginError
from hot_reload.outcome import Outcome, Stage
from hot_reload.source.snapshot import DiskFiles
from hot_reload_conformance.bench.alarm import Alarm, Overdue, alarm, goes_on
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.containment import Exited, Heard, contain_exits, threads_ended
from hot_reload_conformance.bench.isolation import (
    folder,
    run_in_own_loop,
    user_interrupts,
    within,
)
from hot_reload_conformance.bench.runner import blocked_finding, simulated
from hot_reload_conformance.bench.stall import Stalls
from hot_reload_conformance.bench.tally import Unusable, judged
from hot_reload_conformance.check import Check, Variant
from hot_reload_conformance.plugins.bare import BarePlugin
from hot_reload_conformance.plugins.claims import MISSING, claims_of
from hot_reload_conformance.plugins.next_version import harmless
from hot_reload_conformance.plugins.process_state import process_state_kept
from hot_reload_conformance.plugins.words import named, outcome_of, placed, told
from hot_reload_conformance.subject import PluginUnderTest
from hot_reload_conformance.verdict import (
    CannotJudge,
    CheckResult,
    Finding,
    KitError,
    NotClaimed,
    Step,
    Violation,
)
from hot_reload_fixtures import OverlayFiles

if TYPE_CHECKING:
    from hot_reload import Engine

_KEEPER = '''"""A second sink: an engine does not let its last one go."""


class Keeper:
    name = "conformance-keeper"
    version = "1"

    def write(self, event):
        """Take it, and forget it."""
'''


BLOCKED_SECONDS = 10.0
"""How long a plugin may block its thread before it is interrupted."""
_BLOCKED = (
    ": nothing else in its process could run. Give long work to asyncio.to_thread(), and waiting "
    "to asyncio.sleep()"
)


@dataclass
class PluginCase:
    """One case of one plugin. Used from one event loop only."""

    subject: PluginUnderTest
    workdir: Path
    """An empty folder of this case's own: a config that is a function is given it."""
    budget: Budget = field(default_factory=Budget)
    story: list[Step] = field(default_factory=list)
    heard: Callable[[], list[str]] = list
    """What was logged and printed up to now."""
    _version: int = 1

    def __post_init__(self) -> None:
        self.files = OverlayFiles(DiskFiles())
        self._config: dict[str, Any] | None = None
        goes_on(self)

    @property
    def path(self) -> Path:
        return self.subject.path

    @property
    def main_file(self) -> Path:
        return self.path / "__init__.py" if self.path.is_dir() else self.path

    @property
    def config(self) -> dict[str, Any]:
        """The plugin's config; the same for all of the case."""
        if self._config is None:
            try:
                self._config = self.subject.subject.configured(self.workdir)
            except Exception as error:
                raise KitError(
                    f"the config of the subject description raised {named(error)}"
                ) from error
        return self._config

    # The plugin without an engine

    @contextlib.asynccontextmanager
    async def bare(self, *, judged: bool = False) -> AsyncIterator[BarePlugin]:
        """The plugin, imported and constructed, with no engine around it.

        Raises:
            Unusable: it does not come that far; with ``judged`` a Violation, for the
                clauses that are about this.
        """
        built = await self.build(judged=judged)
        try:
            yield built
        finally:
            await built.shut_down()
            built.release()

    async def build(self, *, judged: bool = False) -> BarePlugin:
        """As ``bare``, for checks that shut it down themselves."""
        try:
            return await BarePlugin.build(self.path, self.files, self.config)
        except BaseException as error:
            if isinstance(error, (asyncio.CancelledError, KitError, Overdue)):
                raise
            message = f"the plugin cannot be made: {placed(error, str(self.main_file))}"
            if judged:
                raise Violation(message, expected="a plugin", seen=type(error).__name__) from None
            code = (
                "HR-PLUG-02" if isinstance(error, (ManifestError, NoPluginError)) else "HR-PLUG-03"
            )
            raise Unusable(f"{message} (see {code})") from None

    async def started(self, bare: BarePlugin) -> None:
        """Setup and start as a precondition: that they work is HR-PLUG-03's matter."""
        for run in await bare.start():
            self.tell(run.name, seen=outcome_of(run, bare))
            if not run.ended or run.error is not None:
                raise Unusable(f"{run.name} of the plugin {outcome_of(run, bare)} (see HR-PLUG-03)")

    async def exercised(self, plugin: Any) -> bool:
        """Use the plugin as its author says one does; False: he does not say.

        Raises:
            Violation: using it failed or did not end.
        """
        exercise = self.subject.subject.exercise
        if exercise is None:
            return False
        try:
            await within(exercise(plugin), 5)
        except Violation:
            self.fail(
                "using the plugin by the subject's own exercise() did not end within 5 s",
                expected="an end",
                seen="still waiting",
            )
        except Exception as error:
            self.fail(
                f"using the plugin by the subject's own exercise() raised {named(error)}",
                expected="what a running plugin does",
                seen=type(error).__name__,
            )
        self.tell("exercise(plugin)", seen="ok")
        return True

    # The plugin on the reference engine

    @contextlib.asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """A fresh engine that reads through this case's overlay; closed at the end."""
        from hot_reload import Engine, Settings

        settings = Settings(hook_deadline_seconds=3, drain_deadline_seconds=2)
        async with Engine(settings=settings, files=self.files) as engine:
            keeper = self.workdir / "conformance_keeper.py"
            keeper.write_text(_KEEPER, encoding="utf-8")
            (await engine.load(keeper)).unwrap()
            yield engine

    async def loaded(self, engine: Engine, *, judged: bool = False) -> str:
        """Load the plugin; its name.

        Raises:
            Unusable: it does not load; with ``judged`` a Violation.
        """
        outcome = await engine.load(self.path, config=self.config)
        self.tell("load", seen=outcome.describe())
        if not outcome.success:
            message = f"the plugin does not load: {told(outcome)}"
            if judged:
                message += self._lacks_config(outcome)
                raise Violation(message, expected="loaded", seen=type(outcome).__name__)
            raise Unusable(f"{message} (see HR-PLUG-03)")
        return outcome.plugin

    def _lacks_config(self, outcome: Outcome) -> str:
        """What its author may have to say first: nobody else knows a config that fits."""
        failure = getattr(outcome, "failure", None)
        stage = failure.stage if failure else None
        if self.config or stage not in (Stage.CONFIG, Stage.CONSTRUCT):
            return ""
        if b"config" not in self.source():
            return ""
        return (
            ". It was given no config. If it needs one, give it one in conftest.py: "
            "hot_reload_subject = PluginSubject(config={...}), with "
            "`from hot_reload_conformance import PluginSubject`"
        )

    async def upgraded(self, engine: Engine, name: str) -> Outcome:
        """Reload to a next version: the same source with another comment at its end."""
        self._version += 1
        self.files.replace(self.main_file, harmless(self.source(), self._version))
        outcome = await engine.reload(name)
        self.tell(f"reload to version {self._version}, a harmless edit", seen=outcome.describe())
        return outcome

    def source(self) -> bytes:
        """The main file's bytes as the author wrote them."""
        return DiskFiles().read(self.main_file.resolve(), limit_bytes=1 << 26)

    # What a sink is given

    def events(self, count: int) -> list[Any]:
        """``count`` events as the author says that the sink takes, or plain mappings."""
        from hot_reload_conformance.plugins.examples import examples_of

        given = self.subject.subject.events
        if isinstance(given, Sequence) and not given:
            return [{"sequence": n, "message": f"event {n}"} for n in range(1, count + 1)]
        return examples_of(given, count)

    # Expectations and the story

    def expect(
        self, holds: bool, message: str, *, expected: object = "", seen: object = ""
    ) -> None:
        """Raise ``Violation`` with ``message`` unless ``holds``."""
        if not holds:
            self.fail(message, expected=expected, seen=seen)

    def fail(self, message: str, *, expected: object = "", seen: object = "") -> None:
        raise Violation(message, expected=expected, seen=seen)

    def tell(self, text: str, *, expected: str = "", seen: str = "") -> None:
        """Add a step to the story."""
        self.story.append(Step(text, expected, seen if len(seen) < 400 else f"{seen[:397]}..."))

    def short(self, text: str) -> str:
        """``text`` with the plugin's folder left out of its paths."""
        return text.replace(f"{self.path.resolve().parent}/", "").replace(
            f"{self.path.parent}/", ""
        )


def run_plugin_check(
    subject: PluginUnderTest,
    check: Check,
    budget: Budget | None = None,
    *,
    only: str | None = None,
    stalls: Stalls | None = None,
) -> CheckResult:
    """Run every variant of ``check`` on the plugin, each in a fresh case (``only``: that one).

    ``stalls`` are those of the plugin up to now, and learns of more.

    Never raises but for the user's own Ctrl-C.
    """
    variants = [each for each in check.variants(subject) if only in (None, each.name)]
    seen = Stalls() if stalls is None else stalls
    return judged(
        check,
        subject.name,
        variants,
        lambda variant: run_variant(subject, check, variant, budget or Budget(), seen),
        seen,
    )


def run_variant(
    subject: PluginUnderTest, check: Check, variant: Variant, budget: Budget, stalls: Stalls
) -> Finding | None:
    """Run one variant in a fresh case; what it found, or None: the clause held.

    Raises:
        CannotJudge, NotClaimed, KitError: as their names say.
    """
    case: PluginCase | None = None
    heard = Heard()
    blocked_seconds = min(BLOCKED_SECONDS, check.deadline_seconds)
    watch = Alarm(blocked_seconds, stalls)

    async def main(workdir: Path) -> None:
        nonlocal case
        case = PluginCase(subject, workdir, budget, heard=heard.all_lines)
        await _claimed(case, check)
        if not check.explores:
            await within(check.run(case, variant.value), check.deadline_seconds)

    def short(text: str) -> str:
        return case.short(text) if case else text

    def lines() -> tuple[str, ...]:
        return tuple(short(line) for line in heard.lines[-60:])

    def finding(violation: Violation) -> Finding:
        story = list(case.story) if case else []
        story.append(Step(violation.message, violation.expected, violation.seen, broken=True))
        return Finding(
            message=short(violation.message),
            variant=variant.name,
            expected=violation.expected,
            seen=short(violation.seen),
            story=tuple(
                Step(short(s.text), s.expected, short(s.seen), broken=s.broken) for s in story
            ),
            timeline=lines(),
        )

    try:
        with (
            user_interrupts(),
            process_state_kept(),
            threads_ended(),
            heard,
            folder() as workdir,
            alarm(blocked_seconds, stalls) as watch,
        ):
            contain_exits(lambda: run_in_own_loop(lambda: main(workdir)))
            if check.explores:  # it makes instances of its own, each on a loop of its own
                return _explored(subject, check, budget, case)
    except Violation as violation:
        return finding(violation)
    except (NotClaimed, CannotJudge) as error:
        raise type(error)(short(str(error))) from None
    except KitError:
        raise
    except Overdue:
        told = blocked_finding("the plugin", watch, _BLOCKED)
        told = replace(told, variant=variant.name, message=short(told.message), timeline=lines())
        return simulated(told, watch, check)
    except Exited as exited:
        return finding(
            Violation(
                f"{exited} from the plugin ended the event loop: a real program would be gone. "
                "Raise an Exception, and let the host decide what it means",
                expected="an exception that is an Exception",
                seen=str(exited),
            )
        )
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        raise KitError(
            f"the check itself broke: {type(error).__name__}: {error}\n{text}"
        ) from error
    return None


def _explored(
    subject: PluginUnderTest, check: Check, budget: Budget, case: PluginCase | None
) -> Finding | None:
    found: Finding | None = check.run(subject, budget)
    short = case.short if case else str
    if found is None:
        return None
    story = tuple(
        replace(each, text=short(each.text), seen=short(each.seen)) for each in found.story
    )
    return replace(found, message=short(found.message), seen=short(found.seen), story=story)


async def _claimed(case: PluginCase, check: Check) -> None:
    """Raise NotClaimed where the clause is about something that this plugin does not do."""
    if not check.needs:
        return
    bare = await case.build()
    try:
        claims = claims_of(bare)
    finally:
        bare.release()
    missing = check.needs - claims
    if missing:
        raise NotClaimed("; ".join(MISSING.get(each, each.value) for each in missing))
