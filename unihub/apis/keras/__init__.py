"""The KerasLayer of the Keras in use, and what both layers share."""
