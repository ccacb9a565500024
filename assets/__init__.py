"""The asset graph: one module per mart, composed in `assets.definitions`."""

import warnings

import dagster as dg

# One run for a whole range is still marked beta, and everyone who loads the graph would be told so each time.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
