"""What the project adds to Kedro's command line, one module a command; they import what they need when they run."""
