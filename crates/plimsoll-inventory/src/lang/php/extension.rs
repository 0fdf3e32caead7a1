//! Extensions of PHP by what is in them: those that were built along with PHP have its version, those of PECL one of their own
//! (PHP source, `Zend/zend_modules.h`, `STANDARD_MODULE_HEADER`).
//!
//! Each holds the number of the interface that it was built for, which tells the release of PHP, and its version as a text of
//! its own. Other texts may look like versions: PHP's is the one of that release, and another counts only where it is alone.

use std::collections::BTreeSet;

use memchr::memmem;
use plimsoll_types::inventory::{Confidence, Details, FileContent, Found};
use plimsoll_types::{Package, PackageType};

use crate::catalogers::{Reader, Start, Unreadable, Want};
use crate::lang::{classifier, one};
use crate::path::split;

/// Releases by the number of their interface.
const RELEASES: [(&[u8], &str); 15] = [
    (b"20090626", "5.3."),
    (b"20100525", "5.4."),
    (b"20121212", "5.5."),
    (b"20131226", "5.6."),
    (b"20151012", "7.0."),
    (b"20160303", "7.1."),
    (b"20170718", "7.2."),
    (b"20180731", "7.3."),
    (b"20190902", "7.4."),
    (b"20200930", "8.0."),
    (b"20210902", "8.1."),
    (b"20220829", "8.2."),
    (b"20230831", "8.3."),
    (b"20240924", "8.4."),
    (b"20250925", "8.5."),
];

/// Those that PHP's own source has.
const OWN: &str = " bcmath bz2 calendar com_dotnet ctype curl date dba dl_test dom enchant exif ffi fileinfo filter ftp gd \
    gettext gmp hash iconv imap interbase intl json ldap libxml mbstring mcrypt mysql mysqli mysqlnd oci8 odbc opcache openssl \
    pcntl pcre pdo pdo_dblib pdo_firebird pdo_mysql pdo_oci pdo_odbc pdo_pgsql pdo_sqlite pgsql phar posix pspell random \
    readline recode reflection session shmop simplexml snmp soap sockets sodium spl sqlite3 standard sysvmsg sysvsem sysvshm \
    tidy tokenizer uri wddx xml xmlreader xmlrpc xmlwriter xsl zend_test zip zlib ";

/// Different texts that look like versions; beyond this many nothing can be told.
const VERSIONS: usize = 32;

/// What is searched at once.
const WINDOW: usize = 128 * 1024;

/// What of a window is searched again with the next: longer than any text that is looked for.
const OVERLAP: usize = 64;

/// A reader for a shared library in a folder of PHP's.
pub(crate) fn sniff(start: &Start<'_>) -> Option<Box<dyn Reader>> {
    let (directory, file) = split(start.path);
    let name = file.strip_suffix(".so")?;
    let is_name = name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_of_php = directory.split('/').any(|part| part.starts_with("php"));
    let name = name.to_ascii_lowercase();
    (is_name && is_of_php).then(|| Box::new(Extension { name, ..Extension::default() }) as Box<dyn Reader>)
}

#[derive(Default)]
struct Extension {
    name: String,
    window: Vec<u8>,
    /// What PHP's own version begins with.
    release: Option<&'static str>,
    versions: BTreeSet<String>,
}

impl Reader for Extension {
    fn read(&mut self, piece: &[u8]) -> Want {
        self.window.extend_from_slice(piece);
        if self.window.len() >= WINDOW {
            self.search();
            self.window.drain(..self.window.len() - OVERLAP);
        }
        if self.versions.len() > VERSIONS { Want::Nothing } else { Want::More }
    }

    fn held(&self) -> usize {
        self.window.len()
    }

    fn finish(mut self: Box<Self>, whole: bool) -> Result<Option<FileContent>, Unreadable> {
        self.search();
        if !whole || self.versions.len() > VERSIONS {
            return Ok(None);
        }
        Ok(self.package().and_then(one))
    }
}

impl Extension {
    fn search(&mut self) {
        let Self { window, release, versions, .. } = self;
        if release.is_none() {
            *release = memmem::find_iter(window, b"\0API20").find_map(|at| release_of(&window[at + 4..]));
        }
        for nul in memchr::memchr_iter(0, window) {
            let text = &window[nul + 1..];
            if text.first().is_some_and(u8::is_ascii_digit)
                && let Some(length) = classifier::version(text, 3)
                && text.get(length) == Some(&0)
                && versions.len() <= VERSIONS
            {
                versions.insert(String::from_utf8_lossy(&text[..length]).into_owned());
            }
        }
    }

    fn package(self) -> Option<Found> {
        let release = self.release?;
        let is_own = OWN.contains(&format!(" {} ", self.name));
        let mut versions = self.versions.iter().filter(|version| !is_own || version.starts_with(release));
        let (version, None) = (versions.next()?, versions.next()) else { return None };
        let (publisher, confidence) =
            if is_own { ("php", Confidence::Medium) } else { ("pecl", Confidence::Low) };
        let evidence =
            Some(format!("{}{version}, for PHP {}", Details::BY_CONTENT, release.trim_end_matches('.')));
        let details = Details { confidence, evidence, ..Details::default() };
        let package = Package::new(PackageType::Generic, &format!("{publisher}/{}", self.name), version);
        Some(Found { details, ..package.into() })
    }
}

/// The release whose interface this is: `20220829,NTS`.
fn release_of(text: &[u8]) -> Option<&'static str> {
    let (number, rest) = text.split_at_checked(8)?;
    let release = RELEASES.iter().find(|(known, _)| *known == number)?;
    rest.starts_with(b",").then_some(release.1)
}

#[cfg(test)]
mod tests;
