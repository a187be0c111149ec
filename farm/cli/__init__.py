"""The farm on the command line. `farm --help` imports Typer and nothing else: commands import what they need."""
