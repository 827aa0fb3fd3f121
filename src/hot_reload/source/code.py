"""Code compiled from bytes, kept by their content; never importlib's bytecode files.

Bytecode files are found by mtime and size, so an edit of the same size within
the same second stays stale (python/cpython#75953). Here the key is the content.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from types import CodeType

from hot_reload.errors import SourceSyntaxError
from hot_reload.source.code_files import CodeFiles
from hot_reload.source.snapshot import SourceFile

KEPT_CODES = 512


class CodeCache:
    """Compiled code by (hash of the source, path). Any thread may use it: nothing is done to an
    entry in two steps. With ``files`` it is looked for there before it is compiled, and kept."""

    def __init__(self, limit: int = KEPT_CODES, *, files: CodeFiles | None = None) -> None:
        self._limit = limit
        self._files = files
        self._kept: OrderedDict[tuple[str, str], CodeType] = OrderedDict()
        self.compiled = 0
        """How many files were compiled, for benchmarks and tests."""

    def code(self, file: SourceFile) -> CodeType:
        """The code of ``file``'s bytes; tracebacks and breakpoints see its real path.

        Raises:
            SourceSyntaxError: the bytes do not compile; has file and line.
        """
        key = (file.sha256, str(file.path))
        code = self._kept.pop(key, None)  # it comes back as the one that was used last
        if code is None and self._files is not None:
            code = self._files.find(file)
        if code is None:
            code = compile_source(file)
            self.compiled += 1
            if self._files is not None:
                self._files.keep(file, code)
        self._kept[key] = code
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
        return code


CODES = CodeCache()
"""What all engines of this process share: tests open one after the other on the same files."""


def compile_source(file: SourceFile) -> CodeType:
    """Compile one file's bytes; see ``CodeCache.code``."""
    try:
        # dont_inherit: the engine's own __future__ imports are not the plugin's.
        return compile(file.data, str(file.path), "exec", dont_inherit=True)
    except SyntaxError as error:
        text = (error.text or "").rstrip()
        shown = f": {text.strip()}" if text.strip() else ""
        raise SourceSyntaxError(
            f"{type(error).__name__}: {error.msg}{shown}", file=str(file.path), line=error.lineno
        ) from None
    except (ValueError, OverflowError) as error:
        raise SourceSyntaxError(f"{type(error).__name__}: {error}", file=str(file.path)) from None
    except (MemoryError, RecursionError) as error:
        raise SourceSyntaxError(
            f"{type(error).__name__}: nested too deeply for the compiler of Python "
            f"{sys.version_info.major}.{sys.version_info.minor}",
            file=str(file.path),
        ) from None
