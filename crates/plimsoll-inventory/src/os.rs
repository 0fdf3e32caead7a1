//! Packages of distributions, and what tells where they came from.

pub(crate) mod apk;
pub(crate) mod bottlerocket;
pub(crate) mod brew;
pub(crate) mod channels;
pub(crate) mod chisel;
pub(crate) mod cos;
pub(crate) mod dpkg;
pub(crate) mod flatpak;
pub(crate) mod nix;
pub(crate) mod ostree;
mod owned;
pub(crate) mod pacman;
pub(crate) mod portage;
pub(crate) mod rpm;
pub(crate) mod snap;
pub(crate) mod windows;

#[cfg(test)]
mod tests;
