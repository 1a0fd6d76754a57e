"""WHO is called: rows, phone numbers, suppression lists, and the contacts that come of them."""
