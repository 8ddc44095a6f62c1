"""What the plugin costs, measured: `make bench` writes docs/performance.md."""
