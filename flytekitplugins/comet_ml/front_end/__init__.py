"""What the front ends for both generations of Flyte have in common."""
