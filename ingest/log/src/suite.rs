//! The conformance suite: what every backend of the log must pass.
