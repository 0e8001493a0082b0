"""What is claimed of feature components, and how it is measured."""
