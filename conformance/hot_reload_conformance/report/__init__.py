"""Reports: what was found, summed up and shown."""
