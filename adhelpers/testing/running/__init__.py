"""What comes of the scenarios in a run: outcomes, their causes, and how long a scenario may go on."""
