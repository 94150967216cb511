"""Ranking and the static site, from result files alone. No metric is computed here."""
