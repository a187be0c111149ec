"""The networks of a cascade and everything that decides their pixels. They know no job, no queue, no storage."""
