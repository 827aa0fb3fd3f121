"""The reference engine: plugins swapped while the program serves."""
