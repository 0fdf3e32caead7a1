//! Extensions as Debian's PHP has them, without the record that Debian keeps, and what looks like one.

use std::process::Command;

use crate::tests::{Archive, packages, skip};

fn program(texts: &str) -> Vec<u8> {
    crate::lang::elf::tests::program(&[texts.as_bytes(), b"\0"].concat(), b"")
}

#[test]
fn the_extensions_of_a_real_php_have_its_version() {
    let php = |code: &str| {
        let said = Command::new("php").args(["-n", "-r", code]).output().ok()?;
        String::from_utf8(said.stdout).ok().filter(|_| said.status.success())
    };
    let said = php("echo PHP_VERSION, ' ', ini_get('extension_dir');");
    let Some((version, folder)) = said.as_deref().and_then(|said| said.split_once(' ')) else {
        return skip("php");
    };
    let mut archive = Archive::default();
    let mut names = Vec::new();
    // What has its version from elsewhere (`dom` from a library, `zip` from itself) is left out of the comparison.
    for name in [
        "calendar",
        "ctype",
        "exif",
        "fileinfo",
        "ftp",
        "opcache",
        "pdo",
        "phar",
        "posix",
        "sockets",
        "tokenizer",
    ] {
        let Ok(bytes) = std::fs::read(format!("{folder}/{name}.so")) else { continue };
        archive = archive.file(&format!("usr/local/lib/php/extensions/no-debug-non-zts-1/{name}.so"), bytes);
        names.push(format!("usr/local/lib/php/extensions/no-debug-non-zts-1/{name}.so php/{name} {version}"));
    }
    if names.is_empty() {
        return skip("extension of php");
    }
    assert_eq!(packages(&archive.read()), names);
}

#[test]
fn an_extension_of_pecl_has_a_version_of_its_own() {
    let names = |name: &str, texts: &str| -> Vec<String> {
        let path = format!("usr/local/lib/php/extensions/{name}.so");
        let layer = Archive::default().file(&path, program(texts)).read();
        assert_eq!(layer.problems, []);
        packages(&layer).iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    };
    assert_eq!(names("redis", "\0redis\x005.3.7\0API20220829,NTS"), ["pecl/redis 5.3.7"]);
    assert_eq!(names("Redis", "\0API20240924,TS\x006.1.0RC2"), ["pecl/redis 6.1.0RC2"]);
    // Of two nobody knows which.
    assert_eq!(names("mongodb", "\x001.15.0\x001.23.1\0API20220829,NTS"), [""; 0]);
    // PHP's own is the one of the release that it was built for.
    assert_eq!(names("gd", "\x002.3.3\0API20220829,NTS\x008.2.36"), ["php/gd 8.2.36"]);
    assert_eq!(names("dom", "\x002.9.14\0API20220829,NTS"), [""; 0]);
    // Not built for PHP, or for one that is not known.
    for other in ["\x005.3.7\0", "\x005.3.7\0API20229999,NTS", "\x005.3.7\0API20220829 NTS", "API2022"] {
        assert_eq!(names("redis", other), [""; 0], "{other:?}");
    }
    let many: String = (0..100).map(|n| format!("\x001.0.{n}")).collect();
    assert_eq!(names("redis", &format!("{many}\0API20220829,NTS")), [""; 0]);
    let elsewhere = Archive::default().file("usr/lib/redis.so", program("\x005.3.7\0API20220829,NTS"));
    assert_eq!(packages(&elsewhere.read()), [""; 0]);
}

#[test]
fn texts_are_found_wherever_the_windows_end() {
    for before in (super::WINDOW - 4300..super::WINDOW - 3900).step_by(7) {
        let texts = format!("{}\x005.3.7\0API20220829,NTS\0{}", "x".repeat(before), "y".repeat(100_000));
        let layer = Archive::default().file("usr/lib/php/20220829/redis.so", program(&texts)).read();
        assert_eq!(packages(&layer), ["usr/lib/php/20220829/redis.so pecl/redis 5.3.7"], "{before}");
    }
}
