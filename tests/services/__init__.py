"""Real services for the tests: each a private process on a free port, in a folder of its own, gone at the end."""
