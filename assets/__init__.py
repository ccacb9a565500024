"""The asset graph: one module per mart, composed in `assets.definitions`."""
