//! Contexts.

pub mod certificates;
pub mod handlers;
pub mod refs;
pub mod registry;
pub mod settings;
