//! Packages of programming languages: installed evidence only. A lock file lists what may not be installed.

pub(crate) mod golang;
pub(crate) mod npm;
pub(crate) mod python;
