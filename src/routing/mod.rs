//! Which targets, in which order. A strategy is a pure function.
