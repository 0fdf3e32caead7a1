//! As much of SPDX's licence expressions as tells them from other texts (SPDX specification 2.3, annex D).

/// Short identifiers of common licences, sorted. What is not among them is written as a name, which is always right.
const IDS: &[&str] = &[
    "0BSD",
    "AFL-2.1",
    "AFL-3.0",
    "AGPL-1.0-only",
    "AGPL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.0",
    "Apache-1.1",
    "Apache-2.0",
    "Artistic-1.0",
    "Artistic-1.0-Perl",
    "Artistic-1.0-cl8",
    "Artistic-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-2-Clause-Patent",
    "BSD-2-Clause-Views",
    "BSD-3-Clause",
    "BSD-3-Clause-Clear",
    "BSD-3-Clause-LBNL",
    "BSD-4-Clause",
    "BSD-4-Clause-UC",
    "BSD-Source-Code",
    "BSL-1.0",
    "BUSL-1.1",
    "Beerware",
    "BlueOak-1.0.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "CDDL-1.1",
    "CECILL-2.1",
    "CPL-1.0",
    "ClArtistic",
    "ECL-2.0",
    "EFL-2.0",
    "EPL-1.0",
    "EPL-2.0",
    "EUPL-1.1",
    "EUPL-1.2",
    "FSFAP",
    "FSFUL",
    "FSFULLR",
    "FTL",
    "GFDL-1.1",
    "GFDL-1.2",
    "GFDL-1.2-or-later",
    "GFDL-1.3",
    "GFDL-1.3-only",
    "GFDL-1.3-or-later",
    "GPL-1.0",
    "GPL-1.0-only",
    "GPL-1.0-or-later",
    "GPL-2.0",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "HPND",
    "ICU",
    "IJG",
    "IPL-1.0",
    "ISC",
    "ImageMagick",
    "Info-ZIP",
    "JSON",
    "LGPL-2.0",
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "LPPL-1.3c",
    "Libpng",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-1.0",
    "MPL-1.1",
    "MPL-2.0",
    "MPL-2.0-no-copyleft-exception",
    "MS-PL",
    "MS-RL",
    "MulanPSL-2.0",
    "NCSA",
    "NTP",
    "Naumen",
    "Nokia",
    "OFL-1.1",
    "OLDAP-2.8",
    "OSL-3.0",
    "OpenSSL",
    "PHP-3.0",
    "PHP-3.01",
    "PSF-2.0",
    "PostgreSQL",
    "Python-2.0",
    "Python-2.0.1",
    "QPL-1.0",
    "Ruby",
    "SISSL",
    "SSPL-1.0",
    "SMLNJ",
    "Sleepycat",
    "TCL",
    "UPL-1.0",
    "Unicode-3.0",
    "Unicode-DFS-2015",
    "Unicode-DFS-2016",
    "Unlicense",
    "Vim",
    "W3C",
    "WTFPL",
    "X11",
    "XFree86-1.1",
    "ZPL-2.0",
    "ZPL-2.1",
    "Zend-2.0",
    "Zlib",
    "blessing",
    "bzip2-1.0.6",
    "curl",
    "libpng-2.0",
    "libtiff",
    "zlib-acknowledgement",
];

/// Exceptions that may follow `WITH`, sorted.
const EXCEPTIONS: &[&str] = &[
    "Autoconf-exception-2.0",
    "Autoconf-exception-3.0",
    "Bison-exception-2.2",
    "Bootloader-exception",
    "Classpath-exception-2.0",
    "FLTK-exception",
    "Font-exception-2.0",
    "GCC-exception-2.0",
    "GCC-exception-3.1",
    "LLVM-exception",
    "Linux-syscall-note",
    "OCaml-LGPL-linking-exception",
    "OpenJDK-assembly-exception-1.0",
    "Qt-GPL-exception-1.0",
    "Universal-FOSS-exception-1.0",
    "WxWindows-exception-3.1",
    "u-boot-exception-2.0",
];

/// Tokens of an expression that is taken for one.
const TOKENS: usize = 200;

/// Whether the text is the identifier of a licence.
pub(super) fn is_id(text: &str) -> bool {
    IDS.contains(&text)
}

/// The text as an expression that is written as the specification wants it; `None` where it is none.
pub(super) fn expression(text: &str) -> Option<String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    if tokens.is_empty() || tokens.len() > TOKENS {
        return None;
    }
    let mut written = String::with_capacity(text.len());
    // Whether a licence, not an operator, is due.
    let (mut is_licence_due, mut depth) = (true, 0_usize);
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            "(" if is_licence_due => depth += 1,
            ")" if !is_licence_due => depth = depth.checked_sub(1)?,
            "AND" | "OR" | "and" | "or" if !is_licence_due => is_licence_due = true,
            "WITH" | "with" if !is_licence_due => {
                let exception = tokens.next().filter(|exception| EXCEPTIONS.contains(exception))?;
                written.push_str(" WITH ");
                written.push_str(exception);
                continue;
            }
            id if is_licence_due && IDS.contains(&id.strip_suffix('+').unwrap_or(id)) => {
                is_licence_due = false
            }
            _ => return None,
        }
        if !matches!(token, ")") && !written.is_empty() && !written.ends_with('(') {
            written.push(' ');
        }
        match token {
            "and" => written.push_str("AND"),
            "or" => written.push_str("OR"),
            token => written.push_str(token),
        }
    }
    (!is_licence_due && depth == 0).then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_told_from_other_texts() {
        for (text, expected) in [
            ("MIT", Some("MIT")),
            ("(MIT OR Apache-2.0)", Some("(MIT OR Apache-2.0)")),
            ("MIT or Apache-2.0", Some("MIT OR Apache-2.0")),
            ("GPL-2.0-only WITH Classpath-exception-2.0", Some("GPL-2.0-only WITH Classpath-exception-2.0")),
            ("(LGPL-2.1+ and (MIT OR BSD-3-Clause))", Some("(LGPL-2.1+ AND (MIT OR BSD-3-Clause))")),
            ("BSD", None),
            ("Apache License, Version 2.0", None),
            ("MIT MIT", None),
            ("(MIT", None),
            ("MIT)", None),
            ("MIT OR", None),
            ("MIT WITH love", None),
            ("", None),
        ] {
            assert_eq!(expression(text).as_deref(), expected, "{text}");
        }
        assert_eq!(expression(&"(".repeat(1000)), None);
        assert!(is_id("MIT") && !is_id("mit") && !is_id("MIT+"));
    }
}
