"""Tests of what people read, open or install: pages, types and the distribution."""
