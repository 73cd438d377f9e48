"""The server's ledger: written beside every mutation, chained by one sequencer, verified by anyone."""
