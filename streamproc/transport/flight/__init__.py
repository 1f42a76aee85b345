"""What is in flight: plain logic, no input or output."""
