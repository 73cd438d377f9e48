"""PostgreSQL: the private server, the tables, samples, and the transaction that everything runs in."""
