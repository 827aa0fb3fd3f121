"""The running engine: hooks under deadlines, dispatch, state, and the transaction over them."""
