"""One module per group of addresses under /v1."""
