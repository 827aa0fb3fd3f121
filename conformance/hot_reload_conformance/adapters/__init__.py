"""Adapters that come with the kit: the reference engine, and plain ``importlib.reload``."""
