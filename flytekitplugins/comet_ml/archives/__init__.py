"""Offline archives: written in a pod, stored beside the task's data, and sent to Comet later."""
