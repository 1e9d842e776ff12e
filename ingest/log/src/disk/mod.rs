//! The log on disk: one write-ahead log for all streams and partitions of a node.
