"""What of the documentation follows from the sources: pictures, the command reference, one worked request."""
