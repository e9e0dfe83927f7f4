"""What is measured: each module has METHODS, a sentence for each kind of row, and `run`, which gives the rows."""
