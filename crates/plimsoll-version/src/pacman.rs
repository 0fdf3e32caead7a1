//! Arch Linux and its kin: `[epoch:]version[-release]`, as pacman orders it.
//!
//! Source: vercmp(8) and PKGBUILD(5); in doubt, what `alpm_pkg_vercmp` answers. Version and release are runs of digits and
//! runs of letters. Letters that follow without a separator come before the end, all else behind it; more characters that
//! part two runs are newer than fewer; then letters come before digits: `1.0alpha < 1.0 < 1.0.alpha < 1.0.0 < 1.0..0`.
//!
//! A missing epoch is `0`. A missing release sorts before every release; that it equals every release, as pacman answers, is
//! no order. Separators at the end of a part, where pacman contradicts itself, come behind letters and before digits.
//!
//! pacman reads any text. Weak is one without a letter or a digit in its version, or with a separator at its end.

use crate::encode::{Writer, span, split_digits};
use crate::{VersionKey, evr};

// What comes next, the older first.
const LETTERS_AT_ONCE: u8 = 1;
const END: u8 = 2;
const DIGITS_AT_ONCE: u8 = 3;
const SEPARATED: u8 = 4;

const LETTERS: u8 = 1;
const NOTHING: u8 = 2;
const DIGITS: u8 = 3;

pub(crate) fn key(version: &str) -> VersionKey {
    evr::key(version, write_runs, |version| !version.ends_with(|c: char| c.is_ascii_alphanumeric()))
}

fn write_runs(key: &mut Writer, mut rest: &[u8]) {
    loop {
        let separators = span(rest, |byte| !byte.is_ascii_alphanumeric());
        rest = &rest[separators..];
        let run = match rest.first() {
            None => NOTHING,
            Some(first) if first.is_ascii_digit() => DIGITS,
            Some(_) => LETTERS,
        };
        match (separators, run) {
            (0, LETTERS) => key.tag(LETTERS_AT_ONCE),
            (0, DIGITS) => key.tag(DIGITS_AT_ONCE),
            (0, _) => key.tag(END),
            (count, _) => {
                key.tag(SEPARATED);
                key.count(if run == NOTHING { 1 } else { count });
                key.tag(run);
            }
        }
        rest = match run {
            NOTHING => return,
            DIGITS => {
                let (digits, after) = split_digits(rest);
                key.integer(digits);
                after
            }
            _ => {
                let (letters, after) = rest.split_at(span(rest, u8::is_ascii_alphabetic));
                key.text(letters);
                after
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Pacman;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn the_ladder_of_the_manual() {
        check_ladder(
            Pacman,
            &["1.0a", "1.0b", "1.0beta", "1.0p", "1.0pre", "1.0rc", "1.0", "1.0.a", "1.0.1"],
        );
        check_ladder(Pacman, &["1", "1.0", "1.1", "1.1.1", "1.2", "2.0", "3.0.0", "10"]);
    }

    #[test]
    fn separators_count() {
        check_ladder(Pacman, &["1.a", "1.0", "1..a", "1..0"]);
        check_equal(Pacman, &["1.0", "1_0", "1+0", "01.00"]);
        check_ladder(Pacman, &["1a", "1a1", "1a.b", "1a.1"]);
    }

    #[test]
    fn epoch_version_release() {
        check_ladder(Pacman, &["2.0-1", "1:1.0", "1:1.0-1", "1:1.0-1.1", "1:1.0-2", "2:0"]);
        check_equal(Pacman, &["0:1.0-1", "1.0-1", ":1.0-1"]);
        check_ladder(Pacman, &["1.99999999999999999999", "1.100000000000000000000"]);
    }

    #[test]
    fn a_version_that_ends_in_nothing_is_weak() {
        check_weak(Pacman, &["", "-1", "1:", "..", "1.0."]);
        check_ladder(Pacman, &["1.0", "1.0.a", "1.0.", "1.0.1"]);
    }
}
