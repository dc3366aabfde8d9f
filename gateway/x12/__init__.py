"""The wire: segments, envelopes, guides and what is wrong with them. Knows no partner and no clock."""
