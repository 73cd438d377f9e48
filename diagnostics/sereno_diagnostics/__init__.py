"""Read-only checks. Nothing in this package changes a machine."""
