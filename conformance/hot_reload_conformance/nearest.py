"""Did you mean …? One way to say it everywhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that ``word`` was probably meant to be, whatever its case; None: none is."""
    by_folded = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`` Did you mean 'x'?``, or the known names where none is near and they are few."""
    names = sorted(known)
    found = nearest(word, names)
    if found is not None:
        return f" Did you mean {found!r}?"
    return f" Known: {', '.join(names)}." if 0 < len(names) <= 12 else ""
