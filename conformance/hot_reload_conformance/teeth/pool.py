"""The pool: trials in processes of their own, so that a specimen harms no other.

A process that a specimen takes down costs that one trial, and says so.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from hot_reload_conformance.teeth.trial import Order, Trial, tried

TRIALS_PER_PROCESS = 40
"""In the mean. What a specimen leaves behind, threads that hang above all, ends with them."""


def trials(orders: Iterable[Order], jobs: int) -> Iterator[Trial]:
    """Every trial, as it ends. ``jobs`` of 0 makes them here, one after the other."""
    waiting = list(orders)
    if not jobs:
        yield from map(tried, waiting)
        return
    share = jobs * TRIALS_PER_PROCESS
    for start in range(0, len(waiting), share):
        lost: list[Order] = []
        with _executor(jobs) as executor:
            part = waiting[start : start + share]
            futures = {executor.submit(tried, each): each for each in part}
            for future in as_completed(futures):
                if (trial := _result(future)) is not None:
                    yield trial
                else:
                    lost.append(futures[future])
        for order in lost:  # one of them broke the pool: each again, alone
            with _executor(1) as executor:
                yield _result(executor.submit(tried, order)) or Trial(
                    order, said=("it ended the process",)
                )


def _result(future: Future[Trial]) -> Trial | None:
    try:
        return future.result()
    except BrokenProcessPool:
        return None


def _executor(jobs: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_quiet,
    )


def _quiet() -> None:
    """Wrong plugins print, and the loop complains of what they leave: nobody reads it here."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
