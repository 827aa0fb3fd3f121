"""Plugins as subjects: what it takes to judge a plugin by its file alone."""
