//! Packages of distributions.

pub(crate) mod apk;
pub(crate) mod dpkg;
mod owned;
