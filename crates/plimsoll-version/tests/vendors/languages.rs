//! The exams of the orders of language ecosystems and of distributions beside Debian, Alpine and Red Hat.

use plimsoll_version::Scheme;

use crate::generate::{Generator, Pair};
use crate::{
    PAIRS, check, check_by, check_weak, compare, feeds, of_one, reference, say, skip, thousands, tool,
};

/// Numbers that a vendor's machine words hold; ours have no bound.
fn small_numbers(text: &str, digits: usize) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).all(|number| number.len() <= digits)
}

#[test]
fn maven_agrees() {
    let seeds = [
        "1.0",
        "1.0-SNAPSHOT",
        "2.0.0-RC2",
        "1.0.0.Final",
        "31.1-jre",
        "4.1.0.Beta1-SNAPSHOT",
        "1.0-alpha-1",
        "3.0.0.M1",
        "2.5.5.SEC03",
        "9.4.44.v20210927",
        "1.0-20190126.230843-14",
        "1.8.0_u45",
    ];
    let pieces = [
        ".",
        "-",
        "0",
        "1",
        "10",
        ".0",
        "-0",
        "alpha",
        "a",
        "a1",
        "-b2",
        "m",
        "beta",
        ".RC1",
        "-cr",
        "SNAPSHOT",
        "ga",
        ".Final",
        "release",
        "sp",
        "-sp-1",
        "x",
        "jre8",
        ".x1",
        "-x2",
        "_",
        "+",
        "99999999999",
        "12345678901234567890123",
        "..",
        "--",
        "00",
    ];
    // Maven takes ten and more zeros for a number of another size.
    let wanted = |text: &str| {
        !text.is_empty() && text.is_ascii() && !text.contains([' ', '@']) && !text.contains("000000000")
    };
    let pairs = Generator::new(&seeds, &feeds::versions("RubyGems"), &pieces).pairs(3 * PAIRS, wanted);
    let answers = match tool::maven().and_then(|tool| tool.judge(&pairs)) {
        Ok(answers) => answers,
        Err(reason) => return skip("Maven", &reason),
    };
    // What Maven contradicts itself about is told apart by the first bytes in which the keys differ: a word between dots (5)
    // against a list of the other side (2), or a word behind zeros (3) against words and lists of the other side (5, 6).
    // Lists of two sides (2, 6) may differ within by such a pair.
    let contradicts = |(a, b): &Pair| {
        let [a, b] = [Scheme::Maven.key(a), Scheme::Maven.key(b)];
        let mut bytes = a
            .as_bytes()
            .iter()
            .zip(b.as_bytes())
            .filter(|(a, b)| a != b)
            .map(|(a, b)| (*a.min(b), *a.max(b)));
        matches!(bytes.find(|pair| *pair != (2, 6)), Some((2, 5) | (3, 5) | (3, 6)))
    };
    let (odd, clear): (Vec<_>, Vec<_>) =
        pairs.into_iter().zip(answers).partition(|(pair, _)| contradicts(pair));
    let (pairs, answers): (Vec<_>, Vec<_>) = clear.into_iter().unzip();
    assert!(odd.len() * 20 < pairs.len(), "Maven: {} pairs left out", odd.len());
    compare("Maven", Scheme::Maven, &answers, &pairs, PAIRS);
    say(&format!("Maven: {} pairs left out, about which it contradicts itself", thousands(odd.len())));
}

#[test]
fn composer_agrees() {
    let seeds = [
        "1.0.0",
        "v2.4.5-p8",
        "1.0-beta1",
        "2.0.0-RC2",
        "1.x-dev",
        "1.0.0-alpha.2",
        "20100102",
        "2010-01-02",
        "1.0.0.1",
        "3.0.x-dev",
        "1.2.3-dev",
        "1.0.0+build",
        "2.0-stable",
    ];
    let pieces = [
        ".", "-", "_", "0", "1", "10", ".0", "alpha", "a1", "-beta", "b2", "RC", "rc1", ".x", ".*", "-dev",
        "dev", ".dev", "-p", "pl1", "patch2", "stable", "-stable", "+b", "v", "V", "@dev", "@beta",
        " as 1.0", "-0102", "00", "99999", "123456",
    ];
    let wanted = |text: &str| text.is_ascii() && small_numbers(text, 17);
    let mut generator = Generator::new(&seeds, &feeds::versions("Packagist"), &pieces);
    let pairs = generator.pairs(4 * PAIRS, |text| wanted(text) && !Scheme::Composer.key(text).is_weak());
    check("Packagist", Scheme::Composer, tool::composer(), &pairs);

    let mut generator =
        Generator::new(&[&seeds[..], &["dev-main", "master", "foo-dev"]].concat(), &[], &pieces);
    let texts = of_one(&generator.pairs(PAIRS, wanted));
    let answers = match tool::composer_kind().and_then(|tool| tool.judge(&texts)) {
        Ok(answers) => answers,
        Err(reason) => return skip("Packagist, valid or not", &reason),
    };
    for ((text, _), answer) in texts.iter().zip(answers) {
        let (weak, branch) = (Scheme::Composer.key(text).is_weak(), Scheme::Composer.is_branch(text));
        assert_eq!(
            (weak, branch),
            (answer != crate::order("="), answer == crate::order("<")),
            "Packagist: {text:?}"
        );
    }
    say(&format!("Packagist, valid or not: {} texts agree", thousands(texts.len())));
}

#[test]
fn php_agrees() {
    let seeds = ["5.3.0RC1", "1.0", "1.0.0-beta2", "5.2.1dev", "1.0pl1", "1.0p1", "6.4.3", "2.0_alpha+3"];
    let pieces = [
        ".", "-", "_", "+", "0", "1", "10", "dev", "a", "alpha", "b2", "beta", "RC1", "rc", "pl", "p3",
        "foo", "preview", "#", "~", " ", "..", ".0", "é", "00",
    ];
    let wanted = |text: &str| small_numbers(text, 17) && !Scheme::Php.key(text).is_weak();
    let pairs = Generator::new(&seeds, &feeds::versions("Packagist"), &pieces).pairs(PAIRS, wanted);
    check("PHP", Scheme::Php, tool::php(), &pairs);
}

#[test]
fn bitnami_agrees() {
    let seeds = [
        "5.4.6",
        "5.4.6-3",
        "1.62.0-0",
        "2.6.0-rc1",
        "1.2.3-rc.1",
        "10.0.0",
        "0.0.0-20250806193153-183891f8d535",
    ];
    let pieces = ["-", ".", "0", "1", "10", "-0", "-1", "-12", "-rc1", ".1", "+b", "a", "-debian", "99"];
    let real = feeds::versions("Bitnami");
    let wanted = |text: &str| small_numbers(text, 18) && !Scheme::Bitnami.key(text).is_weak();
    let pairs = Generator::new(&seeds, &real, &pieces).pairs(3 * PAIRS, wanted);
    check("Bitnami", Scheme::Bitnami, tool::bitnami(), &pairs);
    check_by("Bitnami", Scheme::Bitnami, reference::bitnami, &pairs);
}

#[test]
fn nuget_agrees() {
    let seeds = [
        "1.0.0",
        "4.3.0",
        "1.0.0.1",
        "2.0.0-preview.1.22076.8",
        "1.0-RC1",
        "1.0.0-alpha+build",
        "6.0.0-rc.2",
        "1",
    ];
    let pieces = [
        ".",
        "-",
        "0",
        "00",
        "1",
        "10",
        "a",
        "B",
        "-a",
        "-0",
        ".0",
        ".1",
        "+b",
        "-RC.1",
        "-rc.1",
        "-Rc",
        "alpha",
        "99999999999",
    ];
    let wanted = |text: &str| small_numbers(text, 38) && !Scheme::Nuget.key(text).is_weak();
    let pairs = Generator::new(&seeds, &feeds::versions("crates.io"), &pieces).pairs(2 * PAIRS, wanted);
    check_by("NuGet", Scheme::Nuget, reference::nuget, &pairs);
}

#[test]
fn dart_agrees() {
    let seeds = ["1.0.0", "1.0.0-dev.1", "1.0.0+1", "2.1.0-rc+build.5", "0.13.5+1", "0.0.1-0+a"];
    let pieces =
        ["-", ".", "0", "1", "10", "+", "+1", "+a", ".1", "-dev", "-0", "a", "+0.1", "99999999999999999999"];
    let wanted = |text: &str| small_numbers(text, 38) && !Scheme::Pub.key(text).is_weak();
    let pairs = Generator::new(&seeds, &feeds::versions("crates.io"), &pieces).pairs(3 * PAIRS, wanted);
    check_by("Pub", Scheme::Pub, reference::dart, &pairs);
}

#[test]
fn hex_agrees() {
    let seeds = ["1.0.0", "1.2.3-rc.1", "0.0.1-alpha.beta.11", "1.0.0-0", "1.0.0+build.5"];
    let pieces =
        [".", "-", "0", "1", "10", "a", "B", "-a", "-0", ".0", ".1", "+b", "-rc.1", "99999999999999999999"];
    let wanted = |text: &str| crate::well_formed_semver(text);
    let pairs = Generator::new(&seeds, &feeds::versions("crates.io"), &pieces).pairs(4 * PAIRS, wanted);
    check("Hex", Scheme::Semver, tool::elixir(), &pairs);
}

#[test]
fn julia_agrees() {
    let seeds =
        ["1.0.0", "1.2.13+4", "v1.0", "1.0.0-rc1", "1.0rc1", "1.0.0-", "1.0.0+", "1", "1.0-alpha.1+2"];
    let pieces = [
        "-",
        ".",
        "0",
        "1",
        "10",
        "+",
        "+1",
        "+a",
        ".1",
        "-rc",
        "rc1",
        "a",
        "-",
        "v",
        "99999999999999999999",
    ];
    let wanted = |text: &str| small_numbers(text, 38) && !Scheme::Julia.key(text).is_weak();
    let pairs = Generator::new(&seeds, &feeds::versions("crates.io"), &pieces).pairs(2 * PAIRS, wanted);
    check_by("Julia", Scheme::Julia, reference::julia, &pairs);
}

#[test]
fn r_agrees() {
    let seeds = ["1.0", "1.2-10", "3.4.5", "2024.1-1", "0.0.0.9000", "1.0.0"];
    let pieces = [".", "-", "0", "00", "1", "10", ".0", "-1", "-0", "999"];
    let wanted = |text: &str| small_numbers(text, 9) && !Scheme::Cran.key(text).is_weak();
    let pairs = Generator::new(&seeds, &[], &pieces).pairs(PAIRS + PAIRS / 10, wanted);
    check("CRAN", Scheme::Cran, tool::r(), &pairs);
    check_by("CRAN", Scheme::Cran, reference::cran, &pairs);
}

#[test]
fn haskell_agrees() {
    let seeds = ["1.0", "9.4.7", "0.11.3.1", "2024.1.1", "1.0-alpha", "4.17.0.0"];
    let pieces = [".", "0", "00", "1", "10", ".0", ".1", "-a", "-beta2", "99999999999999999999"];
    let wanted = |text: &str| small_numbers(text, 38) && !Scheme::Haskell.key(text).is_weak();
    let mut generator = Generator::new(&seeds, &[], &pieces);
    let pairs = generator.pairs(PAIRS, |text| wanted(text) && small_numbers(text, 18));
    check("Haskell", Scheme::Haskell, tool::haskell(), &pairs);
    let pairs = generator.pairs(2 * PAIRS, wanted);
    check_by("Haskell", Scheme::Haskell, reference::haskell, &pairs);
}

#[test]
fn pacman_agrees() {
    let seeds = ["1.0-1", "1:2.0.r15.gabc-2", "6.0.2-3.1", "1.0alpha-1", "1.0.a", "20240101-1", "1.0"];
    let pieces = [
        ".",
        "..",
        "_",
        "+",
        "-",
        "-1",
        "1:",
        "0",
        "00",
        "10",
        "a",
        "rc1",
        ".a",
        "Z",
        "~",
        "12345678901234567890123",
        "_1",
    ];
    // A missing release equals any, and separators at an end contradict each other: there our order is our own.
    let wanted = |text: &str| {
        let parts: Vec<_> = text.rsplitn(2, '-').collect();
        text.is_ascii()
            && parts.len() == 2
            && parts.iter().all(|part| part.ends_with(|c: char| c.is_ascii_alphanumeric()))
            && text.split_once(':').is_none_or(|(epoch, _)| !epoch.is_empty())
    };
    let real = [feeds::versions("Debian"), feeds::versions("AlmaLinux")].concat();
    let pairs = Generator::new(&seeds, &real, &pieces).pairs(PAIRS, wanted);
    check("pacman", Scheme::Pacman, tool::pacman(), &pairs);
    let bare = |text: &str| {
        text.is_ascii() && !text.contains('-') && text.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    let pairs = Generator::new(&seeds, &feeds::versions("PyPI"), &pieces).pairs(PAIRS, bare);
    check("pacman, without release", Scheme::Pacman, tool::pacman(), &pairs);
}

/// opam took its order from Debian, without the epoch: dpkg judges what has none.
#[test]
fn opam_agrees() {
    let seeds = ["4.14.0~alpha1", "1.0", "5.0.0+flambda", "0.16~preview.128-1", "20240101", "1.0-beta~rc1"];
    let pieces =
        ["~", "+", ".", "-", "0", "00", "1", "10", "a", "Z", "~beta", "-1", "12345678901234567890123"];
    let wanted = |text: &str| !Scheme::Opam.key(text).is_weak() && !Scheme::Dpkg.key(text).is_weak();
    let pairs = Generator::new(&seeds, &[], &pieces).pairs(PAIRS, wanted);
    check("opam", Scheme::Opam, tool::dpkg(), &pairs);
}

#[test]
fn conan_agrees() {
    let seeds = ["1.0", "1.1.1-rc.1", "2.0.0+build.5", "cci.20230101", "1.2.3-alpha+1.2", "1.0.0", "3.1.4"];
    let pieces = [".", "-", "+", "0", "00", "1", "10", ".a", ".b2", "-rc", "+1", ".0", "-alpha.1", "x"];
    // An item that begins with a digit but is no number has no consistent order, and Python reads odd numbers.
    let is_item = |item: &str| {
        !item.is_empty()
            && (item.bytes().all(|b| b.is_ascii_digit())
                || item.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    let wanted = |text: &str| {
        let (version, build) = text.split_once('+').unwrap_or((text, "0"));
        let (version, pre_release) = version.split_once('-').unwrap_or((version, "0"));
        let parts = [version, pre_release, build];
        text.is_ascii()
            && !text.contains([' ', '_'])
            && parts.iter().all(|part| !part.contains(['-', '+']) && part.split('.').all(is_item))
    };
    let pairs = Generator::new(&seeds, &feeds::versions("crates.io"), &pieces).pairs(2 * PAIRS, wanted);
    check("Conan", Scheme::Conan, tool::conan(), &pairs);
}

#[test]
fn portage_agrees() {
    let seeds =
        ["1.2.3", "1.2_rc1-r1", "1.2b_p20200101", "1.02.010", "20240101", "9999", "1_alpha2_pre", "0.9-r3"];
    let pieces = [
        ".",
        ".0",
        "0",
        "00",
        "01",
        ".010",
        "_alpha",
        "_beta1",
        "_pre2",
        "_rc",
        "_p",
        "_p1",
        "a",
        "b",
        "-r1",
        "-r0",
        "10",
        "9",
        "12345678901234567890123",
    ];
    let wanted = |text: &str| !Scheme::Portage.key(text).is_weak() && text == text.trim();
    let mut generator = Generator::new(&seeds, &[], &pieces);
    let pairs = generator.pairs(2 * PAIRS, wanted);
    check("Portage", Scheme::Portage, tool::portage(), &pairs);
    check_weak(
        "Portage",
        Scheme::Portage,
        tool::portage(),
        &of_one(&generator.pairs(PAIRS, |text| text == text.trim())),
    );
}

#[test]
fn conda_agrees() {
    let seeds = [
        "1.0",
        "1!2.0",
        "1.0rc1",
        "1.1.dev1",
        "1.1post1",
        "1.0+local.1",
        "2020.1.1",
        "1.0.1_",
        "1.0a_",
        "1.1.0post1",
    ];
    let pieces = [
        ".", "_", "-", "0", "00", "1", "10", ".0", "a", "rc1", "dev", "post", ".post2", ".dev3", "1!", "+1",
        "+a", "RC", "_1", "x2",
    ];
    // Rattler and Conda differ about an underscore behind a word at the end; we keep to Conda's description.
    let ends_with_word = |text: &str| text.ends_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let wanted = |text: &str| {
        text.is_ascii()
            && small_numbers(text, 18)
            && text == text.trim()
            && !text.split('+').any(|part| part.strip_suffix(['_', '-']).is_some_and(ends_with_word))
            && !Scheme::Conda.key(text).is_weak()
    };
    let pairs = Generator::new(&seeds, &feeds::versions("PyPI"), &pieces).pairs(3 * PAIRS, wanted);
    check("Conda", Scheme::Conda, tool::conda(), &pairs);
}

#[test]
fn java_s_runtime_agrees() {
    let seeds = ["11.0.2+9", "17.0.9+9-LTS", "21-ea", "21-ea+9", "9", "17.0.9.1", "12.0.1-internal", "21+35"];
    let pieces = [".1", ".10", "1", "0", "10", "-ea", "+9", "+10", "-LTS", "-1", "-b2", "rc", ".0.1"];
    let modern = |text: &str| {
        small_numbers(text, 9) && !Scheme::Jvm.key(text).is_weak() && !text.starts_with("1.") && !text.contains(['_', 'u'])
            // `-b08` is a build to us everywhere.
            && !text.contains("-b")
    };
    let pairs = Generator::new(&seeds, &[], &pieces).pairs(4 * PAIRS, modern);
    check("Java runtime", Scheme::Jvm, tool::java_runtime(), &pairs);

    let seeds = [
        "8u392",
        "1.8.0_392",
        "1.8.0_392-b08",
        "8u392-b08",
        "1.7.0",
        "1.8.0-ea",
        "11.0.2+9",
        "8.0.392",
        "1.8.0_20-ea",
    ];
    let pieces = ["1", "0", "10", "_1", "_20", "u5", "-ea", "-b1", "-b10", "+9", ".0", ".1"];
    let wanted = |text: &str| {
        let feature = !text.starts_with(['0', '1']) || text.starts_with("1.8.") || text.starts_with("1.7.");
        small_numbers(text, 30) && feature && !Scheme::Jvm.key(text).is_weak()
    };
    let pairs = Generator::new(&seeds, &[], &pieces)
        .pairs(2 * PAIRS, |text| wanted(text) && text.matches("-b").count() < 2);
    check_by("JVM", Scheme::Jvm, reference::jvm, &pairs);
}

#[test]
fn freebsd_agrees() {
    let seeds = [
        "1.0",
        "1.0_1",
        "1.0_2,1",
        "10a1",
        "2.0.b2",
        "1.0alpha3",
        "2024.01.01",
        "1.0+1",
        "2.*",
        "1.0.pl1",
        "3.1rc1,2",
    ];
    let pieces = [
        ".", "_", "_1", ",", ",1", "+", "+1", "0", "00", "1", "10", "a", "b2", "alpha", ".beta1", "pl",
        "rc1", ".pre", "*", "dev", ":", ".0", "Z",
    ];
    let wanted = |text: &str| {
        small_numbers(text, 30) && text.is_ascii() && !text.contains(['-', ' ']) && text == text.trim()
    };
    let pairs = Generator::new(&seeds, &feeds::versions("Packagist"), &pieces).pairs(2 * PAIRS, wanted);
    check_by("FreeBSD", Scheme::Freebsd, reference::freebsd, &pairs);
}

#[test]
fn homebrew_agrees() {
    let seeds = [
        "1.0",
        "2.1.0-p194",
        "2.1-p194",
        "1.0_1",
        "1.0alpha2",
        "1.0b1",
        "1.0-rc1",
        "9e",
        "5.4-rc1",
        "12L",
        "1.0-pre2",
    ];
    let pieces = [
        ".", "-", "_", "_1", "0", "00", ".0", "1", "10", "a", "a1", "b2", "alpha", "beta", "rc1", "pre",
        "p1", "p", "foo", "L", "-p0",
    ];
    // A post token takes whatever stands before it; a `v` in front we leave out.
    let wanted = |text: &str| {
        text.is_ascii()
            && !text.contains("post")
            && !text.starts_with(['v', 'V', ' '])
            && small_numbers(text, 30)
    };
    let pairs = Generator::new(&seeds, &feeds::versions("Packagist"), &pieces).pairs(2 * PAIRS, wanted);
    check_by("Homebrew", Scheme::Homebrew, reference::homebrew, &pairs);
}
