"""THE API: Plum Insight's outbound protocol, a client for it, and a local server that speaks it."""
