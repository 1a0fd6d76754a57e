"""The parts of the plan's page: what each of its charts and tables shows, with its template, style and script."""
