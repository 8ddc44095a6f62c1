"""The Comet deck of a task: what it shows, and how that is rendered."""
