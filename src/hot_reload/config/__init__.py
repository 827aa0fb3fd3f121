"""Configuration as data: documents with their lines, schemas, secrets. Applies nothing."""
