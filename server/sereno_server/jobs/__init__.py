"""Work for later: jobs are rows, timers tick on the one elected node."""
