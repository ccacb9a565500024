"""What `bench api` is measured against: the report service as usually written, and the engine that serves both."""
