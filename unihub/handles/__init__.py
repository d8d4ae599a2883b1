"""A handle → a frozen value of its kind → a local folder, complete and verified."""
