"""The server's side of the agents: the authority, joining, their streams, commands to them, what they send."""
