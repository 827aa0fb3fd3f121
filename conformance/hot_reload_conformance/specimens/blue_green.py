"""A correct host: asynchronous, blue-green, small. Specimens break one step of it each.

The host stands in modules by noun: its generation, how files become a module, how
hooks are called, what state is carried, the operations, the adapter. These are the
names that specimens build on.
"""

from __future__ import annotations

from hot_reload_conformance.specimens.blue_green_adapter import WRITE as WRITE
from hot_reload_conformance.specimens.blue_green_adapter import BlueGreenAdapter as BlueGreenAdapter
from hot_reload_conformance.specimens.blue_green_adapter import render_class as render_class
from hot_reload_conformance.specimens.blue_green_generation import Generation as Generation
from hot_reload_conformance.specimens.blue_green_generation import HostError as HostError
from hot_reload_conformance.specimens.blue_green_host import BlueGreenHost as BlueGreenHost
from hot_reload_conformance.specimens.blue_green_host import _inside as _inside
from hot_reload_conformance.specimens.blue_green_state import (
    path_to_uncopyable as path_to_uncopyable,
)
