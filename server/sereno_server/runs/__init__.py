"""Runs: from a playbook to the device's own plan, its signatures, its execution and what the device said of it.

The server compiles, forwards, stores and counts. It writes no plan and signs nothing: a plan's bytes are the device's.
"""
