"""What is shown: plans and outcomes as text for people and JSON for programs, from values only."""
