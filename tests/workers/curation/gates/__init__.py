"""Each gate against damage of known strength on real portraits."""
