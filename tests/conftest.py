"""Property tests: no stopwatch (a busy machine is no failure), few examples, fewer in `make check`, no folder left."""

from hypothesis import settings

settings.register_profile("sereno", deadline=None, max_examples=40, database=None)
settings.register_profile("check", deadline=None, max_examples=10, database=None)
settings.load_profile("sereno")
