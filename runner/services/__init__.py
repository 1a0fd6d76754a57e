"""The use cases without a terminal: values and settings in, values and events out."""
