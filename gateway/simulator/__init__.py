"""A clearinghouse and a payer as another company: its own process behind an SFTP mailbox, with its own plain parser.

It shares no map, no guide and no record with the gateway, so that a mistake of one cannot be hidden by the other. The
gateway's own code never asks whether it is there.
"""
