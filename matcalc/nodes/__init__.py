"""Nodes: interned SymPy objects and the smart constructors that build them."""
