"""The console: server-rendered pages, one question each, answered in the headline."""
