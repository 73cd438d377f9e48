"""Read models: what pages and the API show, as frozen dataclasses. Nothing here changes anything.

Every query runs inside a transaction whose scope row-level security enforces, and takes the time as an argument.
"""
