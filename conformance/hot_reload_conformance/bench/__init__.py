"""The bench: one fresh case for each variant of a check, and everything cleared away after it."""
