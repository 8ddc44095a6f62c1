"""Tests of what people read, open or install: pages, examples, types and the distribution."""
