"""Works the orders, manages the positions to their exit, and keeps books that equal the venue's.

Owns `EntryRefused`, `OrderSubmitted` and everything after it. Reads risk's approvals, the market, the
engine's state, people's commands and its venue's reports; nobody else sends an order. Whatever reduces
exposure waits for nobody.
"""
