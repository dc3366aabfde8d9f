"""The gateway between clinics' systems and clearinghouses: authorizations and claims over X12, tied in one ledger."""
