"""The use cases, one file each: the one place where the rooms are put together."""
