//! What tests of several crates need: tiny images, and the servers that Plimsoll talks to. For development only.

pub mod image;
pub mod servers;
pub mod shared;
