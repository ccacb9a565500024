"""Pages for people: the dashboard of managers, and a wearer's report with charts. Rendered here, without a script."""
