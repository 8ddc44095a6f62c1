"""Tests of this plugin, and what they need."""
