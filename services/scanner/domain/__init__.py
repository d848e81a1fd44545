"""Judge markets: pure functions of bars and observations, and the processor that folds them."""
