"""From a condition to a ticket: sources say what is so, one list of stages decides what becomes of it."""
