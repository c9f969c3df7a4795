"""Media: the queue in Postgres, the way from origin to vault, and back."""
