"""The REST API: everything the console does, as JSON under /api/v1."""
