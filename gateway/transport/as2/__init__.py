"""AS2 over HTTP: EDI as signed and encrypted MIME, answered by a receipt (RFC 4130)."""
