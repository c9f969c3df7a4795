"""Whether two stores hold the same rows: what is compared, how, and what was found."""
