"""Comet's side of a decorated call: plan, begin, body, end. Nothing here knows Flyte."""
