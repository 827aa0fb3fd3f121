"""The page: whole by itself, nothing of a subject is taken for HTML, and nothing is left out."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.explored import Explored
from hot_reload_conformance.report.form import FormError, checked, write
from hot_reload_conformance.report.page import page, write_page
from hot_reload_conformance.report.summary import Report, SubjectReport
from hot_reload_conformance.report.unreached import Unreached
from hot_reload_conformance.subjects.source import SourceKind
from hot_reload_conformance.verdict import CheckResult, Finding, Step, Verdict

MOMENTS = ("a v1#1 start begin", "a v2#2 start begin", "a v2#2 start raise", "a v1#1 start end")
VOID = {"meta", "input", "br"}


class _Document(HTMLParser):
    """Every element closed, every id once, and the text of each clause."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found["href"] or ""] if tag == "a" else []
        self.sources += [found["src"] or ""] if "src" in found else []
        assert tag != "link"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _result(code: str, verdict: Verdict, **rest: object) -> CheckResult:
    return CheckResult(
        code=code,
        check=CONTRACT[code].slug,
        subject="toy",
        verdict=verdict,
        **rest,  # type: ignore[arg-type]
    )


BROKEN = _result(
    "HR-ROLL-01",
    Verdict.FAIL,
    reason="gone",
    variants=("import", "start", "hang"),
    findings=(
        Finding(
            message="<script>alert(1)</script> is gone",
            variant="import",
            expected="['v1']",
            seen="[] of sha256:0123456789ab (generation 7)",
            story=(Step("load <a>", seen="ok"), Step("reload", "['v1']", "[]", broken=True)),
            timeline=MOMENTS,
            traceback="Traceback: in <module>",
            replay="HR-ROLL-01=import",
        ),
        Finding(message="<script>alert(1)</script> is gone", variant="start"),
        Finding(message="another thing", variant="hang", timeline=("warning: no moment",)),
    ),
)
RESULTS = (
    BROKEN,
    _result("HR-LOAD-01", Verdict.PASS, variants=("a", "b"), notes=("thinned: 2 of 5",)),
    _result("HR-LOAD-03", Verdict.EXPECTED_FAIL, reason="see issue 12"),
    _result("HR-LOAD-04", Verdict.UNKNOWN, reason="nobody knows"),
    _result("HR-LOAD-05", Verdict.KIT_ERROR, reason="the adapter broke"),
    _result("HR-WATCH-01", Verdict.NOT_CLAIMED, reason="not claimed: watch.\n    Add it"),
    _result(
        "HR-ROLL-05",
        Verdict.PASS,
        explored=Explored(
            machine="core",
            examples=1,
            steps=2,
            rules={"load": 2},
            transitions={},
            required=("live: unload → ok",),
        ),
    ),
)


def _report(*results: CheckResult, **rest: object) -> Report:
    subjects = (SubjectReport("toy", SourceKind.HOST, results),) if results else ()
    codes = frozenset(each.code for each in results)
    return Report(budget="quick", subjects=subjects, checked=codes, **rest)  # type: ignore[arg-type]


def _clause(text: str, code: str) -> str:
    begin = text.index(f'id="toy-{code}"')
    end = text.find('<details class="clause"', begin)
    return text[begin:end]


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    text = page(_report(*RESULTS))
    document = _Document(text)
    assert document.open == []
    assert not document.sources
    assert not re.search(r"@import|url\(", text)
    assert len(set(document.ids)) == len(document.ids)
    inner = [each[1:] for each in document.links if each.startswith("#")]
    assert len(inner) == sum(not each.for_plugins for each in CONTRACT.values())
    assert set(inner) <= set(document.ids)


def test_what_a_subject_says_is_text_and_no_html() -> None:
    text = page(_report(*RESULTS))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; is gone" in text
    assert text.count("<script>") == 1


def test_a_failure_has_its_steps_its_lanes_and_what_to_do_next() -> None:
    text = _clause(page(_report(*RESULTS)), "HR-ROLL-01")
    assert "3 of 3 variants failed" in text
    assert "in import; start" in text
    assert '<li class="broken">reload → [] <span class="quiet">(expected [&#39;v1&#39;])' in text
    assert "<dd>[] of (generation 7)</dd>" in text
    assert '<div class="lane" style="grid-area: 1 / 2">a v2</div>' in text
    assert 'class="bar raise" style="grid-area: 3 / 2 / 5 / 3; margin-left: 0px"' in text
    assert 'class="bar end" style="grid-area: 2 / 1 / 6 / 2;' in text
    assert "Also found: 1 more" in text
    assert "<pre>warning: no moment</pre>" in text
    assert "--hot-reload-replay 'HR-ROLL-01=import'" in text
    clause = CONTRACT["HR-ROLL-01"]
    assert re.search(r'Why it matters</h3><p>.*<a href="https://', text)
    assert clause.fix.split(":")[0][:20] in text


def test_what_is_wrong_stands_first_and_open() -> None:
    text = page(_report(*RESULTS))
    found = re.findall(r'<details class="clause" id="toy-(\S+)" data-sign="([^"]*)"( open)?>', text)
    assert [code for code, _, is_open in found if is_open] == [
        "HR-LOAD-04",
        "HR-LOAD-05",
        "HR-ROLL-01",
    ]
    assert [code for code, _, _ in found[:4]] == [
        "HR-LOAD-04",
        "HR-LOAD-05",
        "HR-ROLL-01",
        "HR-LOAD-01",
    ]
    assert {code: sign for code, sign, _ in found}["HR-LOAD-03"] == "expected fail"


def test_every_reason_and_note_is_told() -> None:
    text = page(
        _report(
            *RESULTS,
            notes=("from two machines",),
            stale=("HR-OBS-01 passes again",),
            unreached=(
                Unreached("toy", "toy.py", "Toy.stop", True, (3, 4), 5),
                Unreached("toy", "toy.py", "Toy.start", True, (), 5),
            ),
        )
    )
    for said in (
        "see issue 12",
        "nobody knows",
        "the adapter broke",
        "2 variants; thinned: 2 of 5",
        "not claimed: watch.\n    Add it",
        "The core machine never came to: live: unload → ok",
        "from two machines",
        "HR-OBS-01 passes again",
        "<code>toy.py:3-4</code> Toy.stop",
    ):
        assert said in text, said
    assert "Toy.start" not in text
    assert '<span class="bad">not kept</span>' in text


def test_a_run_that_is_green_says_so_and_one_without_checks_does_not() -> None:
    assert '<span class="good">kept</span>' in page(_report(RESULTS[1]))
    empty = page(_report())
    assert '<span class="bad">not kept</span>' in empty
    assert "no check was run to a verdict" in empty
    assert _Document(empty).open == []


def test_the_ending_says_which_form(tmp_path: Path) -> None:
    report = _report(*RESULTS)
    write(report, tmp_path / "new" / "r.html")
    assert (tmp_path / "new" / "r.html").read_text(encoding="utf-8") == page(report)
    write(report, tmp_path / "r.json")
    assert (tmp_path / "r.json").read_text(encoding="utf-8").startswith("{")


def test_a_page_without_jinja2_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(FormError, match=r"^r.html: .*pip install 'pytest-hot-reload\[report\]'"):
        checked(tmp_path / "r.html", "r.html")
    assert checked(tmp_path / "r.json", "r.json") == tmp_path / "r.json"
    with pytest.raises(ImportError, match=r"pytest-hot-reload\[report\]"):
        write_page(_report(), tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()
