//! WordPress: the version of the core, and the headers of plug-ins and themes (developer.wordpress.org, "Header
//! Requirements").

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::json::Licenses;
use super::{licensed, one};
use crate::catalogers::{Reader, Unreadable, Want};
use crate::path::split;

/// WordPress itself reads no more of a file to find its header.
const HEADER: usize = 8192;

/// What a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Core,
    Plugin,
    Theme,
}

/// `wp-includes/version.php`, `wp-content/plugins/NAME/*.php`, `wp-content/plugins/*.php`, `wp-content/themes/NAME/style.css`.
pub(crate) fn matches(path: &str) -> bool {
    place(path).is_some()
}

fn place(path: &str) -> Option<Place> {
    let (directory, name) = split(path);
    let (above, folder) = split(directory);
    let is_in = |directory: &str, kind: &str| directory.ends_with(kind);
    if folder == "wp-includes" && name == "version.php" {
        return Some(Place::Core);
    }
    let plugins = ["wp-content/plugins", "wp-content/mu-plugins"];
    if name.ends_with(".php") && plugins.iter().any(|kind| is_in(above, kind) || is_in(directory, kind)) {
        return Some(Place::Plugin);
    }
    (name == "style.css" && is_in(above, "wp-content/themes")).then_some(Place::Theme)
}

/// Reads the beginning of the file.
pub(crate) fn reader(path: &str, _: &Limits) -> Box<dyn Reader> {
    Box::new(Header { path: path.to_owned(), bytes: vec![] })
}

struct Header {
    path: String,
    bytes: Vec<u8>,
}

impl Reader for Header {
    fn read(&mut self, piece: &[u8]) -> Want {
        let room = HEADER.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        if self.bytes.len() < HEADER { Want::More } else { Want::Nothing }
    }

    fn held(&self) -> usize {
        self.bytes.len()
    }

    fn finish(self: Box<Self>, _: bool) -> Result<Option<FileContent>, Unreadable> {
        let text = String::from_utf8_lossy(&self.bytes);
        let Some(place) = place(&self.path) else { return Ok(None) };
        if place == Place::Core {
            let version = text
                .lines()
                .find_map(|line| line.trim().strip_prefix("$wp_version")?.split(['\'', '"']).nth(1));
            let version = version.ok_or_else(|| Unreadable::because("there is no version in it"))?;
            return Ok(one(Package::new(PackageType::Bitnami, "wordpress", version).into()));
        }
        let field = |key: &str| {
            text.lines().find_map(|line| {
                let line = line.trim_start_matches([' ', '\t', '/', '*', '#', '@']);
                let value = line.get(..key.len())?.eq_ignore_ascii_case(key).then(|| &line[key.len()..])?;
                let value = value.trim_start().strip_prefix(':')?.trim().trim_end_matches("*/").trim();
                (!value.is_empty()).then(|| value.to_owned())
            })
        };
        // Most files of a plug-in are not the one with the header.
        let title = field(if place == Place::Plugin { "Plugin Name" } else { "Theme Name" });
        if title.is_none() {
            return Ok(None);
        }
        let (directory, file) = split(&self.path);
        // The folder is the name under which it is published; a plug-in of one file has that name.
        let slug = match split(directory).1 {
            "plugins" | "mu-plugins" => file.trim_end_matches(".php"),
            folder => folder,
        };
        let name = if place == Place::Theme { format!("theme/{slug}") } else { slug.to_owned() };
        let mut licenses = Licenses::default();
        licenses.add(&field("License").unwrap_or_default());
        let version = field("Version").unwrap_or_default();
        Ok(one(licensed(Package::new(PackageType::Wordpress, &name, &version), licenses)))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::{Archive, packages};

    #[test]
    fn core_plugins_and_themes_are_found_by_their_headers() {
        let plugin = "<?php\n/**\n * Plugin Name: Contact Form 7\n * Version: 5.7.6\n * License: GPL v2 or later\n */\n";
        let layer = Archive::default()
            .file("var/www/html/wp-includes/version.php", "<?php\n/** x */\n$wp_version = '6.2.2';\n")
            .file("var/www/html/wp-content/plugins/contact-form-7/wp-contact-form-7.php", plugin)
            .file("var/www/html/wp-content/plugins/contact-form-7/load.php", "<?php\n// Version: 1\n")
            .file(
                "var/www/html/wp-content/plugins/hello.php",
                "<?php /*\nPlugin Name: Hello Dolly\nVersion: 1.7.2 */",
            )
            .file(
                "var/www/html/wp-content/themes/twentytwenty/style.css",
                "/*\nTheme Name: Twenty\nVersion: 2.2\n*/",
            )
            .file("var/www/html/wp-content/plugins/a/b/deep.php", plugin)
            .read();
        let found: Vec<_> =
            packages(&layer).iter().map(|line| line.rsplit('/').next().unwrap().to_owned()).collect();
        assert_eq!(
            found,
            [
                "wp-contact-form-7.php contact-form-7 5.7.6",
                "hello.php hello 1.7.2",
                "twentytwenty 2.2",
                "version.php wordpress 6.2.2"
            ]
        );
        let broken = Archive::default().file("srv/wp-includes/version.php", "<?php\n").read();
        assert_eq!(broken.problems.len(), 1);
    }
}
