"""What both the assets and the API stand on: settings, errors, SQL files, the warehouse, the sources, publications."""
