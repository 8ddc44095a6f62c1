"""Tests of Flyte 2, in an environment without flytekit: `make flyte2`."""
