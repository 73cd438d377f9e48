"""Property tests: no stopwatch (a busy machine is no failure), few enough examples for `make check`, no folder left."""

from hypothesis import settings

settings.register_profile("sereno", deadline=None, max_examples=40, database=None)
settings.load_profile("sereno")
