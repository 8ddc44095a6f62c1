"""Tests with processes like those of a cluster: the real entrypoint, its ranks, and its signals."""
