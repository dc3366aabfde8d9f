"""What moves documents to and from a partner. One file is one ``kind`` of a partner's ``[transport]``. Knows no X12."""
