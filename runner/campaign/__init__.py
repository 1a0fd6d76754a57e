"""WHAT is declared: the campaign file, its language, and everything that can be wrong with it."""
