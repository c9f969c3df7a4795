"""What data exists and how one run makes it."""
