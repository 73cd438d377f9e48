"""The stages of the alert path, one file each, all `(situation, signals) -> signals`.

A stage decides and never writes. What the last one returns is written in one transaction.
"""
