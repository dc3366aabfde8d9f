"""The journeys: in from the clinic and out to the partner, in from the partner and back to the ledger."""
