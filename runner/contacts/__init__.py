"""WHO is called: rows, phone numbers, suppression lists, and the contacts made from them."""
