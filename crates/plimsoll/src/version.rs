//! `plimsoll version compare`: versions as their ecosystems order them.

use std::cmp::Ordering;
use std::io::{BufRead, BufWriter, Read, Write};

use anyhow::{Context, Result, bail};
use plimsoll_version::Scheme;

use crate::cli;

/// The longest line of pairs that is read, in bytes.
const MAX_LINE: u64 = 4 << 20;

pub(crate) fn run(command: &cli::Version) -> Result<()> {
    let cli::Version::Compare { ecosystem, a, b } = command;
    let scheme = Scheme::named(ecosystem).with_context(|| unknown(ecosystem))?;
    match (a.as_str(), b) {
        ("-", None) => compare_lines(scheme, std::io::stdin().lock(), std::io::stdout().lock()),
        (_, None) => bail!("the second version is missing; to compare pairs from stdin, give - alone"),
        (a, Some(b)) => {
            println!("{}", sign(scheme.compare(a, b)));
            Ok(())
        }
    }
}

fn unknown(ecosystem: &str) -> String {
    let ecosystems: Vec<_> = Scheme::known_ecosystems().collect();
    let schemes = Scheme::ALL.map(Scheme::name);
    format!(
        "the order of {ecosystem} is not known; name an ecosystem, with or without its release: {}; or an order: {}",
        ecosystems.join(", "),
        schemes.join(", ")
    )
}

fn sign(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    }
}

/// Reads `A<TAB>B` lines and writes a sign for each. Versions may hold any byte but tab and line feed.
fn compare_lines(scheme: Scheme, mut input: impl BufRead, output: impl Write) -> Result<()> {
    let mut output = BufWriter::new(output);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
            bail!("line {number} is longer than {MAX_LINE} bytes");
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let (a, b) = text
            .split_once('\t')
            .with_context(|| format!("line {number} has no tab between two versions"))?;
        writeln!(output, "{}", sign(scheme.compare(a, b)))?;
    }
    Ok(output.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(pairs: &str) -> Result<String> {
        let mut output = Vec::new();
        compare_lines(Scheme::Dpkg, pairs.as_bytes(), &mut output)?;
        Ok(String::from_utf8(output)?)
    }

    #[test]
    fn who_names_no_order_is_told_the_names() {
        let message = unknown("Plan 9");
        assert!(message.starts_with("the order of Plan 9 is not known"), "{message}");
        assert!(message.contains("Alpine, Android") && message.contains("dpkg, apk, semver"), "{message}");
    }

    #[test]
    fn a_sign_for_each_line() {
        assert_eq!(signs("1\t2\n2\t1\r\n1\t1-0").expect("pairs"), "<\n>\n=\n");
        assert_eq!(signs("").expect("nothing"), "");
        assert!(signs("1\t2\n1 2\n").expect_err("no tab").to_string().contains("line 2"));
    }
}
