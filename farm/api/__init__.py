"""The farm over HTTP: JSON in and out, a key for everything but health and docs."""
