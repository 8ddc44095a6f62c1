"""`python -m flytekitplugins.comet_ml`: what the plugin does beside a task."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="python -m flytekitplugins.comet_ml")
