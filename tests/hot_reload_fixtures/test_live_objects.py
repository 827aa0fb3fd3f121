"""live_classes and live_instances_of: leaks that counting modules does not find."""

from __future__ import annotations

from typing import Any

from hot_reload_fixtures import defined_in, live_classes, live_instances_of


def make(name: str) -> Any:
    namespace: dict[str, Any] = {"__name__": "leaky_subject.inner"}
    exec(f"class {name}:\n    def method(self): return {name}", namespace)
    return namespace[name]


def test_classes_are_counted_after_garbage_collection() -> None:
    kept = [make("Kept") for _ in range(3)]
    make("Lost")
    assert live_classes(defined_in("leaky_subject")) == ("leaky_subject.inner.Kept",) * 3
    kept.clear()
    assert live_classes(defined_in("leaky_subject")) == ()


def test_instances_are_counted_and_not_held() -> None:
    kept = make("Kept")()
    belongs = defined_in("leaky_subject", "other_subject")
    assert live_instances_of(belongs) == ("leaky_subject.inner.Kept",)
    del kept
    assert live_instances_of(belongs) == ()


def test_objects_that_lie_about_their_class_are_not_asked() -> None:
    class Proxy:
        @property  # type: ignore[misc]  # object's own is writable: this one lies on purpose
        def __class__(self) -> Any:
            raise AssertionError("asked for __class__")

    proxies = [Proxy()]
    assert live_instances_of(lambda cls: cls is Proxy) == (
        f"{__name__}.{Proxy.__qualname__}",
    ) * len(proxies)


def test_a_metaclass_that_hides_its_subclasses_hides_nothing() -> None:
    class Hiding(type):
        def __subclasses__(cls) -> Any:
            raise AssertionError("asked for __subclasses__")

    Base = Hiding("Base", (), {"__module__": "leaky_subject"})
    derived = Hiding("Derived", (Base,), {"__module__": "leaky_subject"})
    assert live_classes(defined_in("leaky_subject")) == (
        "leaky_subject.Base",
        "leaky_subject.Derived",
    )
    del derived
