"""The kit's teeth: which clause catches which wrong host or plugin, measured and gated."""
