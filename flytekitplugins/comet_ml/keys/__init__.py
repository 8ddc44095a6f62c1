"""Experiment keys, and the names of nodes that they are derived from: pure functions."""
