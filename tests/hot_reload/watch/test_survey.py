"""The survey: few are all looked at; of many those that are hinted at, and the rest in rounds."""

from __future__ import annotations

import mmap
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from hot_reload import Engine
from hot_reload.ports import LoopClock
from hot_reload.source.snapshot import DiskFiles
from hot_reload.watch.patterns import Patterns
from hot_reload.watch.places import Places
from hot_reload.watch.roots import Roots
from hot_reload.watch.settings import WatchSettings
from hot_reload.watch.survey import Survey
from hot_reload.watch.sweep import Look, Sweep
from hot_reload_fixtures import PluginDirectory

MANY = 40


class StoppedClock(LoopClock):
    """Shows what it is set to."""

    seconds = 0.0

    def now(self) -> float:
        return self.seconds


class SlowSweep(Sweep):
    """Takes a millisecond for each plugin."""

    def __init__(self, clock: StoppedClock) -> None:
        super().__init__(DiskFiles())
        self._clock = clock

    def look(self, plugins: Mapping[Path, Sequence[str]]) -> dict[Path, Look]:
        self._clock.seconds += 0.001 * len(plugins)
        return super().look(plugins)

    def again(self, plugin: Path, inputs: Sequence[str] = ()) -> Look:
        self._clock.seconds += 0.001
        return super().again(plugin, inputs)


class Bench:
    """A survey of one root, and turns of it at moments that the test gives."""

    def __init__(self, root: Path, engine: Engine, settings: WatchSettings) -> None:
        self.engine = engine
        clock = StoppedClock()
        self.survey = Survey(Roots([root], Patterns()), SlowSweep(clock), clock, settings)
        self.now = 0.0
        self.known: list[Path] = []
        self.moving: list[Path] = []
        self.places = Places(engine)
        self.survey.begin(self.now)

    def turn(self, after_seconds: float = 0.0, *, alone: bool = False) -> dict[Path, Look]:
        self.now += after_seconds
        return self.survey.look(
            self.now, self.places, known=lambda: self.known, moving=self.moving, alone=alone
        )

    def rest(self) -> None:
        """Measure what a mere look costs, until the rounds are as long as that makes them."""
        for _ in range(60):
            self.turn(1.0)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with Engine() as engine:
        yield engine


@pytest.fixture
def many(hot_reload_dir: PluginDirectory, engine: Engine) -> Bench:
    for number in range(MANY):
        hot_reload_dir.write(f"plugin{number:02}", f"VALUE = {number}\n")
    bench = Bench(hot_reload_dir.root, engine, WatchSettings(sweep_share=0.005))
    assert len(bench.turn()) == MANY, "the first look is at everything"
    bench.rest()
    return bench


def test_few_are_all_looked_at_at_every_occasion(
    hot_reload_dir: PluginDirectory, engine: Engine
) -> None:
    one, two = (hot_reload_dir.write(name, "x = 1\n") for name in ("one", "two"))
    bench = Bench(hot_reload_dir.root, engine, WatchSettings(sweep_share=0.1))
    for _ in range(3):
        assert bench.turn(0.01).keys() == {one, two}
    assert bench.survey.sweep_seconds == WatchSettings().sweep_seconds


def test_f40_many_are_looked_at_in_rounds_that_health_tells_of(many: Bench) -> None:
    whole = many.survey.sweep_seconds
    assert 4 < whole < 60, "the premise: a look has a cost here"
    seen: set[Path] = set()
    passed = 0.0
    while len(seen) < MANY:
        part = many.turn(1.0)
        assert 0 < len(part) < MANY, "a sweep looks at a part"
        seen |= part.keys()
        passed += 1.0
        assert passed <= whole + 2.0, "a round took longer than said"


def test_between_two_sweeps_nobody_is_looked_at_without_a_hint(many: Bench) -> None:
    many.turn(1.0)
    assert many.turn(0.1) == {}


def test_f40_a_hint_names_who_is_looked_at(many: Bench, hot_reload_dir: PluginDirectory) -> None:
    path = hot_reload_dir.path("plugin07")
    many.turn(1.0)
    many.survey.hint({path, hot_reload_dir.root / "notes.txt"})
    assert many.turn(0.1).keys() == {path}
    assert many.turn(0.1) == {}, "a hint counts once"
    many.moving = [hot_reload_dir.path("plugin09")]
    assert many.turn(0.1).keys() == set(many.moving), "what moved is followed"


def test_a_hint_of_nothing_is_one_of_everything(many: Bench) -> None:
    many.turn(1.0)
    many.survey.hint(())
    assert len(many.turn(0.1)) == MANY
    many.survey.hint(())
    many.survey.hint({Path("/nowhere")})
    assert len(many.turn(0.1)) == MANY


def test_without_the_systems_events_sweeps_may_take_more(many: Bench) -> None:
    part = many.turn(1.0)
    assert len(many.turn(1.0, alone=True)) > len(part)
    assert many.survey.sweep_seconds < 4


def test_a_new_plugin_is_found_and_one_that_was_known_is_kept(
    many: Bench, hot_reload_dir: PluginDirectory
) -> None:
    new = hot_reload_dir.write("new", "x = 1\n")
    many.survey.hint({new})
    assert new in many.turn(0.1)
    many.known = [new]
    new.unlink()
    many.survey.hint({new})
    assert many.turn(0.1)[new].source == "missing"


def test_a_directory_becomes_a_package(many: Bench, hot_reload_dir: PluginDirectory) -> None:
    folder = hot_reload_dir.root / "chat"
    folder.mkdir()
    many.survey.hint({folder})
    many.rest()
    (folder / "__init__.py").write_text("x = 1\n")
    many.survey.hint({folder / "__init__.py"})
    many.turn(0.1)
    assert folder in many.turn(0.1)
    (folder / "inner").mkdir()
    (folder / "inner" / "deep.py").write_text("x = 1\n")
    many.survey.hint({folder / "inner" / "deep.py"})
    assert many.turn(0.1).keys() == {folder}


def test_f43_a_hint_at_what_links_lead_to_is_one_at_the_links(
    many: Bench, hot_reload_dir: PluginDirectory
) -> None:
    root = hot_reload_dir.root
    (root / "..rev1").mkdir()
    (root / "..rev1" / "linked.py").write_text("x = 1\n")
    (root / "..data").symlink_to("..rev1")
    (root / "linked.py").symlink_to("..data/linked.py")
    many.rest()
    many.survey.hint({root / "..data"})
    assert many.turn(0.1).keys() == {root / "linked.py"}


async def test_f43_a_hint_at_an_input_is_one_at_its_plugin(
    hot_reload_dir: PluginDirectory, engine: Engine
) -> None:
    for number in range(MANY):
        hot_reload_dir.write(f"plugin{number:02}", f"VALUE = {number}\n")
    data = hot_reload_dir.write("words.txt", "a")
    path = hot_reload_dir.write(
        "reader", "class P:\n    version, inputs = '1', ['words.txt']\n    def handle(self, r): 1\n"
    )
    await engine.load(path)
    bench = Bench(hot_reload_dir.root, engine, WatchSettings(sweep_share=0.005))
    bench.rest()
    bench.survey.hint({data})
    assert bench.turn(0.1).keys() == {path}


def test_f20_what_no_status_shows_is_read_within_the_time_that_health_tells(
    many: Bench, hot_reload_dir: PluginDirectory
) -> None:
    path = hot_reload_dir.path("plugin31")
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[8:9] = b"7"  # the page is dirty now: further writes change no status
        many.survey.hint({path})
        before = many.turn(0.1)[path]
        status = os.stat(path)
        mapped[8:9] = b"8"
        assert os.stat(path).st_ctime_ns == status.st_ctime_ns, "the premise"
        assert many.survey.content_seconds < 200
        for _ in range(int(many.survey.content_seconds) + 2):
            look = many.turn(1.0).get(path)
            if look is not None and look != before:
                return
    pytest.fail(f"it was not read within {many.survey.content_seconds} s")


def test_after_a_turn_that_failed_everything_is_looked_at(many: Bench) -> None:
    many.turn(1.0)
    many.survey.failed(many.now)
    assert many.survey.next_sweep == many.now + 1.0
    assert len(many.turn(1.0)) == MANY
