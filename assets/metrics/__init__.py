"""Server metrics: from collection to history, rollups, the dashboard, and keeping them small."""
