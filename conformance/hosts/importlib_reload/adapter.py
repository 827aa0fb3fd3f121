"""The plain host on ``importlib.reload`` comes with the kit: nothing has to be installed."""

from hot_reload_conformance.adapters.importlib_reload import ImportlibReloadAdapter

hot_reload_host = ImportlibReloadAdapter
