"""What is measured, a section of the report in each module: ``run(settings)`` measures it."""
