"""The steps by which the casebook's tables came to be what they are; run when the casebook is opened."""
