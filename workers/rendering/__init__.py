"""From recipes to stored files: encoding, contact sheets, and the pipeline that keeps the device busy."""
