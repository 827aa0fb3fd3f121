"""A plugin's source: its bytes, their hash, the code compiled from them, a namespace for each."""
