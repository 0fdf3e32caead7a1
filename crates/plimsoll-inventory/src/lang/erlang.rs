//! Erlang and Elixir: the resource files of compiled applications (erlang.org, "app"), and the release of the runtime.

use plimsoll_types::inventory::FileContent;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Package, PackageType};

use super::some;
use crate::catalogers::{Reader, Unreadable, Whole};
use crate::path::split;

/// `**/ebin/NAME.app`.
pub(crate) fn matches(path: &str) -> bool {
    let (directory, name) = split(path);
    split(directory).1 == "ebin" && name.ends_with(".app")
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

/// `{application, NAME, [{description, "…"}, {vsn, "VERSION"}, …]}.`
fn parse(path: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let tokens = tokens(bytes).ok_or_else(|| Unreadable::because("it is not an Erlang term"))?;
    let [Token::Open, Token::Word("application"), Token::Comma, Token::Word(name), ..] = tokens[..] else {
        return Err(Unreadable::because("it is not the resource file of an application"));
    };
    let vsn = tokens.windows(4).find_map(|window| match window {
        [Token::Open, Token::Word("vsn"), Token::Comma, Token::Word(version)] => Some(*version),
        _ => None,
    });
    // What was never filled in by the build, as in a template, is no version.
    let Some(version) = vsn.filter(|version| !version.is_empty() && !version.contains('%')) else {
        return Err(Unreadable::because("there is no name with a version in it"));
    };
    let mut packages = vec![Package::new(kind(path, name), name, version).into()];
    if name == "rabbit" {
        packages.push(Package::new(PackageType::Bitnami, "rabbitmq", version).into());
    }
    Ok(some(packages))
}

/// What stands below `erlang/lib` came with the runtime; everything else is fetched from Hex.
fn kind(path: &str, name: &str) -> PackageType {
    const RUNTIME: [&str; 44] = [
        "asn1",
        "common_test",
        "compiler",
        "crypto",
        "debugger",
        "dialyzer",
        "diameter",
        "edoc",
        "eldap",
        "erl_docgen",
        "erl_interface",
        "erts",
        "et",
        "eunit",
        "ftp",
        "hipe",
        "inets",
        "jinterface",
        "kernel",
        "megaco",
        "mnesia",
        "observer",
        "odbc",
        "os_mon",
        "otp_mibs",
        "parsetools",
        "percept",
        "public_key",
        "reltool",
        "runtime_tools",
        "sasl",
        "snmp",
        "ssh",
        "ssl",
        "stdlib",
        "syntax_tools",
        "tftp",
        "tools",
        "typer",
        "wx",
        "xmerl",
        "cosEvent",
        "orber",
        "ic",
    ];
    // What Elixir itself consists of; those of the same name on Hex are others' or nobody's.
    const ELIXIR: [&str; 6] = ["eex", "elixir", "ex_unit", "iex", "logger", "mix"];
    let is_runtime = RUNTIME.contains(&name) || ELIXIR.contains(&name) || path.contains("/erlang/lib/");
    if is_runtime { PackageType::Otp } else { PackageType::Hex }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Open,
    Comma,
    /// An atom, a text or a number, without quotes.
    Word(&'a str),
    /// Any other sign.
    Sign,
}

/// Tokens that a resource file may have.
const TOKENS: usize = 200_000;

fn tokens(bytes: &[u8]) -> Option<Vec<Token<'_>>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if tokens.len() == TOKENS {
            return None;
        }
        let length = match first {
            '%' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => {
                let end = quoted(&rest[1..], first)?;
                tokens.push(Token::Word(&rest[1..=end]));
                end + 2
            }
            '{' | ',' => {
                tokens.push(if first == '{' { Token::Open } else { Token::Comma });
                1
            }
            c if c.is_alphanumeric() || c == '_' => {
                let is_word = |c: char| c.is_alphanumeric() || "_@.".contains(c);
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                tokens.push(Token::Word(&rest[..end]));
                end
            }
            other => {
                tokens.push(Token::Sign);
                other.len_utf8()
            }
        };
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// Where the closing quote is.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// The release of Erlang/OTP.
pub(crate) mod release {
    use super::{FileContent, Limits, Package, PackageType, Reader, Unreadable, Whole, some, split};

    /// `**/releases/NUMBER/OTP_VERSION`.
    pub(crate) fn matches(path: &str) -> bool {
        let (directory, name) = split(path);
        name == "OTP_VERSION" && split(split(directory).0).1 == "releases"
    }

    /// Reads the whole file.
    pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
        Whole::boxed(path, limits, parse)
    }

    /// `26.2.1`, with two asterisks behind it where patches were put on top.
    fn parse(_: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
        let version = String::from_utf8_lossy(bytes);
        let version = version.trim().trim_end_matches('*');
        let is_version = version.len() < 40 && version.starts_with(|c: char| c.is_ascii_digit());
        if !is_version {
            return Err(Unreadable::because("there is no version in it"));
        }
        Ok(some(vec![Package::new(PackageType::Bitnami, "erlang", version).into()]))
    }
}

#[cfg(test)]
mod tests;
