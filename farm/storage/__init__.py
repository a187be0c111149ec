"""Objects by key: a folder, or S3."""
