"""Subjects: where they come from, what is configured for them, what is expected of them."""
