"""Logs: files and the journal, read once each line, redacted, and handed to the spool together with the position.

One list of steps: find the files and where each one goes on (source, siblings), read whole records (tailed_file,
records), take secrets out and see level and time (recognise), withhold what is too much (rate), then spool the block
with the position in it and note the position (positions). docs/logs.md says what is promised.
"""
