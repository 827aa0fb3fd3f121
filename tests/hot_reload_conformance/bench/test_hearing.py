"""What a host says: who is heard as whose."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading

import pytest

from hot_reload_conformance.bench.hearing import hearing, in_words


def test_what_is_logged_and_printed_is_heard_and_stays_off_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with hearing() as heard:
        print("printed")
        print("to the other", file=sys.stderr)
        try:
            raise ValueError("no")
        except ValueError:
            logging.getLogger("some.host").exception("logged")
    assert heard.logged == ["logged: ValueError: no"]
    assert heard.text() == "logged: ValueError: no\nprinted\nto the other"
    assert capsys.readouterr() == ("", "")
    print("after")
    assert capsys.readouterr().out == "after\n"


async def test_each_of_two_operations_hears_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    begun = asyncio.Event()

    async def operation(name: str, *, first: bool) -> list[str]:
        with hearing() as heard:
            print(f"{name} begins")
            if first:
                await begun.wait()  # it ends after the other, which began later
            begun.set()
            logging.getLogger("some.host").warning("%s ends", name)
        return heard.text().split("\n")

    slow, quick = await asyncio.gather(
        operation("slow", first=True), operation("quick", first=False)
    )
    assert slow == ["slow ends", "slow begins"]
    assert quick == ["quick ends", "quick begins"]
    print("after")
    assert capsys.readouterr().out == "after\n"


def test_a_thread_of_the_hosts_is_heard_by_whoever_listens() -> None:
    with hearing() as heard:
        thread = threading.Thread(target=logging.getLogger("some.host").warning, args=("aside",))
        thread.start()
        thread.join()
    assert heard.logged == ["aside"]
    assert heard not in logging.getLogger().handlers


def test_an_exception_is_told_with_its_causes() -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    error = ValueError("wrong")
    error.__cause__ = Silent()
    assert in_words(error) == "ValueError: wrong (caused by Silent: (its text cannot be shown))"
    assert in_words(KeyError()) == "KeyError"
    error.__cause__ = error
    assert in_words(error) == "ValueError: wrong"
