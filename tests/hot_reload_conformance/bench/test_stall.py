"""What is known of a stall: where it stood, whose line that is, and when it is too much."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path

from hot_reload_conformance.bench import stall as module
from hot_reload_conformance.bench.judge import Judge
from hot_reload_conformance.bench.stall import Place, Stall, Stalls, frames_of, is_own, own_of
from hot_reload_conformance.bench.tally import judged
from hot_reload_conformance.check import Check, Variant, host_checks, plugin_checks
from hot_reload_conformance.specimens import hanging, sync_host
from hot_reload_conformance.subject import HostSubject, PluginUnderTest
from hot_reload_conformance.verdict import CheckResult, Finding, Verdict

HERE = Place(__file__, 20, "here")


def test_a_line_is_the_subjects_a_librarys_or_the_kits() -> None:
    assert is_own("/somebody/host.py")
    assert is_own("alpha.py")
    assert is_own("/somewhere/site-packages/pluggable/loader.py")
    assert is_own(str(sync_host.__file__))
    assert not is_own(threading.__file__)
    assert not is_own("<frozen importlib._bootstrap>")
    assert not is_own("<string>")
    assert not is_own(str(module.__file__))
    assert not is_own("/somewhere/site-packages/hypothesis/core.py")


def test_it_tells_its_own_innermost_line_and_the_way_to_it() -> None:
    frames = (
        Place("/lib/asyncio.py", 1, "run"),
        Place(__file__, 1, "outer"),
        Place("/lib/threading.py", 2, "wait"),
    )
    stall = Stall(10, frames, frames[1:2])
    assert stall.where.startswith('test_stall.py:1, in outer(): """What is known of a stall')
    assert "asyncio.py" not in stall.describe(), "what is outside the subject says nothing"
    assert stall.describe().splitlines()[-1] == "  /lib/threading.py:2, in wait()"
    assert (stall.how_long, Stall(10, (), ()).where) == ("for 10 s", "")


def test_frames_end_below_the_one_that_set_the_alarm() -> None:
    def inner() -> tuple[Place, ...]:
        return own_of(frames_of(sys._getframe(), outside))

    outside = sys._getframe()
    assert [each.function.rpartition(".")[2] for each in inner()] == ["inner"]


def test_many_are_too_much_and_name_where() -> None:
    stalls = Stalls({HERE}, 3, module.MOST_SECONDS - 1)
    assert not stalls.too_much
    stalls.seconds += 1
    assert "blocked its thread 3 times in this run at test_stall.py:20" in stalls.too_much


def _check() -> Check:
    found = next(each for each in host_checks() if each.clause.code == "HR-SWAP-13")
    return replace(found, needs=frozenset())


def _tally(known: bool) -> CheckResult:
    stalls = Stalls()

    def judge(variant: Variant) -> Finding:
        stalls.count += 1
        if not known:
            stalls.places.add(Place("host.py", stalls.count, "reload"))
        return Finding(message="it hung", variant=variant.name)

    return judged(_check(), "host", [Variant("a"), Variant("b"), Variant("c")], judge, stalls)


def test_variants_are_left_out_once_it_hangs_where_it_hung_before() -> None:
    assert _tally(known=False).variants == ("a", "b", "c")
    left = _tally(known=True)
    assert (left.verdict, left.variants) == (Verdict.FAIL, ("a",))
    assert [each.variant for each in left.left_out] == ["b", "c"]
    assert left.extent == "1 of 3 variants"


def test_a_host_that_hangs_everywhere_is_not_asked_for_ever() -> None:
    judge = Judge()
    subject = HostSubject(hanging.LocksTwiceAdapter)
    result = judge.judge(subject, _check())
    assert result.verdict is Verdict.FAIL
    judge._stalls_of(subject).seconds = module.MOST_SECONDS
    asked = judge.judge(subject, _check())
    assert (asked.verdict, asked.variants) == (Verdict.UNKNOWN, ())
    assert "hanging.py" in asked.reason
    assert judge.judge(HostSubject(sync_host.SyncAdapter), _check()).verdict is Verdict.PASS
    claims = next(each for each in host_checks() if each.clause.code == "HR-FLOW-01")
    assert judge.judge(subject, claims).verdict is Verdict.NOT_CLAIMED


def test_after_a_hang_the_other_checks_say_what_is_true() -> None:
    judge = Judge()
    subject = HostSubject(hanging.LocksTwiceAdapter)
    codes = {"HR-SWAP-13": Verdict.FAIL, "HR-SWAP-01": Verdict.PASS, "HR-ROLL-01": Verdict.PASS}
    for each in host_checks():
        if each.clause.code in codes and not each.explores:
            assert judge.judge(subject, each).verdict is codes[each.clause.code]


def test_a_plugin_that_hangs_is_remembered_too(tmp_path: Path) -> None:
    path = tmp_path / "stuck.py"
    path.write_text(
        "import threading\n\nclass Stuck:\n    version = '1'\n\n"
        "    def health_check(self):\n        threading.Event().wait()\n"
    )
    plugin = PluginUnderTest(path=path, name="stuck")
    check = next(each for each in plugin_checks() if each.clause.code == "HR-PLUG-10")
    check = replace(check, deadline_seconds=0.2)
    judge = Judge()
    result = judge.judge(plugin, check)
    assert result.verdict is Verdict.FAIL
    assert "stuck.py:7, in Stuck.health_check(): threading.Event().wait()" in result.reason
    assert Place(str(path), 7, "Stuck.health_check") in judge._stalls_of(plugin).places
