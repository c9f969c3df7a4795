"""Tables of a store: what the catalogue says of them, and their rows as a comparison reads them."""
