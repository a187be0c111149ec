"""From a photograph's bytes to a row of a dataset: opened safely, framed, measured, judged, grouped by person.

Everything here is a pure function of bytes and policy: no job, no queue, no storage.
"""
