"""`sereno demo`: a whole installation in one folder, with real processes, and the drills that prove it."""
