"""ISO: one plugin's trouble stays its own, and what runs is what was looked at."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec
from hot_reload_conformance.bench.breakage import (
    CAUSE,
    Breakage,
    load_breakages,
    one_for_each_stage,
    reload_breakages,
)
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.child import Died, in_child, peak_memory_bytes
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.planned import PlannedError, PlannedExit, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

# Begins with the other one's name: who goes by the beginning alone takes both for one.
NEIGHBOUR = PluginSpec(name="alphabet", version="v7")
STATE = "{'count': 5}"


def _disturbances(adapter: type[HostAdapter]) -> Sequence[Variant]:
    found = [Variant("load", ("load", None))]
    found += [Variant(f"load-{v.name}", ("load", v.value)) for v in load_breakages(adapter)]
    if Claim.RELOAD in adapter.claims:
        found.append(Variant("reload", ("reload", None)))
        # What is judged here is the neighbour: one breakage for each stage is enough.
        few = one_for_each_stage(reload_breakages(adapter))
        found += [Variant(f"reload-{v.name}", ("reload", v.value)) for v in few]
    if Claim.UNLOAD in adapter.claims:
        found.append(Variant("unload", ("unload", None)))
        if Claim.HOOKS in adapter.claims:
            found += [
                Variant("unload-stop-raises", ("unload", PlannedError)),
                Variant("unload-stop-exits", ("unload", PlannedExit)),
            ]
    return found


@check("HR-ISO-01", variants=_disturbances)
async def neighbours_unharmed(
    case: Case, what: tuple[str, Breakage | type[BaseException] | None]
) -> None:
    operation, trouble = what
    spec = PluginSpec(state=Claim.STATE in case.claims)
    await case.loaded(NEIGHBOUR)
    await case.replies(Event("add", 5))
    neighbour = (await case.replies(Event("who")))[0]
    if operation != "load":
        await case.loaded(spec)
    mark = case.recording.mark()
    if isinstance(trouble, Breakage):
        trouble.apply(case, spec.at("v2"))
    elif trouble is not None:
        case.recording.plan("stop", raising(trouble, CAUSE), plugin=spec.name)
    elif operation != "unload":
        case.write(spec.at("v2"))
    await getattr(case, operation)(spec.ref)
    if isinstance(trouble, Breakage):
        trouble.sprung(case)
    elif case.recording.pending():
        raise NotClaimed("no stop hook ran: the rendered plugin reports none")
    how = f"{operation} of another plugin" + (" failed, and" if trouble else "")
    served = await case.replies(Event("who"))
    case.expect(
        neighbour in served,
        f"{how} the neighbour {NEIGHBOUR.name!r} no longer serves as the object that it was",
        expected=f"{neighbour} among the replies",
        seen=served,
    )
    states = await case.replies(Event("get"))
    case.expect(
        STATE in states,
        f"{how} the neighbour {NEIGHBOUR.name!r} lost its state",
        expected=f"{STATE} among the states",
        seen=states,
    )
    touched = [
        str(moment)
        for moment in case.recording.moments[mark:]
        if moment.plugin == NEIGHBOUR.name and moment.what != "reply"
    ]
    case.expect(
        not touched,
        f"by the {how} the hooks of the neighbour {NEIGHBOUR.name!r} were run too",
        expected="none",
        seen=touched,
    )


MEMORY_CAP_BYTES = 768 * 2**20
MEMORY_GROWN_BYTES = 256 * 2**20
CHILD_DEADLINE_SECONDS = 8.0

HOSTILE = (
    Variant("exits-at-once", "import os; os._exit(0)"),
    Variant("sys-exit", "import sys; sys.exit(3)"),
    Variant("crashes", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"),
    # Pages count when they are written to, which a bytearray of zeros leaves out.
    Variant("eats-memory", "hoard = []\nwhile True: hoard.append(b'x' * (1 << 24))"),
    Variant("loops-for-ever", "while True: pass"),
)


@check("HR-ISO-02", variants=HOSTILE, deadline_seconds=20, also=(Kind.REAL,))
async def hostile_import(case: Case, body: str) -> None:
    answer = await in_child(
        type(case.adapter),
        lambda inner: _meet(inner, body),
        case.workdir,
        deadline_seconds=CHILD_DEADLINE_SECONDS,
        extra_memory_bytes=MEMORY_CAP_BYTES,
    )
    what = body.replace("\n", "; ")
    case.tell("load a plugin in a child process", seen=str(answer))
    case.expect(
        not isinstance(answer, Died),
        f"a plugin whose module says `{what}` took its host with it: "
        f"{answer.how if isinstance(answer, Died) else ''}",
        expected="a failed load",
        seen=answer,
    )
    assert not isinstance(answer, Died)
    case.expect(
        not answer["escaped"],
        f"a plugin whose module says `{what}` made {answer['escaped']} come out of the host: "
        "a program that does not expect it ends",
        expected="a failed load",
        seen=answer["escaped"],
    )
    case.expect(
        answer["grown"] < MEMORY_GROWN_BYTES,
        f"a plugin whose module says `{what}` filled the memory of the host's own process",
        expected=f"less than {MEMORY_GROWN_BYTES >> 20} MiB more",
        seen=f"{answer['grown'] >> 20} MiB more",
    )
    case.expect(
        not answer["ok"] and answer["served"] == ["v7"],
        f"a plugin whose module says `{what}` was not refused, or its neighbour no longer serves",
        expected="refused, and ['v7'] serves",
        seen=f"load said {'ok' if answer['ok'] else 'failed'}, and {answer['served']} serves",
    )
    case.expect(
        answer["then"] == ["v2", "v7"],
        f"after a plugin whose module says `{what}`, its corrected version does not load",
        expected=["v2", "v7"],
        seen=answer["then"],
    )


async def _meet(case: Case, body: str) -> dict[str, Any]:
    """In the child: load a neighbour, the hostile plugin, and its corrected version."""
    spec = PluginSpec()
    await case.loaded(NEIGHBOUR)
    before = peak_memory_bytes()
    case.spoil(spec, lambda text: f"{body}\n{text}", "hostile")
    reply = await case.load(spec.ref)
    grown = peak_memory_bytes() - before
    served = await case.replies()
    case.write(spec.at("v2"))
    await case.load(spec.ref)
    return {
        "ok": reply.ok,
        "escaped": type(case.escaped[0]).__name__ if case.escaped else "",
        "grown": grown,
        "served": served,
        "then": await case.replies(),
    }


ENOUGH_LOADS = 60
"""Loads during which the file was replaced. In 120 trials a host that reads the file twice was
caught after 12 loads on average and 100 at most, those that met no replacement among them."""
MOST_LOADS = 600


@check(
    "HR-ISO-03",
    variants=lambda adapter: (
        [
            Variant(name, name)
            for name, claim in (("loads", Claim.UNLOAD), ("reloads", Claim.RELOAD))
            if claim in adapter.claims
        ]
        or [Variant("one-load", "one-load")]
    ),
    also=(Kind.REAL,),
)
async def executed_is_validated(case: Case, script: str) -> None:
    spec = PluginSpec()
    path, texts = _two_texts(case, spec)
    versions = {hashlib.sha256(text).hexdigest(): label for label, text in texts.items()}
    met = 0
    with _flipping(path, list(texts.values())) as flipped:
        for number in range(1 if script == "one-load" else MOST_LOADS):
            before = flipped()
            again = script == "reloads" and number > 0
            reply = await (case.reload if again else case.load)(spec.ref)
            replaced = flipped() > before
            if not reply.ok:
                continue  # a host may refuse a file that changes under its hands
            await _as_validated(case, spec, versions)
            if script == "loads":
                await case.unload(spec.ref)
            met += replaced
            if met == ENOUGH_LOADS:
                break
    if not met:
        raise CannotJudge("no load succeeded while the file was being replaced")


async def _as_validated(case: Case, spec: PluginSpec, versions: Mapping[str, str]) -> None:
    """What serves is the version whose hash the host gives for what it validated."""
    validated = await case.guarded(case.adapter.validated_sha256(spec.ref), "validated_sha256")
    served = await case.replies(tell=False)
    case.expect(
        validated in versions,
        "the hash that the host gives for what it validated is of no version of the file",
        expected=" or ".join(versions),
        seen=validated,
    )
    case.tell(f"{spec.ref}: validated {versions[validated]}", seen=str(served))
    case.expect(
        served == [versions[validated]],
        "the file was replaced while the host loaded it, and the host runs other bytes "
        "than those that it validated: it reads the file more than once",
        expected=f"{versions[validated]}, whose hash was validated",
        seen=served,
    )


def _two_texts(case: Case, spec: PluginSpec) -> tuple[Path, dict[str, bytes]]:
    """The main file, and two valid texts of it of one length."""
    texts: dict[str, bytes] = {}
    path = case.workdir
    for version in ("v1", "v2"):
        files = case.write(spec.at(version))
        path = next(iter(files.values()))
        texts[version] = path.read_bytes()
    if len(set(map(len, texts.values()))) != 1:
        raise CannotJudge("render() gives texts of different lengths for v1 and v2")
    return path, texts


@contextlib.contextmanager
def _flipping(path: Path, texts: Sequence[bytes]) -> Iterator[Callable[[], int]]:
    """A thread replaces ``path`` by one text after the other, atomically; gives the count."""
    aside = Path(tempfile.mkdtemp(prefix="hot-reload-flip-", dir=path.parent.parent))
    count = 0
    over = threading.Event()

    def flip() -> None:
        nonlocal count
        while not over.is_set():
            ready = aside / path.name
            ready.write_bytes(texts[count % len(texts)])
            os.replace(ready, path)
            count += 1

    thread = threading.Thread(target=flip, name="hot-reload-flip")
    interval = sys.getswitchinterval()
    # A host between two reads has to lose the interpreter there, now and then.
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        yield lambda: count
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
        shutil.rmtree(aside, ignore_errors=True)
