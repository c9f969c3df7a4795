"""Where servers' values come from: this machine, Prometheus endpoints, Google Cloud Monitoring."""
