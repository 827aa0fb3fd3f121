"""Operating an engine: what it does now, what it did, who asked for it, and why it fails."""
