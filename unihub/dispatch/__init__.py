"""The one join: handle → folder → format → cell of the matrix → API → object."""
