"""The farm decides and remembers: specs, ledger, storage, queue and the three front doors. No torch anywhere in it."""
