"""Where evaluation will live: features, distances, verdicts, reports."""
