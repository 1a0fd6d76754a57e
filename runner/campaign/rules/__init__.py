"""Rules about calling hours and numbers of calls: presets as data files, and the values made from them."""
