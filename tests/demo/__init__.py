"""What people come to the console for, done against a running demo; one demo for all modules of this package."""
