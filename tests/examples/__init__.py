"""Tests of the examples: each by `pyflyte run`, and by the real entrypoint in a pod."""
