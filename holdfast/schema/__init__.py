"""Whether two stores have the same tables, and what would have to be added to the one that lacks something."""
