"""Comet's side of a tracked call: plan, begin, body, end. Nothing here knows Flyte."""
