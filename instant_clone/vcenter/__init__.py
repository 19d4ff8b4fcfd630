"""What talks to vCenter. The only package that imports pyvmomi."""
