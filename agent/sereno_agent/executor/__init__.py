"""The executor verifies documents and signatures, and is the only part that starts actions.

The core never imports it.
One process, started on demand by the core (`python -m sereno_agent.executor --state DIR`). What arrives on its standard
input comes from a server that nobody trusts.
"""
