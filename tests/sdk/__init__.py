"""Tests with the real SDK, against a Comet server on the loopback interface."""
