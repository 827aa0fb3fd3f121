"""A layered mapping is a dict to whoever looks at it, and its older versions stay as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.policy import layered
from hot_reload.policy.layered import Layered

KEYS = st.sampled_from("abcdef")
CHANGES = st.lists(
    st.tuples(st.dictionaries(KEYS, st.integers(0, 3), max_size=3), st.sets(KEYS, max_size=2)),
    max_size=12,
)


@given(changes=CHANGES, limit=st.integers(0, 4))
def test_it_is_the_dict_that_the_same_changes_make(
    changes: list[tuple[dict[str, int], set[str]]], limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layered, "CHANGES_LIMIT", limit)
        mapping, model = Layered[str, int](), dict[str, int]()
        versions = []
        for entries, without in changes:
            versions.append((mapping, dict(model)))
            mapping = mapping.changed(entries, without)
            for key in without:
                model.pop(key, None)
            model.update(entries)
            versions.append((mapping, dict(model)))
        for version, expected in versions:
            assert list(version.items()) == list(expected.items())
            assert len(version) == len(expected)
            assert version.flat() == expected == version
            assert [key in version for key in "abcdef"] == [key in expected for key in "abcdef"]
            assert [version.get(key) for key in "abcdef"] == [expected.get(k) for k in "abcdef"]


def test_what_was_taken_out_is_a_key_that_is_not_there() -> None:
    mapping = Layered({"a": 1, "b": 2}).changed({"c": 3}, {"a"})
    for key in ("a", "never"):
        with pytest.raises(KeyError, match=key):
            mapping[key]
        assert mapping.get(key, 7) == 7
        assert key not in mapping
    assert (mapping["b"], mapping["c"]) == (2, 3)
    assert mapping.changed({"a": 4})["a"] == 4


def test_it_cannot_be_changed() -> None:
    mapping = Layered({"a": 1})
    with pytest.raises(TypeError):
        mapping["b"] = 2  # type: ignore[index]
    assert repr(mapping) == "mappingproxy({'a': 1})"


def test_a_copy_shares_what_does_not_differ() -> None:
    whole = Layered(dict.fromkeys(range(1_000), 0))
    assert whole.changed({7: 1})._base is whole._base
    version = whole
    for key in range(layered.CHANGES_LIMIT + 1):
        version = version.changed({key: 2})
    assert version._base is not whole._base  # and does not look through changes for ever
    assert not version._over
