"""`python cli.py EXPR` from a checkout is the installed command `matcalc EXPR`."""

from matcalc.cli import main

if __name__ == "__main__":
    main()
