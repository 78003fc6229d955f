"""What `bare` holds changes how Python imports, and is for programs that a test starts."""

collect_ignore = ["bare"]
