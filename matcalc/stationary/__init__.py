"""Where a gradient vanishes: the equation G = 0 solved in closed form, and what numbers say of the solution."""
