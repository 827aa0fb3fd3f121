"""PLUG 01 to 05: what a plugin owes as it is imported, described, cycled and stopped."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import importlib
import io
import re
import threading
import time
from typing import Any

from hot_reload import hooks
from hot_reload.errors import PluginFault
from hot_reload.outcome import Swapped
from hot_reload.source.snapshot import take_snapshot
from hot_reload_conformance.bench.containment import still_running
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.process_standing import ProcessStanding, Room
from hot_reload_conformance.plugins.bare import BarePlugin, is_healthy
from hot_reload_conformance.plugins.bare_root import bare_root
from hot_reload_conformance.plugins.case import PluginCase
from hot_reload_conformance.plugins.hook_run import HookRun, run_hook
from hot_reload_conformance.plugins.import_audit import audited
from hot_reload_conformance.plugins.patches import put_into_others
from hot_reload_conformance.plugins.process_settings import ProcessSettings
from hot_reload_conformance.plugins.words import hook_place, outcome_of, told
from hot_reload_conformance.verdict import CannotJudge
from hot_reload_fixtures import Census, Difference, runner_noise

_OTHERS_PARTS = ("module in sys.modules", "logger")
"""What an import may add to by importing others; its own modules go with it."""

_FINDER = "hot_reload.source.namespace._Finder"


def _noise(part: str, label: str) -> bool:
    return runner_noise(part, label) or part in _OTHERS_PARTS or label.startswith(_FINDER)


@check("HR-PLUG-01")
async def import_is_pure(case: PluginCase, _: Any) -> None:
    try:
        bare = BarePlugin(take_snapshot(case.path, case.files), case.config)
        bare.namespace.compile_all()
    except PluginFault as fault:
        raise CannotJudge(f"the plugin cannot be read: {fault} (see HR-PLUG-03)") from None
    _import_what_it_imports(bare)
    printed = io.StringIO()
    raised: BaseException | None = None
    with bare_root():
        settings = ProcessSettings()
        before = Census.take()
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            audited(bare.sources) as audit,
        ):
            try:
                bare.execute()
            except BaseException as error:
                raised = error
        growth = Census.growth(before, Census.take(), ignoring=_noise)
        changed = (*settings.put_back(), *put_into_others(bare.generation))
    bare.release()
    case.tell("import the module", seen=growth.describe())
    if printed.getvalue():
        audit.seen.append(f"prints {printed.getvalue().strip()!r:.60}")
    changes = [*audit.seen, *changed]
    changes += [each.describe() for each in growth.differences if not _told_already(each, changes)]
    case.expect(
        not changes,
        f"importing {case.subject.name} changes the process: {'; '.join(changes)}. It happens at "
        "every reload, also of a version that never gets to run. Move it to start(), and undo it "
        "in stop()",
        expected="nothing but definitions at the top of the module",
        seen="; ".join(changes),
    )
    if raised is not None:
        raise CannotJudge(
            f"the module raises as it is imported: {type(raised).__name__}: {raised} "
            "(see HR-PLUG-03)"
        )


def _told_already(difference: Difference, sentences: list[str]) -> bool:
    words = {
        "environment variable": "environment variable",
        "process setting: working directory": "working directory",
        "thread": "starts a thread",
    }
    said = words.get(difference.part)
    return said is not None and any(said in sentence for sentence in sentences)


def _import_what_it_imports(bare: BarePlugin) -> None:
    """Import the plugin's dependencies first: what their first import does is not its doing."""
    for file in bare.snapshot.files.values():
        for name in _absolute_imports(ast.parse(file.data)):
            if name.partition(".")[0] != bare.snapshot.top:
                # What is missing or broken shows when the plugin itself imports it.
                with contextlib.suppress(Exception):
                    importlib.import_module(name)


def _absolute_imports(tree: ast.Module) -> list[str]:
    found: list[str] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.append(node.module)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))
    return found


@check("HR-PLUG-02")
async def metadata(case: PluginCase, _: Any) -> None:
    try:
        bare = await BarePlugin.build(case.path, case.files, case.config)
    except PluginFault as fault:
        hint = f". {fault.hint[0].upper()}{fault.hint[1:]}" if fault.hint else ""
        line = f":{fault.line}" if fault.line else ""
        case.fail(
            f"{fault} ({fault.file or case.main_file}{line}){hint}",
            expected="name, version, dependencies and roles that a host can read",
            seen=type(fault).__name__,
        )
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError):
            raise
        raise CannotJudge(
            f"the plugin cannot be made: {type(error).__name__}: {error} (see HR-PLUG-03)"
        ) from None
    case.tell("read the metadata", seen=str(bare.manifest))
    bare.release()


CYCLES_SECONDS = 6.0
"""For all cycles together; two are enough to see growth."""


@check("HR-PLUG-03", deadline_seconds=40)
async def cycle(case: PluginCase, _: Any) -> None:
    async with case.engine() as engine:

        async def once() -> None:
            name = await case.loaded(engine, judged=True)
            await case.exercised(engine.plugin(name))
            for _ in range(2):
                outcome = await case.upgraded(engine, name)
                case.expect(
                    outcome.success,
                    f"the plugin does not survive a reload to the same code: {told(outcome)}",
                    expected="swapped",
                    seen=type(outcome).__name__,
                )
                _no_mishaps(case, outcome, "reload")
            gone = await engine.unload(name)
            case.tell("unload", seen=gone.describe())
            case.expect(gone.success, f"the plugin does not unload: {gone.describe()}")
            _no_mishaps(case, gone, "unload")

        room = Room.take()
        await once()  # what a first use loads once and for all is no growth
        before, threads = Census.take(), set(threading.enumerate())
        cycles, began = 0, time.monotonic()
        while cycles < case.budget.repeats:
            await once()
            cycles += 1
            # A plugin that is slow to start is no plugin that never ends.
            if cycles >= 2 and time.monotonic() - began > CYCLES_SECONDS:
                break
        still_running(set(threading.enumerate()) - threads)
        growth = Census.growth(before, Census.take(), ignoring=_noise)
        kept = room.put_back()
        if kept:  # again: what a library sets once for all, at its first use, is no leak
            await once()
            kept = [each for each in room.put_back() if each in kept]
    grown = "; ".join(_summed(each) for each in growth.grown)
    case.tell(f"{cycles} cycles of load, reload, reload, unload", seen=grown or "no growth")
    case.expect(
        not grown,
        f"each load, reload and unload leaves something behind: after {cycles} cycles there are "
        f"{grown}. Whatever start() opens or begins, stop() has to close and end",
        expected="no growth",
        seen=grown,
    )
    case.expect(
        not kept,
        f"after its unload the environment is not as it was before its load: {', '.join(kept)}. "
        "The whole process goes on with what start() set: in stop() take it away, or put back "
        "what was there before",
        expected="the environment as before",
        seen=", ".join(kept),
    )


def _summed(difference: Difference) -> str:
    """Many of one kind in a few words: twelve descriptors differ in their numbers only."""
    labels = difference.added or difference.changed
    kinds = list(dict.fromkeys(re.sub(r"^\d+ -> ", "", label) for label in labels))
    more = "changed" if difference.changed else "more"
    return f"{len(labels)} {more} of the kind {difference.part!r} ({', '.join(kinds[:3])})"


def _no_mishaps(case: PluginCase, outcome: Any, what: str) -> None:
    words = "; ".join(str(each) for each in outcome.warnings)
    of_import = [each for each in outcome.warnings if str(each).startswith("import: ")]
    case.expect(
        not of_import,
        f"the {what} succeeded with a warning, as the import of the module changes the process: "
        f"{'; '.join(map(str, of_import))} (see HR-PLUG-01)",
        expected="nothing but definitions at the top of the module",
        seen=words,
    )
    case.expect(
        not words,
        f"the {what} succeeded, but the old generation's shutdown failed: {words}. What stop() "
        "did not get to, stays behind",
        expected="flush, stop and teardown that end without an exception",
        seen=words,
    )


@check("HR-PLUG-04", deadline_seconds=15)
async def two_generations_coexist(case: PluginCase, _: Any) -> None:
    before = ProcessStanding.take()
    async with case.engine() as engine:
        name = await case.loaded(engine)
        await case.exercised(engine.plugin(name))
        running = ProcessStanding.take()
        outcome = await case.upgraded(engine, name)
        case.expect(
            isinstance(outcome, Swapped),
            f"a second generation cannot live beside the running one: {told(outcome)}. If the "
            "plugin needs a resource that only one can hold (a port, a lock file), declare "
            'swap_policy = "stop-first"; otherwise acquire it so that two can, or in a hook '
            "that runs after the swap",
            expected="the new generation started while the old one ran",
            seen=outcome.describe(),
        )
        # The old one has been stopped by now: did that take anything from the new one?
        await case.exercised(engine.plugin(name))
        await _healthy(case, engine.plugin(name), "after the old generation was stopped")
        gone = before.taken_back(running, ProcessStanding.take())
        case.tell("look what the new generation has set in the process", seen=", ".join(gone))
        case.expect(
            not gone,
            f"after a reload {', '.join(gone)} is as it was before the plugin was ever loaded: the "
            "old generation's stop() took away, or put back, what the new one's start() had set. "
            "In stop() look first whether it is still yours",
            expected="what start() sets stands while a generation runs",
            seen=", ".join(gone),
        )


async def _healthy(case: PluginCase, plugin: Any, when: str) -> None:
    answer = await health_of(case, plugin)
    case.expect(
        answer is None,
        f"{when}, the running plugin's health_check() says {answer}: the other generation's "
        "stop() took away what this one uses. Give each generation its own, or count who uses it",
        expected="a healthy plugin",
        seen=answer or "",
    )


async def health_of(case: PluginCase, plugin: Any) -> str | None:
    """What an unhealthy plugin says of itself; None: it is healthy, or has no such hook."""
    method = hooks.bind(plugin).get(hooks.HEALTH_CHECK)
    if method is None:
        return None
    run = await run_hook("health_check()", method, deadline_seconds=2)
    case.tell("health_check()", seen=repr(run.error or run.value))
    if run.error is not None:
        return f"{type(run.error).__name__}: {run.error}"
    return None if run.ended and is_healthy(run.value) else repr(run.value)


_STOPS = (
    Variant("twice", "twice"),
    Variant("before-start", "before-start"),
    Variant("after-cancelled-start", "after-cancelled-start"),
)


@check("HR-PLUG-05", variants=_STOPS)
async def stop_is_idempotent(case: PluginCase, value: Any) -> None:
    bare = await case.build()
    try:
        if not bare.hooks.has(hooks.STOP):
            case.tell("look for stop", seen="the plugin has none, which cannot do harm")
            return
        if value == "twice":
            await case.started(bare)
            _stopped(case, bare, await bare.run(hooks.STOP), "stopped")
            _stopped(case, bare, await bare.run(hooks.STOP), "stopped a second time")
        elif value == "before-start":
            _stopped(case, bare, await bare.run(hooks.STOP), "stopped before it was started")
        else:
            await bare.run(hooks.SETUP)
            started = await bare.run(hooks.START, cancel_at=1)
            case.tell("start(), cancelled where it first waits", seen=outcome_of(started, bare))
            _stopped(case, bare, await bare.run(hooks.STOP), "stopped after a cancelled start")
    finally:
        await bare.shut_down()
        bare.release()


def _stopped(case: PluginCase, bare: BarePlugin, run: HookRun, when: str) -> None:
    case.tell(f"{run.name}, {when}", seen=outcome_of(run, bare))
    case.expect(
        run.ended and run.error is None,
        f"when the plugin is {when}, {run.name} {outcome_of(run, bare)} "
        f"(defined at {hook_place(bare, hooks.STOP)}). A host may call it more than once, and "
        "for a generation that never got to start. Release only what is there: "
        "`resource, self.resource = self.resource, None`, then `if resource is not None: ...`",
        expected="no harm",
        seen=outcome_of(run, bare),
    )
