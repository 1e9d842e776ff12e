//! A node: the parts of the product in one process, over one folder.
//!
//! Owns files, keys, configuration and the order in which the parts start and stop. Refuses rules of its own.

pub mod beside;
pub mod config;
pub mod device;
pub mod found;
pub mod gauges;
pub mod ground;
pub mod keys;
pub mod layout;
pub mod live;
pub mod logs;
pub mod parts;
pub mod pulse;
pub mod reader;
pub mod serve;
pub mod setup;
pub mod stores;
