"""A task's inputs and outputs: what of them Comet can show, and what nobody may see."""
