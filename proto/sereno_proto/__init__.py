"""The contract of both ends: messages, limits, error codes, signed documents and their verification."""
