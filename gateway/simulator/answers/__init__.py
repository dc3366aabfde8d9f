"""The documents that this company sends: one module each, plain segments in and out, no clock and no state."""
