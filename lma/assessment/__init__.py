"""Everything of one country -> ordered, addressed cells of its tables. Computes nothing that a mart does not hold."""
