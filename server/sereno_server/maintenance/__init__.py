"""Announced work: what is known to be disturbed, and for how long, so that nobody is called for it."""
