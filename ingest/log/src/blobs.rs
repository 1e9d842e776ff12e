//! Blobs: large bytes, named by their hash.
