"""The section on the terminal: fits its width, leaves nothing out, says what to do next."""

from __future__ import annotations

import pytest

from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.explored import Explored
from hot_reload_conformance.report.markup import plain, width_of
from hot_reload_conformance.report.story import headline, story
from hot_reload_conformance.report.summary import Report, SubjectReport
from hot_reload_conformance.report.terminal import report_lines, title
from hot_reload_conformance.report.timeline import timeline
from hot_reload_conformance.subjects.source import SourceKind
from hot_reload_conformance.verdict import (
    THINNED,
    CheckResult,
    Finding,
    LeftOut,
    Step,
    Verdict,
)

REASON = "not claimed: watch. Add it to the adapter's claims to have it checked."


def _result(
    code: str, verdict: Verdict, subject: str = "toy", reason: str = "", **rest: object
) -> CheckResult:
    clause = CONTRACT[code]
    return CheckResult(
        code=code,
        check=clause.slug,
        subject=subject,
        verdict=verdict,
        reason=reason,
        **rest,  # type: ignore[arg-type]
    )


def _report(*subjects: SubjectReport, notes: tuple[str, ...] = ()) -> Report:
    codes = frozenset(each.code for subject in subjects for each in subject.results)
    return Report(budget="quick", subjects=subjects, checked=codes, notes=notes)


EVERY_VERDICT = (
    _result("HR-LOAD-01", Verdict.PASS),
    _result("HR-LOAD-02", Verdict.FAIL, reason="left a thread"),
    _result("HR-LOAD-03", Verdict.EXPECTED_FAIL, reason="see issue 12"),
    _result("HR-LOAD-04", Verdict.UNKNOWN, reason="nobody knows"),
    _result("HR-LOAD-05", Verdict.KIT_ERROR, reason="your adapter broke"),
    _result("HR-WATCH-01", Verdict.NOT_CLAIMED, reason=REASON),
    _result("HR-WATCH-02", Verdict.NOT_CLAIMED, reason=REASON),
    _result("HR-FLOW-12", Verdict.FAIL, reason="held up for 3 s"),
)
TOY = SubjectReport("toy", SourceKind.HOST, EVERY_VERDICT)


def _text(report: Report, width: int = 80, *, unicode: bool = True) -> str:
    return plain(report_lines(report, width, unicode=unicode))


def test_each_verdict_has_a_sign_and_the_legend_explains_it() -> None:
    text = _text(_report(TOY))
    assert "  LOAD     ✓  ✗  x  ?  E  ·" in text
    assert "✓ pass   ✗ fail   ! SHOULD that fails   x expected fail   ? unknown" in text
    assert "not run: SWAP (13)" in text


def test_a_terminal_without_unicode_gets_plain_letters() -> None:
    text = _text(_report(TOY), unicode=False)
    assert "  LOAD     +  X  x  ?  E  ." in text
    assert "✓" not in text


def _in_part(code: str, *left: LeftOut, notes: tuple[str, ...] = ()) -> CheckResult:
    return _result(code, Verdict.PASS, variants=("a", "b"), left_out=left, notes=notes)


SLOW = "one load and reload takes 3.0 s"
IN_PART = SubjectReport(
    "toy",
    SourceKind.HOST,
    (
        _result("HR-LOAD-01", Verdict.PASS, variants=("a", "b")),
        _in_part("HR-LOAD-04", LeftOut("c", "hooks cannot wait"), LeftOut("d", SLOW)),
        _in_part("HR-LOAD-05", LeftOut("e", SLOW), notes=(f"{THINNED}{SLOW}",)),
        _in_part("HR-LOAD-06", *(LeftOut(name, "hooks cannot wait") for name in "cfghi")),
    ),
)


def test_a_pass_in_some_variants_says_in_how_many_and_verbosely_in_which_not_and_why() -> None:
    brief = " ".join(_text(_report(IN_PART)).split())
    assert "Passed, though not in every variant" in brief
    assert "toy: HR-LOAD-04 2 of 4, HR-LOAD-05 2 of 3, HR-LOAD-06 2 of 7 (-v says" in brief
    full = " ".join(plain(report_lines(_report(IN_PART), 80, verbose=True)).split())
    assert (
        "toy: HR-LOAD-04 2 of 4 variants, HR-LOAD-06 2 of 7 variants: without 'c', 'f', 'g' and "
        "2 more: hooks cannot wait" in full
    )
    assert f"HR-LOAD-05 2 of 3 variants: without 'd', 'e': {SLOW}" in full
    assert "HR-LOAD-01" not in brief + full
    assert "not in every variant" not in _text(_report(TOY))


def test_many_passes_in_part_are_cut_short() -> None:
    codes = [code for code in CONTRACT if code.startswith("HR-ROLL")]
    found = tuple(_in_part(code, LeftOut("c", SLOW)) for code in codes)
    text = " ".join(_text(_report(SubjectReport("toy", SourceKind.HOST, found))).split())
    assert f"{codes[4]} 2 of 3 and {len(codes) - 5} more (-v says" in text


def test_a_thinned_pass_has_a_sign_of_its_own() -> None:
    text = _text(_report(IN_PART))
    assert "LOAD     ✓  ·  ·  ✓  ~  ✓" in text
    assert "✓ pass   ~ pass, thinned   · not run" in text


def test_what_pytest_does_not_tell_is_told() -> None:
    text = _text(_report(TOY, notes=("a note",)))
    for line in (
        "a note",
        "toy (host): 4 of 112 MUST run, 1 passed",
        "  core       not conformant",
        "  your adapter broke (toy: duplicate-refused)",
        "  toy: setup-once HR-LOAD-04: nobody knows",
        "  toy: HR-FLOW-12: held up for 3 s",
        "  toy: HR-LOAD-03 error-names-cause: see issue 12",
        "  HR-WATCH-01, HR-WATCH-02: watch. Add it to the adapter's claims",
    ):
        assert line in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    others = tuple(_result(each.code, each.verdict, "a-very-long-name") for each in EVERY_VERDICT)
    long = SubjectReport("a-subject-with-a-name-that-is-long", SourceKind.HOST, others)
    counter = SubjectReport("counter", SourceKind.PLUGIN, (_result("HR-PLUG-02", Verdict.PASS),))
    if width < 80:
        return _fits(_report(TOY), 72)
    return _fits(_report(TOY, long, counter), width)


def _fits(report: Report, width: int) -> None:
    for each in report_lines(report, width):
        # The counts of a profile may run over: cutting a number would be worse.
        if "MUST run" not in plain([each]):
            assert width_of(each) <= width, plain([each])


def _counted() -> Report:
    """A host of which some clauses are not claimed, some not run, and many have no check."""
    results = (
        *EVERY_VERDICT,
        _result("HR-CTRL-01", Verdict.PASS),
        _result("HR-CTRL-02", Verdict.NOT_CLAIMED, reason=REASON),
    )
    return Report(
        budget="quick",
        subjects=(SubjectReport("toy", SourceKind.HOST, results),),
        checked=frozenset(code for code in CONTRACT if not code.startswith(("HR-P", "HR-CO"))),
    )


def test_counts_that_do_not_fit_go_on_below_and_lose_nothing() -> None:
    lines = _text(_counted()).splitlines()
    assert max(map(len, lines)) <= 80
    first = next(n for n, text in enumerate(lines) if text.startswith("  operations"))
    counts = f"{lines[first][29:]} {lines[first + 1].strip()}"
    assert lines[first + 1].startswith(" " * 29)
    wide = _text(_counted(), width=200)
    (whole,) = [text for text in wide.splitlines() if text.startswith("  operations")]
    assert whole.endswith(counts)
    assert counts.count(",") >= 2


def test_a_profile_that_is_all_there_is_says_its_counts_once() -> None:
    plugin = SubjectReport("geo", SourceKind.PLUGIN, (_result("HR-PLUG-02", Verdict.PASS, "geo"),))
    assert _text(_report(plugin)).count("MUST run") == 1


def test_what_could_not_be_judged_for_one_reason_is_said_once() -> None:
    codes = ("HR-PLUG-05", "HR-PLUG-03", "HR-PLUG-04")
    results = tuple(_result(each, Verdict.UNKNOWN, "geo", "does not load") for each in codes)
    text = _text(_report(SubjectReport("geo", SourceKind.PLUGIN, results)))
    assert "geo: HR-PLUG-03, HR-PLUG-04, HR-PLUG-05: does not load" in text
    assert text.count("does not load") == 1


def test_hosts_share_columns_and_plugins_have_their_own() -> None:
    other = SubjectReport("other", SourceKind.HOST, (_result("HR-LOAD-01", Verdict.FAIL),))
    counter = SubjectReport("counter", SourceKind.PLUGIN, (_result("HR-PLUG-02", Verdict.PASS),))
    lines = _text(_report(TOY, other, counter)).splitlines()
    load = lines.index("  LOAD")
    assert lines[load + 1].startswith("    toy       ✓  ✗")
    assert lines[load + 2].startswith("    other     ✗  ·")
    assert any(each.startswith("  PLUG") for each in lines)


def test_hints_come_in_the_order_of_the_contract_and_say_whose_they_are() -> None:
    sink, secret = "the plugin is no sink", "nobody says what is secret"
    one = SubjectReport(
        "one",
        SourceKind.PLUGIN,
        (
            _result("HR-PLUG-18", Verdict.NOT_CLAIMED, "one", secret),
            _result("HR-PLUG-11", Verdict.NOT_CLAIMED, "one", sink),
            _result("HR-PLUG-12", Verdict.NOT_CLAIMED, "one", sink),
        ),
    )
    two = SubjectReport(
        "two", SourceKind.PLUGIN, (_result("HR-PLUG-18", Verdict.NOT_CLAIMED, "two", secret),)
    )
    alone = _text(_report(one)).partition("Not claimed, so not checked\n")[2].splitlines()
    assert alone[:2] == [
        "  HR-PLUG-11, HR-PLUG-12: the plugin is no sink",
        "  HR-PLUG-18: nobody says what is secret",
    ]
    both = _text(_report(one, two)).partition("Not claimed, so not checked\n")[2].splitlines()
    assert both[:2] == [
        "  HR-PLUG-11, HR-PLUG-12 (one): the plugin is no sink",
        "  HR-PLUG-18: nobody says what is secret",
    ]


def test_a_run_of_nothing_says_so_in_its_last_line() -> None:
    last = _text(_report()).splitlines()[-1]
    assert last.startswith("no check was run to a verdict")


def test_the_title_names_contract_and_profile() -> None:
    assert title(_report()) == "reload contract 1.0, profile quick"


# The story of one failure

MOMENTS = (
    "alpha v1#1 import begin",
    "alpha v1#1 import end",
    "alpha v1#2 start begin",
    "alpha v2#3 import begin",
    "alpha v2#3 import raise",
    "alpha v1#2 start end",
)


def _failure(*findings: Finding) -> CheckResult:
    return _result(
        "HR-ROLL-01",
        Verdict.FAIL,
        reason=findings[0].message,
        findings=findings,
        variants=("a", "b", "c"),
    )


def test_the_story_has_sentence_steps_and_timeline() -> None:
    finding = Finding(
        message="the old one is gone",
        variant="a",
        expected="['v1']",
        seen="[]",
        story=(Step("load alpha", seen="ok"), Step("the old one is gone", broken=True)),
        timeline=MOMENTS,
    )
    same = Finding(message="the old one is gone", variant="b")
    text = plain(story(_failure(finding, same), "x.py::hot-reload::old-keeps-serving"))
    for line in (
        "HR-ROLL-01 old-keeps-serving  MUST  fail  on toy",
        CONTRACT["HR-ROLL-01"].text[:40],
        "2 of 3 variants failed: a; b",
        "   1. load alpha  → ok",
        "E   the old one is gone",
        "E     expected: ['v1']",
        "E     seen:     []",
        "    alpha v1",
        "the same in: b",
        "pytest --hot-reload-conformance 'x.py::hot-reload::old-keeps-serving' "
        "--hot-reload-replay 'HR-ROLL-01=a'",
    ):
        assert line in text
    assert text.count("E   the old one is gone") == 1


def test_findings_that_differ_in_their_variants_name_alone_are_told_once() -> None:
    findings = [
        Finding(message=f"a reload failed ({each}), and nobody serves", variant=each)
        for each in ("read: gone", "import: raises", "start: raises")
    ]
    other = Finding(message="a reload failed (stop: hangs), and two serve", variant="stop: hangs")
    text = plain(story(_failure(*findings, other), "x.py::hot-reload::old-keeps-serving"))
    assert "E   a reload failed (read: gone), and nobody serves" in text
    assert "  the same in: import: raises; start: raises" in text
    assert "    stop: hangs: a reload failed, and two serve" in text
    assert text.count("nobody serves") == 1


def test_why_and_fix_are_shown() -> None:
    text = plain(story(_failure(Finding(message="broken")), ""))
    clause = CONTRACT["HR-ROLL-01"]
    why = text.partition("  why it matters\n")[2].partition("\n\n")[0]
    fix = text.partition("  how to fix it\n")[2].partition("\n\n")[0]
    assert " ".join(why.split()) == clause.why
    assert " ".join(fix.split()) == clause.fix


def test_only_the_full_story_has_all_steps() -> None:
    steps = tuple(Step(f"reload {n}", seen="ok") for n in range(25))
    failure = _failure(Finding(message="it grows", story=steps))
    assert "18 more steps like these" in plain(story(failure, ""))
    full = plain(story(failure, "", full=True))
    assert all(f"reload {n}  → ok" in full for n in range(25))
    assert "more steps" not in full


def test_many_different_findings_are_told_in_short() -> None:
    findings = [Finding(message=f"loss {n}", variant=f"v{n}") for n in range(9)]
    text = plain(story(_failure(*findings), ""))
    assert text.count("E   loss") == 1
    assert "v1: loss 1" in text
    assert "and 3 more" in text
    assert "run only this again" not in text


def test_a_replay_with_quotes_stays_one_argument() -> None:
    text = plain(story(_failure(Finding(message="x", replay="HR-ROLL-01=it's")), "a"))
    assert r"--hot-reload-replay 'HR-ROLL-01=it'\''s'" in text


def test_headline_is_one_line() -> None:
    assert headline(_failure(Finding(message="first\nsecond"))) == "HR-ROLL-01: first"


def test_generations_stand_side_by_side() -> None:
    assert timeline(MOMENTS, 60) == [
        "alpha v1                    alpha v2",
        "─ import                    │",
        "┬ start …                   │",
        "│                           ┬ import …",
        "│                           ✗ import raised",
        "┴ start done                │",
    ]


def test_long_lines_among_the_moments_are_folded() -> None:
    rows = timeline(["error hot_reload: " + "word " * 40], width=60)
    assert max(map(len, rows)) <= 60
    assert " ".join(" ".join(rows).split()) == "error hot_reload: " + "word " * 39 + "word"


def test_moments_of_another_form_are_listed_as_they_are() -> None:
    assert timeline(["something else"]) == ["something else"]
    assert timeline([]) == []


def _explored(machine: str, *required: str) -> Explored:
    return Explored(
        machine=machine,
        examples=12,
        steps=1240,
        rules={"load": 240, "reload": 1000},
        transitions={"absent: load → ok": 240, "live: reload → ok": 1000},
        required=("absent: load → ok", "live: reload → ok", *required),
    )


def _machines(*explored: Explored) -> Report:
    results = [
        _result(code, Verdict.PASS, explored=each)
        for code, each in zip(("HR-SWAP-01", "HR-STATE-01", "HR-ROLL-01"), explored, strict=False)
    ]
    return _report(SubjectReport("toy", SourceKind.HOST, tuple(results)))


def test_what_the_machines_explored_is_one_line() -> None:
    report = _machines(_explored("core"), _explored("stateful"))
    assert "explored: 2 machines, 4 rules, 4 of 4 transitions, 2,480 steps" in _text(report)
    assert "explored" not in _text(_report(TOY))


def test_more_words_tell_of_each_machine() -> None:
    report = _machines(_explored("core"), _explored("stateful"), _explored("core"))
    text = plain(report_lines(report, verbose=True))
    assert "  core       explored: 2 rules, 2 of 2 transitions, 2,480 steps in 24 examples" in text
    assert "  stateful   explored: 2 rules, 2 of 2 transitions, 1,240 steps in 12 examples" in text


def test_a_machine_with_a_long_name_has_a_space_behind_it() -> None:
    report = _machines(_explored("core"), _explored("configuration"))
    text = plain(report_lines(report, verbose=True))
    assert "  configuration explored: 2 rules" in text
    assert "  core          explored: 2 rules" in text


def test_what_a_machine_never_came_to_is_always_told() -> None:
    report = _machines(_explored("core", "live: reload-fail → failed"), _explored("core"))
    text = " ".join(_text(report).split())
    assert "1 machine, 2 rules, 2 of 3 transitions" in text
    assert "the core machine never came to: live: reload-fail → failed" in text
