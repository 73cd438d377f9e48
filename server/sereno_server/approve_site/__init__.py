"""The approval page: one static file, to be put on a host that the server does not control."""
