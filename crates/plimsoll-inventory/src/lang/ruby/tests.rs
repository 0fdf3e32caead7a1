//! Specifications as RubyGems writes them, and as people do.

use super::*;
use crate::tests::{Archive, packages};

const PATH: &str = "usr/local/bundle/specifications/nokogiri-1.15.4-x86_64-linux.gemspec";

#[test]
fn only_installed_specifications_count() {
    for path in [PATH, "usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.1.gemspec"] {
        assert!(matches(path), "{path}");
    }
    for path in [
        "srv/app/vendor/bundle/ruby/3.1.0/bundler/gems/gitty-d6555c24489c/gitty.gemspec",
        "usr/local/bundle/bundler/gems/rails-0123456789ab/activerecord/activerecord.gemspec",
    ] {
        assert!(matches(path) && is_from_git(path), "{path}");
    }
    for path in [
        "vendor/bundle/ruby/3.1.0/bundler/gems/gitty-d6555c24489c/spec/fixtures.gemspec",
        "vendor/bundle/ruby/3.1.0/bundler/gems/extensions/gitty.gemspec",
        "vendor/bundle/ruby/3.1.0/cache/bundler/git/gitty-0123456789ab/gitty.gemspec",
    ] {
        assert!(!matches(path), "{path}");
    }
    for path in ["gems/nokogiri-1.15.4/nokogiri.gemspec", "a/default/x.gemspec", "specifications/x.gem"] {
        assert!(!matches(path), "{path}");
    }
}

#[test]
fn assignments_and_stubs_name_the_gem() {
    let stub = "# -*- encoding: utf-8 -*-\n# stub: nokogiri 1.15.4 x86_64-linux lib\n\nGem::Specification.new do |s|\n  \
                s.name = \"nokogiri\".freeze\n  s.licenses = [\"MIT\".freeze, \"Ruby\".freeze]\nend\n";
    let layer = Archive::default().file(PATH, stub).read();
    let found = &layer.files[0].content.found()[0];
    assert_eq!((found.package.name.as_str(), found.package.version.as_str()), ("nokogiri", "1.15.4"));
    assert_eq!(found.package.architecture.as_deref(), Some("x86_64-linux"));
    assert_eq!(found.details.licenses, ["MIT", "Ruby"]);
    for text in [
        "Gem::Specification.new do |spec|\n  spec.name = 'nokogiri'\n  spec.version = Gem::Version.new('1.15.4')\nend\n",
        "Gem::Specification.new do |s|\n  s.name          = \"nokogiri\"\n  s.version       = Nokogiri::VERSION\nend",
    ] {
        assert_eq!(
            packages(&Archive::default().file(PATH, text).read()),
            [format!("{PATH} nokogiri 1.15.4")]
        );
    }
    for broken in ["", "puts 1\n", "\u{0}"] {
        let layer = Archive::default().file(PATH, broken).read();
        assert_eq!((packages(&layer).len(), layer.problems.len()), (0, 1), "{broken}");
    }
}

/// Bundler writes them anew, with the version that the repository computes.
#[test]
fn a_gem_from_git_is_found_even_where_its_version_is_not() {
    let path = "srv/vendor/bundle/ruby/3.1.0/bundler/gems/gitty-d6555c24489c/gitty.gemspec";
    let written = "# -*- encoding: utf-8 -*-\n# stub: gitty 0.3.1 ruby lib\n\nGem::Specification.new do |s|\n  \
                   s.name = \"gitty\".freeze\n  s.version = \"0.3.1\"\n  s.licenses = [\"MIT\".freeze]\nend\n";
    assert_eq!(packages(&Archive::default().file(path, written).read()), [format!("{path} gitty 0.3.1")]);
    let computed = "Gem::Specification.new do |s|\n  s.name = 'gitty'\n  s.version = Gitty::VERSION\nend\n";
    let layer = Archive::default().file(path, computed).read();
    assert_eq!((packages(&layer), layer.problems), (vec![format!("{path} gitty ")], vec![]));
}

/// Ruby's own tool tells what is installed, default gems included.
#[test]
fn what_gem_lists_is_found() {
    let mut gem = std::process::Command::new("gem");
    let Ok(output) = gem.args(["list", "--local", "--no-verbose"]).output() else {
        return crate::tests::skip("gem");
    };
    let paths = std::process::Command::new("gem").args(["environment", "path"]).output().unwrap();
    let listing = String::from_utf8(output.stdout).unwrap();
    let mut archive = Archive::default();
    for root in String::from_utf8(paths.stdout).unwrap().trim().split(':') {
        for folder in ["specifications", "specifications/default"] {
            let Ok(entries) = std::fs::read_dir(format!("{root}/{folder}")) else { continue };
            for entry in
                entries.map(Result::unwrap).filter(|e| e.path().extension().is_some_and(|e| e == "gemspec"))
            {
                let name = format!("r/{folder}/{}", entry.file_name().to_string_lossy());
                archive = archive.file(&name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    let layer = archive.read();
    assert_eq!(layer.problems, []);
    let found: Vec<String> =
        packages(&layer).iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
    let mut listed = 0;
    // `json (default: 2.6.1)`, `rake (13.0.6, 13.0.3)`
    for (name, versions) in listing.lines().filter_map(|line| line.split_once(" (")) {
        for version in versions.trim_end_matches(')').split(", ") {
            let version = version.trim_start_matches("default: ").split(' ').next().unwrap();
            assert!(found.contains(&format!("{name} {version}")), "{name} {version}");
            listed += 1;
        }
    }
    assert!(listed > 0, "{listing}");
}
