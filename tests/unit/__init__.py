"""Tests of one module or rule at a time: they start no experiment, or hardly any."""
