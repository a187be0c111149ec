"""Training: a run as a chain of exactly resumable slices."""
