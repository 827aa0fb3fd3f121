"""Exploration: a machine that draws scripts of operations, and a model that says what must come."""
