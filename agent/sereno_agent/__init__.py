"""The agent: runs on the customer's machine, sends what it sees, and decides what may be done there."""

VERSION = "0.1.0"
