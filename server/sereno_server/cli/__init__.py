"""The command `sereno`: one file a group of commands, registered in main.py."""
