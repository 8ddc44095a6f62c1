"""The Comet deck of a task: what it shows, how that is rendered, and its place in the Flyte console."""
