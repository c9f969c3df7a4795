"""Repairs: plans made from comparisons, applied row by verified row, journalled, and taken back."""
