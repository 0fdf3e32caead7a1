//! The two records that know versions.

use super::*;
use crate::tests::{Archive, packages};

#[test]
fn what_cpanm_installed_is_named_by_its_distribution() {
    let path = "usr/local/lib/perl5/site_perl/5.36.0/x86_64-linux-gnu/.meta/Try-Tiny-0.31/install.json";
    assert!(matches(path) && !matches("x/install.json"));
    let read = |text: &str| {
        let layer = Archive::default().file(path, text).read();
        let names = packages(&layer)
            .iter()
            .map(|line| line.split_once(' ').unwrap().1.to_owned())
            .collect::<Vec<_>>();
        (names, layer.problems.len())
    };
    let found = |name: &str| (vec![name.to_owned()], 0);
    assert_eq!(
        read(r#"{"name":"Try::Tiny","version":"0.31","dist":"Try-Tiny-0.31","provides":{}}"#),
        found("Try-Tiny 0.31")
    );
    assert_eq!(
        read(r#"{"name":"LWP","version":"6.67","dist":"libwww-perl-6.67"}"#),
        found("libwww-perl 6.67")
    );
    assert_eq!(read(r#"{"name":"Foo::Bar","version":"1.0","dist":"odd"}"#), found("Foo-Bar 1.0"));
    for broken in ["", "{}", "[]", r#"{"name":"a"}"#] {
        assert_eq!(read(broken), (vec![], 1), "{broken}");
    }
}

#[test]
fn the_last_word_of_the_journal_counts() {
    let path = "usr/local/lib/perl/5.36.0/perllocal.pod";
    let entry = |name: &str, version: &str| {
        format!(
            "=head2 Sat Jan  6 10:11:12 2024: C<Module> L<{name}|{name}>\n\n=over 4\n\n=item *\n\nC<installed into: /usr>\n\n\
                 =item *\n\nC<VERSION: {version}>\n\n=back\n\n"
        )
    };
    let text = entry("Try::Tiny", "0.30") + &entry("JSON::XS", "4.03") + &entry("Try::Tiny", "0.31");
    let layer = Archive::default().file(path, text).read();
    assert_eq!(packages(&layer), [format!("{path} JSON-XS 4.03"), format!("{path} Try-Tiny 0.31")]);
    assert_eq!(Archive::default().file(path, "=head2 nothing\nC<VERSION: 1>\n").read().files.len(), 0);
}
