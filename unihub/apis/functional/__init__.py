"""A model as a pure function of its weights, its state, its inputs and a seed."""
