"""Documents: plain data with the line of each key; what is unsafe is refused (F52, C1 to C6)."""

from __future__ import annotations

import builtins
import contextlib
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.config import yaml_text
from hot_reload.config.document import (
    SIZE_LIMIT_BYTES,
    merge_documents,
    parse_document,
    read_document,
)
from hot_reload.config.lines import DEPTH_LIMIT
from hot_reload.config.problem import ConfigError, Problem

SAME = {
    "a.toml": """\
[engine]
gate_limit_events = 7
ratio = 0.5
[plugins.geo]
path = "geo.py"
words = ["no", '''x
y''', "{["]
"quoted key" = true
inner = { deep = [1, { deeper = -2 }] }
""",
    "a.json": """\
{"engine": {
"gate_limit_events": 7,
"ratio": 0.5}, "plugins": {"geo": {
"path": "geo.py",
"words": ["no", "x\\ny", "{["],
"quoted key": true,
"inner": {"deep": [1, {"deeper": -2}]}
}}}
""",
    "a.yaml": """\
engine:
  gate_limit_events: 7
  ratio: 0.5
plugins:
  geo:
    path: geo.py
    words: [no, "x\\ny", '{[']  # it's [[[ a comment
    quoted key: true
    inner: {deep: [1, {deeper: -2}]}
""",
}
DATA = {
    "engine": {"gate_limit_events": 7, "ratio": 0.5},
    "plugins": {
        "geo": {
            "path": "geo.py",
            "words": ["no", "x\ny", "{["],
            "quoted key": True,
            "inner": {"deep": [1, {"deeper": -2}]},
        }
    },
}


def taken(text: str, name: str) -> Any:
    return parse_document(text.encode(), name).data


def refused(text: str | bytes, name: str) -> Problem:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(ConfigError) as caught:
        parse_document(data, name)
    (problem,) = caught.value.problems
    assert problem.file == name
    assert problem.hint
    return problem


@pytest.mark.parametrize("name", SAME)
def test_f50_one_model_of_data_from_three_formats(name: str) -> None:
    assert taken(SAME[name], name) == DATA


@pytest.mark.parametrize("name", SAME)
def test_f50_each_key_has_its_line(name: str) -> None:
    text = SAME[name]
    places = parse_document(text.encode(), name).places
    for path, place in places.items():
        key = path[-1]
        if isinstance(key, str):
            assert key in text.splitlines()[place.line - 1], path
    named = [path for path, _ in _paths(DATA) if isinstance(path[-1], str)]
    assert len(named) == 11
    assert set(named) <= places.keys()


def test_f50_a_place_is_the_nearest_above() -> None:
    document = parse_document(SAME["a.toml"].encode(), "a.toml")
    assert str(document.place(("plugins", "geo", "missing"))) == "a.toml:4"
    assert str(document.place(("nothing",))) == "a.toml:1"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.toml", "a = 1\nb = \n", 2),
        ("a.toml", "a = 1\nb = '''", 2),
        ("a.json", '{"a": 1,\n"b": }', 2),
        ("a.yaml", "a: 1\nb: [1\n", 3),
        ("a.yaml", "a: 1\nb: c: d\n", 2),
    ],
)
def test_c1_a_syntax_error_has_its_line(name: str, text: str, line: int) -> None:
    problem = refused(text, name)
    assert "no valid" in problem.text
    assert problem.line == line


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['touch run']",
        "a: !!python/name:os.system",
        "a: !own x",
        "!!map {a: 1}",
        "a: !!int '3'",
        "? !!python/object/apply:os.getcwd []\n: 1",
    ],
)
def test_c2_a_tag_runs_nothing(text: str) -> None:
    assert refused(text, "a.yaml").text.startswith("the tag ")


ALIAS_BOMB = "a: &a [x,x,x,x]\n" + "".join(
    f"{n}: &{n} [*{p},*{p},*{p},*{p}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGE_BOMB = "a: &a {x: 1}\n" + "".join(
    f"{n}: &{n} {{<<: [*{p},*{p},*{p},*{p}]}}\n" for p, n in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize("text", [ALIAS_BOMB, "a: *a", "a: &a 1", "&a x: 1"])
def test_c3_aliases_and_anchors_are_refused_at_the_first(text: str) -> None:
    problem = refused(text, "a.yaml")
    assert problem.text.startswith(("the anchor ", "the alias "))
    assert problem.line == 1


@pytest.mark.parametrize("text", [MERGE_BOMB, "<<: {a: 1}", "a:\n  <<: [{b: 1}]"])
def test_c4_merge_keys_are_refused(text: str) -> None:
    assert refused(text, "a.yaml").text.startswith(("the merge key", "the anchor"))


BOMBS = [
    ("a.yaml", "[" * 30_000),
    ("a.yaml", "x: say 'hi " + "[ " * 30_000),
    ("a.yaml", "{a: " * 30_000),
    ("a.yaml", '["' + '", ["' * 30_000),
    ("a.yaml", "- " * 30_000),
    ("a.json", "[" * 100_000),
    ("a.json", '{"a":' * 40_000),
    ("a.toml", "x = " + "[" * 100_000),
    ("a.toml", "x = " + "{a=" * 50_000),
    ("a.toml", "a" + ".a" * 50_000 + " = 1"),
    ("a.toml", "[a" + ".a" * 50_000 + "]"),
    ("a.toml", "x = {a" + ".a" * 50_000 + " = 1}"),
]


@pytest.mark.parametrize(("name", "text"), BOMBS, ids=lambda each: each[:12])
def test_c5_a_depth_bomb_is_refused_before_it_is_built(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("the whole of it was parsed")

    # The parsers that would take seconds, or the interpreter with them, never see it.
    monkeypatch.setattr(json, "loads", lambda text: never() if len(text) > 99 else text)
    monkeypatch.setattr(tomllib, "loads", never)
    events = _count_events(monkeypatch)
    assert "nested deeper than 32 levels" in refused(text, name).text
    assert len(events) < 4 * DEPTH_LIMIT


def _count_events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    real = yaml_text._Builder.build

    def build(self: Any, events: Any) -> Any:
        return real(self, (seen.append("") or each for each in events))  # type: ignore[func-returns-value]  # a comma operator

    monkeypatch.setattr(yaml_text._Builder, "build", build)
    return seen


@pytest.mark.parametrize("depth", [DEPTH_LIMIT, DEPTH_LIMIT + 1])
def test_c5_the_limit_is_the_limit(depth: int) -> None:
    inner = "[" * (depth - 1) + "]" * (depth - 1)
    texts = {"a.json": f'{{"a": {inner}}}', "a.toml": f"a = {inner}", "a.yaml": f"a: {inner}"}
    for name, text in texts.items():
        if depth > DEPTH_LIMIT:
            assert "nested deeper" in refused(text, name).text
        else:
            assert taken(text, name)["a"] is not None


def test_f52_brackets_in_text_are_no_nesting() -> None:
    brackets = "[" * 20
    text = f"a: '{brackets}'\nb: \"{brackets}\"\nc: it's fine # {brackets}\nd: |\n  {brackets}\n"
    assert taken(text, "a.yaml")["b"] == brackets


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "a:\n  b: 1\n  b: 2\n"),
        ("a.yaml", "a: {b: 1,\n\n'b': 2}"),
        ("a.json", '{"a": {"b": 1,\n\n"b": 2}}'),
        ("a.json", '{"a": {"b": 1,\n\n"\\u0062": 2}}'),
        ("a.toml", "[a]\nb = 1\nb = 2\n"),
        ("a.toml", "a.b = 1\n\na.'b' = 2\n"),
    ],
)
def test_c6_a_key_that_is_there_twice_is_refused(name: str, text: str) -> None:
    problem = refused(text, name)
    assert "the key 'b' is there twice, first on line" in problem.text
    assert (problem.path, problem.line) == (("a", "b"), 3)


def test_c6_a_table_that_is_there_twice_is_refused() -> None:
    assert refused("[a]\nx = 1\n[a]\n", "a.toml").line == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("a.yaml", f"x: {each}") for each in (".nan", ".NaN", ".inf", "-.inf", "1e999")),
        *(("a.json", f'{{"x": {each}}}') for each in ("NaN", "Infinity", "-Infinity", "1e999")),
        *(("a.toml", f"x = {each}") for each in ("nan", "inf", "-inf", "1e999")),
    ],
)
def test_c6_what_is_no_finite_number_is_refused(name: str, text: str) -> None:
    problem = refused(text, name)
    assert problem.path == ("x",)
    assert problem.line == 1


@pytest.mark.parametrize("name", ["a.yaml", "a.json", "a.toml"])
@pytest.mark.parametrize("sign", ["", "-"])
def test_t10_a_number_of_too_many_digits_has_its_key_and_line(name: str, sign: str) -> None:
    number = f"{sign}{'9' * 5000}"
    text = {
        "a.yaml": f"a: 1\nb:\n- 1\n- {number}\n",
        "a.json": f'{{"a": 1,\n"b":\n[1,\n{number}]}}',
        "a.toml": f"a = 1\nb = [\n1,\n{number}]\n",
    }[name]
    problem = refused(text, name)
    assert (problem.path, problem.line) == (("b", 1), 4)
    assert "digits" in problem.text
    assert len(str(problem)) < 200


def test_c6_norway_dates_and_sexagesimals_stay_strings() -> None:
    text = "a: no\nb: on\nc: 2024-01-02\nd: 1:30\ne: ~\nf: yes\ng: 0x1f\nh: 0o17\ni: 1_000\n"
    assert taken(text, "a.yaml") == {
        "a": "no",
        "b": "on",
        "c": "2024-01-02",
        "d": "1:30",
        "e": None,
        "f": "yes",
        "g": 31,
        "h": 15,
        "i": "1_000",
    }
    assert taken("c = 2024-01-02\nd = 07:32:00\n", "a.toml") == {"c": "2024-01-02", "d": "07:32:00"}
    assert taken("no: 1\n12: 2\nnull: 3\n", "a.yaml") == {"no": 1, "12": 2, "null": 3}


@pytest.mark.parametrize("text", ["a: 012", "a: -007", "a: 08"])
def test_c6_a_number_that_could_be_octal_is_refused(text: str) -> None:
    problem = refused(text, "a.yaml")
    assert "octal" in problem.text
    assert "write" in problem.hint


@pytest.mark.parametrize("name", ["a.toml", "a.json", "a.yaml"])
@pytest.mark.parametrize("text", ["", "  \n", "\ufeff"])
def test_c9_an_empty_file_is_no_configuration(name: str, text: str) -> None:
    assert refused(text, name).text == "is empty"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.toml", "# nothing\n", "has no keys"),
        ("a.json", "[1]", "holds a list"),
        ("a.yaml", "- 1", "holds a list"),
        ("a.yaml", "word", "holds a string"),
        ("a.yaml", "a: 1\n---\nb: 2\n", "a second document"),
        ("a.yaml", "[1, 2]: 3\n", "a key that is a mapping or a list"),
        ("a.yaml", "? " * 30_000, "a key that is a mapping or a list"),
        ("a.yml", "a: \x00", "no valid YAML"),
        ("a.json", "\x00", "no valid JSON"),
        ("a.ymal", "a: 1", "nobody knows the format"),
        ("a.toml", b"a = '\xff'", "is not UTF-8"),
        ("a.toml", "a = " + "9" * 5000, "5000 digits"),
        ("a.json", '{"a": ' + "9" * 5000 + "}", "5000 digits"),
        ("a.yaml", "a: " + "9" * 5000, "limit"),
        ("a.json", " " * SIZE_LIMIT_BYTES + "{}", "more than 262144"),
    ],
)
def test_f52_what_is_no_configuration_is_refused(name: str, text: Any, says: str) -> None:
    assert says in refused(text, name).text


def test_f52_a_large_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    with file.open("wb") as stream:
        stream.truncate(10 * 1024**3)
    with pytest.raises(ConfigError, match="more than 262144"):
        read_document(file)


def test_c9_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: \$: file missing"):
        read_document(tmp_path / "none.toml")


def test_f50_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("a = 1")
    (tmp_path / "link.toml").symlink_to(tmp_path / "real.toml")
    assert read_document(tmp_path / "link.toml").data == {"a": 1}


def test_f50_without_ruamel_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("ruamel"):
            raise ImportError(name)
        return real(name, *rest, **more)

    for name in [each for each in sys.modules if each.startswith("ruamel")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    assert "pip install 'pytest-hot-reload[yaml]'" in refused("a: 1", "a.yaml").hint


@pytest.mark.parametrize("mark", ["!hunter2", "*hunter2", "&hunter2", "0123456"])
def test_c11_a_password_that_looks_like_yaml_is_not_shown(mark: str) -> None:
    problem = refused(f"db:\n  password: {mark}\n", "a.yaml")
    assert "***" in problem.text
    assert mark.lstrip("!*&") not in str(problem)


def test_f50_a_later_document_wins_key_by_key() -> None:
    base = parse_document(b"[a]\nx = 1\ny = [1, 2]\nz = {p = 1, q = 2}\n", "base.toml")
    over = parse_document(b'{"a": {"y": [3], "z": {"q": 3}}, "b": 1}', "over.json")
    merged = merge_documents([base, over])
    assert merged.data == {"a": {"x": 1, "y": [3], "z": {"p": 1, "q": 3}}, "b": 1}
    assert str(merged.place(("a", "x"))) == "base.toml:2"
    assert str(merged.place(("a", "z", "q"))) == "over.json:1"
    assert base.data["a"]["y"] == [1, 2]


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), PLAIN, min_size=1, max_size=4), st.sampled_from([None, 1]))
def test_f50_json_is_taken_as_the_standard_library_takes_it(data: Any, indent: int | None) -> None:
    document = parse_document(json.dumps(data, indent=indent).encode(), "a.json")
    assert document.data == data
    assert len([p for p in document.places if isinstance(p[-1], str)]) == _count(data)


def _count(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_count, value.values()))
    return sum(map(_count, value)) if isinstance(value, list) else 0


SCRAPS = st.lists(
    st.sampled_from(
        [
            *("[a]", "[[a]]", "[a.b]", "a", "b.c", "'q'", '"w"', "=", "1", '"""', "'''", "\n"),
            *("\n", "{", "}", "[", "]", ",", ".", "#c", " ", "\\", "1.5", "x = 1\n"),
            "y = {z = 1}\n",
        ]
    ),
    max_size=20,
).map("".join)


@given(SCRAPS)
def test_f50_toml_is_taken_as_the_standard_library_takes_it(text: str) -> None:
    try:
        wanted = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        wanted = {}
    if wanted:
        document = parse_document(text.encode(), "a.toml")
        assert document.data == wanted
        assert {path for path, _ in _paths(wanted)} <= document.places.keys()
    else:
        refused(text, "a.toml")


def _paths(value: Any, path: Any = ()) -> list[Any]:
    if isinstance(value, dict):
        return [
            each
            for key, inner in value.items()
            for each in (((*path, key), inner), *_paths(inner, (*path, key)))
        ]
    if isinstance(value, list):
        return [each for n, inner in enumerate(value) for each in _paths(inner, (*path, n))]
    return []


@given(st.text(alphabet="ab:-?!&*[]{}#|>'\"%@,.0 \n\t~<", max_size=40))
def test_f52_no_text_makes_the_yaml_reader_raise_anything_else(text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse_document(text.encode(), "a.yaml")
