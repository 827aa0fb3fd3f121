"""The machinery: what all transactions of one engine work with."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from hot_reload.ports import Files, StateStore
from hot_reload.runtime.calls import CallGates
from hot_reload.runtime.context import EngineHandle
from hot_reload.runtime.graveyard import Graveyard
from hot_reload.runtime.lifecycle import HookRunner
from hot_reload.runtime.pipeline import Pipeline
from hot_reload.settings import Settings
from hot_reload.source.code import CODES, CodeCache
from hot_reload.source.import_policy import ImportPolicy


@dataclass(frozen=True, slots=True)
class Machinery:
    """What the transactions of one engine work with."""

    settings: Settings
    files: Files
    app: EngineHandle
    hooks: HookRunner
    pipeline: Pipeline
    calls: CallGates
    graveyard: Graveyard
    states: StateStore | None = None
    imports: ImportPolicy = field(default_factory=ImportPolicy)
    codes: CodeCache = CODES
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
