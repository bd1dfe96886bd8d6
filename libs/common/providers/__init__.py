"""SMS providers: one file each, behind one port. `registry` lists them."""
