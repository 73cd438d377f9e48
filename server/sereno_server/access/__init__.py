"""Who may sign in to this server, and what they may do on it. Says nothing about what devices accept."""
