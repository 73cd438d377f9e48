"""The desk: works every open ticket from evidence to proof, and leaves the decisions to people."""
