"""Where rows come from: one file a type, behind the protocol in `source`, listed in `reader`."""
