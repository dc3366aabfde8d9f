"""The message that tries a connection: it holds no document, and says so to whoever finds it."""

MARK = b"AS2 TEST MESSAGE"
"""How its content begins. Whoever receives it answers with a receipt and delivers nothing."""

NAME = "as2-test.txt"
SUBJECT = "AS2 test message"
CONTENT_TYPE = "text/plain"
CONTENT = MARK + b"\r\nIt was sent by hand to try the connection. It holds no document; please throw it away.\r\n"
