"""What an operator sees: health, metrics, logs, the heartbeat. See docs/operations.md."""
