"""The daemon: what runs until it is stopped."""
