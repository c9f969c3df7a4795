"""The web: files behind links, fetched only from where they may be."""
