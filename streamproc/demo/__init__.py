"""The demonstration: known readings through the real system, judged by what is known about them."""
