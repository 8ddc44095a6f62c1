"""Flyte 2: everything that knows `flyte`. It is imported when a task of Flyte 2 is at hand, and not before."""
