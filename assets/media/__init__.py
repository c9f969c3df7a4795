"""Media: every expiring file in safe hands before its link dies."""
