"""The forged drill: the attacker owns database, authority and every key of the server, and keeps it running."""
