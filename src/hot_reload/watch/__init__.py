"""Watching: edits become reloads, and none is lost. Events are hints, the sweep is the truth."""
