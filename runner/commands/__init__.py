"""One file for each command: it asks, prints and takes signals. The work is done in `services`."""
