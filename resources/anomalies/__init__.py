"""Anomalies: judging the slots that are due, incidents as they are stored, and what operators do about them."""
