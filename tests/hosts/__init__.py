"""A farm over several machines. Each is a Linux network namespace with an address of its own; nothing is shared."""
