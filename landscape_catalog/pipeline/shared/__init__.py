"""What several stages use: the workspace, components, prepared data, finished results."""
