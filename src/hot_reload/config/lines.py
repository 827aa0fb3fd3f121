"""Lines: where each key of one text stands, and the errors that say so."""

from __future__ import annotations

import bisect
import re
import sys

from hot_reload.config.problem import ConfigError, KeyPath, Problem, shown

DEPTH_LIMIT = 32
"""How deep mappings and lists may be nested, all together."""
_WHOLE = re.compile(r"[-+]?[0-9](?:_?[0-9])*")


class Lines:
    """The line of each key of one text, filled by its parser. Lines count from 1."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.found: dict[KeyPath, int] = {}
        self._breaks = [each.start() for each in re.finditer("\n", text)]

    def at(self, position: int) -> int:
        """The line on which the character at ``position`` stands."""
        return bisect.bisect_left(self._breaks, position) + 1

    def error(
        self, text: str, line: int = 0, path: KeyPath = (), hint: str = "mend the file"
    ) -> ConfigError:
        """An error of one problem in this file."""
        return ConfigError([Problem(text=text, path=path, hint=hint, file=self.file, line=line)])

    def too_deep(self, line: int, path: KeyPath = ()) -> ConfigError:
        return self.error(
            f"nested deeper than {DEPTH_LIMIT} levels",
            line,
            path[:4],
            f"nest at most {DEPTH_LIMIT} tables and lists",
        )

    def check_digits(self, word: str, position: int, path: KeyPath) -> None:
        """Refuse a whole number of more digits than Python reads.

        Parsers refuse it too, and do not say where it stands.

        Raises:
            ConfigError: ``word`` is one.
        """
        limit = sys.get_int_max_str_digits()
        if limit and len(word) > limit and _WHOLE.fullmatch(word):
            digits = sum(each.isdigit() for each in word)
            if digits > limit:
                text = f"is a number of {digits} digits, more than {limit}"
                hint = "shorten it, or write it in quotes"
                raise self.error(text, self.at(position), path, hint)

    def twice(self, path: KeyPath, line: int) -> ConfigError:
        """The error that the key at ``path`` comes again on ``line``."""
        return self.error(
            f"the key {shown(path[-1])} is there twice, first on line {self.found[path]}",
            line,
            path,
            "take one of them out",
        )
