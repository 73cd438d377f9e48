"""One file an action, registered by its name."""
