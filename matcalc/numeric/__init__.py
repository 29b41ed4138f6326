"""Numbers: kernels, evaluation, random admissible points, verification."""
