//! Flatpak: the description that an installed application brings, of the newest release first (freedesktop.org, AppStream).

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use crate::catalogers::{Reader, Unreadable, Whole, text};

/// `…/flatpak/app/ID/…/files/share/metainfo/ID.metainfo.xml`, and as older ones name it. Applications hold descriptions of
/// others as well: the folder says whose is the application's own.
pub(crate) fn matches(path: &str) -> bool {
    application(path).is_some()
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

fn application(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("flatpak/app/")?;
    let (id, rest) = rest.split_once('/')?;
    let (_, file) = rest.split_once("/files/share/")?;
    let file = file.strip_prefix("metainfo/").or_else(|| file.strip_prefix("appdata/"))?;
    let name = file.strip_suffix(".metainfo.xml").or_else(|| file.strip_suffix(".appdata.xml"))?;
    (name == id).then_some(id)
}

fn parse(path: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let Some(id) = application(path) else { return Ok(None) };
    let version = text(bytes).split("<release ").nth(1).and_then(version).unwrap_or_default();
    Ok(Some(FileContent::packages([Package::new(PackageType::Flatpak, id, &version)])))
}

/// The attribute of the element whose inside begins here.
fn version(element: &str) -> Option<String> {
    let (attributes, _) = element.split_once('>')?;
    let (_, value) = attributes.split_once("version=")?;
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value[1..].split_once(quote).map(|(version, _)| version.to_owned())
}
