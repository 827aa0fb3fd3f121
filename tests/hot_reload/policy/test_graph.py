"""The dependency graph against brute force, and its errors word by word."""

from __future__ import annotations

import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.errors import (
    CycleError,
    EngineMisuse,
    MissingDependency,
    PluginFault,
    VersionConflict,
)
from hot_reload.manifest import Dependency
from hot_reload.policy.graph import DependencyGraph
from hot_reload.policy.layered import Layered

Edges = dict[str, tuple[str, ...]]


def graph_of(edges: Edges) -> DependencyGraph:
    return DependencyGraph(
        {name: tuple(Dependency(each) for each in needed) for name, needed in edges.items()}
    )


@st.composite
def acyclic_edges(draw: st.DrawFn) -> Edges:
    """Each plugin needs some that come before it in a drawn order: acyclic by construction."""
    names = draw(st.permutations([f"p{index}" for index in range(draw(st.integers(0, 9)))]))
    edges: Edges = {}
    for index, name in enumerate(names):
        earlier = names[:index]
        needed = draw(st.sets(st.sampled_from(earlier))) if earlier else set()
        edges[name] = tuple(draw(st.permutations(sorted(needed))))
    return dict(draw(st.permutations(list(edges.items()))))


def reachable(edges: Edges, start: str) -> set[str]:
    """Everything that ``start`` needs, by brute force: close the relation until it is stable."""
    found: set[str] = set()
    while True:
        more = {each for name in (*found, start) for each in edges[name]}
        if more <= found:
            return found
        found |= more


@given(acyclic_edges(), st.data())
def test_levels_are_the_earliest_order_that_dependencies_allow(
    edges: Edges, data: st.DataObject
) -> None:
    chosen = data.draw(st.sets(st.sampled_from(sorted(edges)))) if edges else set()
    levels = graph_of(edges).levels(chosen)

    level_of = {name: index for index, level in enumerate(levels) for name in level}
    assert sorted(level_of) == sorted(chosen)
    assert sum(len(level) for level in levels) == len(chosen)
    for level in levels:
        assert list(level) == sorted(level)
    for name in chosen:
        below = [level_of[each] for each in reachable(edges, name) & chosen]
        assert level_of[name] == max(below, default=-1) + 1


@given(acyclic_edges())
def test_start_and_stop_order_of_all(edges: Edges) -> None:
    graph = graph_of(edges)
    start = graph.start_order()
    assert sorted(start) == sorted(edges)
    for name, needed in edges.items():
        assert all(start.index(each) < start.index(name) for each in needed)
    assert graph.stop_order() == tuple(reversed(start))


@given(acyclic_edges().filter(bool), st.data())
def test_closure_is_brute_force_reachability_in_start_order(
    edges: Edges, data: st.DataObject
) -> None:
    graph = graph_of(edges)
    names = data.draw(st.lists(st.sampled_from(sorted(edges)), min_size=1, max_size=3))
    closure = graph.closure(*names)

    expected = {each for each in edges if each in names or reachable(edges, each) & set(names)}
    assert set(closure) == expected
    assert closure == graph.start_order(expected)
    assert len(closure) == len(expected)


@given(acyclic_edges())
def test_direct_dependents(edges: Edges) -> None:
    graph = graph_of(edges)
    for name in edges:
        assert graph.dependents(name) == tuple(sorted(n for n in edges if name in edges[n]))


@given(acyclic_edges().filter(bool), st.data())
def test_an_added_edge_is_refused_exactly_when_it_closes_a_cycle(
    edges: Edges, data: st.DataObject
) -> None:
    graph = graph_of(edges)
    needer = data.draw(st.sampled_from(sorted(edges)))
    needed = data.draw(st.sampled_from(sorted(edges)))
    new = (*graph.dependencies[needer], Dependency(needed))

    if needer == needed or needer in reachable(edges, needed):
        with pytest.raises(CycleError) as caught:
            graph.with_edges({needer: new})
        members = caught.value.members
        assert members[0] == min(members)
        assert len(set(members)) == len(members)
        with_new = {**edges, needer: (*edges[needer], needed)}
        for name, following in zip(members, (*members[1:], members[0]), strict=True):
            assert following in with_new[name]
    else:
        changed = graph.with_edges({needer: new})
        assert needer in changed.dependents(needed)
    assert graph == graph_of(edges)


def test_a_cycle_is_told_in_order() -> None:
    with pytest.raises(CycleError, match=r"a -> c -> b -> a$") as caught:
        graph_of({"b": ("a",), "c": ("b",), "a": ("c",), "x": ("a",), "y": ()})
    assert caught.value.members == ("a", "c", "b")
    assert isinstance(caught.value, PluginFault)
    assert caught.value.hint


def test_a_plugin_that_needs_itself_is_a_cycle() -> None:
    with pytest.raises(CycleError, match=r"a -> a$"):
        graph_of({"a": ("a",)})


def test_a_missing_dependency_names_who_needs_what() -> None:
    with pytest.raises(MissingDependency, match="'b' needs 'nowhere'") as caught:
        graph_of({"a": (), "b": ("a", "nowhere")})
    assert (caught.value.needer, caught.value.dependency) == ("b", "nowhere")


def test_isolated_plugins_and_an_empty_graph() -> None:
    assert graph_of({"b": (), "a": ()}).levels() == (("a", "b"),)
    assert graph_of({"a": ()}).closure("a") == ("a",)
    assert DependencyGraph().levels() == ()


def test_order_holds_across_a_plugin_that_was_not_asked_for() -> None:
    graph = graph_of({"low": (), "between": ("low",), "alone": (), "high": ("between",)})
    assert graph.levels({"high", "low", "alone"}) == (("alone", "low"), ("high",))


def test_edges_change_in_a_new_graph_only() -> None:
    graph = graph_of({"a": (), "b": (), "c": ("a",)})
    changed = graph.with_edges({"c": (Dependency("b"),)})
    assert changed.closure("b") == ("b", "c")
    assert changed.closure("a") == ("a",)
    assert graph.closure("a") == ("a", "c")
    assert graph.with_edges({"c": (Dependency("a"),)}) is graph
    assert graph.with_edges({"new": ()}).names == {"a", "b", "c", "new"}


def test_the_callers_mapping_is_copied() -> None:
    mapping: dict[str, tuple[Dependency, ...]] = {"a": ()}
    graph = DependencyGraph(mapping)
    mapping["b"] = ()
    assert graph.names == {"a"}
    with pytest.raises(TypeError):
        graph.dependencies["b"] = ()  # type: ignore[index]


def test_only_what_nobody_needs_can_be_taken_out() -> None:
    graph = graph_of({"a": (), "b": ("a",)})
    assert graph.without("b").names == {"a"}
    with pytest.raises(MissingDependency, match="'b' needs 'a'"):
        graph.without("a")


@pytest.mark.parametrize("operation", ["dependents", "closure", "without"])
def test_an_unknown_name_is_the_callers_mistake(operation: str) -> None:
    with pytest.raises(EngineMisuse, match="'typo'"):
        getattr(graph_of({"a": ()}), operation)("typo")


def test_levels_of_an_unknown_name() -> None:
    with pytest.raises(EngineMisuse, match="'typo'"):
        graph_of({"a": ()}).levels({"a", "typo"})


def test_versions_within_their_ranges_pass() -> None:
    graph = DependencyGraph(
        {"a": (), "b": (Dependency("a", ">=1,<2"),), "c": (Dependency("a"), Dependency("b", ">0"))}
    )
    graph.check_versions({"a": "1.5", "b": "0.1", "c": "9"})
    graph.check_versions({"a": "1.5rc1", "b": "0.1", "c": "9"})


def test_a_version_outside_a_range_tells_all_four_facts() -> None:
    graph = DependencyGraph({"a": (), "b": (Dependency("a", ">=1,<2"),)})
    with pytest.raises(VersionConflict, match=r"'b' needs 'a' in >=1,<2, but it is 2\.0") as caught:
        graph.check_versions({"a": "2.0", "b": "1"})
    conflict = caught.value
    assert (conflict.needer, conflict.dependency) == ("b", "a")
    assert (conflict.range, conflict.found) == (">=1,<2", "2.0")


def test_versions_of_a_few_are_held_against_what_they_need_and_what_needs_them() -> None:
    graph = DependencyGraph(
        {
            "base": (),
            "old": (),
            "lost": (),
            "middle": (Dependency("base", ">=1"), Dependency("old", ">=9")),
            "top": (Dependency("middle", "<2"),),
            "apart": (Dependency("old", ">=9"), Dependency("lost")),
        }
    )
    versions = {"base": "1", "old": "1", "middle": "1", "top": "1", "apart": "1"}
    graph.check_versions(versions, of=())
    graph.check_versions(versions, of={"base"})  # middle's other range was as bad before
    graph.check_versions(versions, of={"top"})
    with pytest.raises(VersionConflict, match="'middle' needs 'old'"):
        graph.check_versions(versions, of={"middle"})
    with pytest.raises(VersionConflict, match="'top' needs 'middle'"):
        graph.check_versions({**versions, "middle": "2", "old": "9"}, of={"middle"})
    with pytest.raises(VersionConflict, match="'middle' needs 'base'"):
        graph.check_versions({**versions, "base": "0"}, of={"base"})
    with pytest.raises(MissingDependency, match="'apart' needs 'lost'"):
        graph.check_versions({**versions, "old": "9"}, of={"apart"})


def test_a_version_that_nobody_told_is_missing() -> None:
    with pytest.raises(MissingDependency):
        graph_of({"a": (), "b": ("a",)}).check_versions({"b": "1"})


@pytest.mark.parametrize(
    "error",
    [CycleError(("a", "b")), MissingDependency("a", "b"), VersionConflict("a", "b", ">1", "1")],
)
def test_dependency_faults_survive_pickling(error: PluginFault) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


class CountingMapping(dict[str, tuple[str, ...]]):
    """Counts look-ups: work measured in steps and not in time."""

    lookups = 0

    def __getitem__(self, key: str) -> tuple[str, ...]:
        self.lookups += 1
        return super().__getitem__(key)


@pytest.mark.parametrize("shape", ["chain", "star", "random"])
def test_ten_thousand_plugins_take_linear_work(shape: str) -> None:
    count = 10_000
    source = random.Random(7)
    edges: Edges = {"p0": ()}
    for index in range(1, count):
        below = {
            "chain": [index - 1],
            "star": [0],
            "random": [source.randrange(index) for _ in range(3)],
        }[shape]
        edges[f"p{index}"] = tuple(f"p{each}" for each in below)
    graph = graph_of(edges)
    needs = CountingMapping(graph._needs)
    needed_by = CountingMapping(graph._needed_by)
    object.__setattr__(graph, "_needs", needs)
    object.__setattr__(graph, "_needed_by", needed_by)

    closure = graph.closure("p0")
    assert len(closure) == count
    # Each plugin is entered once by the walk and once by the count of levels.
    assert needs.lookups <= 2 * count
    assert needed_by.lookups <= count


@given(before=acyclic_edges(), after=acyclic_edges(), data=st.data())
def test_a_changed_graph_is_the_graph_made_of_what_changed(
    before: Edges, after: Edges, data: st.DataObject
) -> None:
    edges = {**before, **after}
    try:
        whole: DependencyGraph | None = graph_of(edges)
    except CycleError:
        whole = None
    graph = graph_of(before)
    change = {name: tuple(map(Dependency, needed)) for name, needed in after.items()}
    if whole is None:
        with pytest.raises(CycleError):
            graph.with_edges(change)
        return
    changed = graph.with_edges(change)
    assert graph == graph_of(before)
    names = data.draw(st.sets(st.sampled_from(sorted(edges)))) if edges else set()
    if any(names.intersection(needed) for name, needed in edges.items() if name not in names):
        with pytest.raises(MissingDependency):
            changed.without(*names)
    else:
        changed = changed.without(*names)
        whole = graph_of({name: needed for name, needed in edges.items() if name not in names})
    assert changed == whole
    assert changed.levels() == whole.levels() == whole.levels(whole.names)
    for name in whole.names:
        assert changed.dependents(name) == whole.dependents(name)
        assert changed.closure(name) == whole.closure(name)


def test_a_change_of_one_among_ten_thousand_looks_at_that_one() -> None:
    count = 10_000
    graph = graph_of({f"p{index}": (f"p{index - 1}",) if index else () for index in range(count)})
    changed = graph.with_edges({"new": (Dependency("p0"),)}).without("new")
    for before, after in (
        (graph.dependencies, changed.dependencies),
        (graph._needs, changed._needs),
        (graph._needed_by, changed._needed_by),
    ):
        assert isinstance(before, Layered)
        assert isinstance(after, Layered)
        assert after._base is before._base, "it was copied"
