"""Flyte 1: everything that knows flytekit."""
