"""Pages a person opens from a folder: one HTML file each, with its pictures, styles and script inside. No network."""
