"""The farm in virtual time: the real Dispatcher and the real Ledger, with workers, clock and broker that are played.

Nothing of farm/ is replaced: claims, beats, steals, reaping and tickets are decided by the code that decides them in a
real farm, on SQLite or Postgres. Played are the devices (how long a unit takes), the broker's lists, the clock, and
what goes wrong. `python -m tests.simulator --help`.
"""
