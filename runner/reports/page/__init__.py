"""The parts of the plan's page: what its charts and tables show; its template, style and script."""
