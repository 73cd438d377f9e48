"""One file a check, registered by its name."""
