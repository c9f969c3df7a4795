"""Guards: what keeps a store that fails from being asked again and again, by every run anew."""
