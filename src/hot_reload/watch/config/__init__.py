"""A host's settings in files: read into one model, planned as steps, applied while it serves."""
