"""Google Drive as a vault."""
