//! Applications as compilers of Erlang and Elixir write them.

use super::*;
use crate::tests::{Archive, packages};

const PATH: &str = "opt/app/lib/cowboy-2.9.0/ebin/cowboy.app";

#[test]
fn an_application_names_itself() {
    assert!(matches(PATH) && !matches("opt/cowboy.app") && !matches("opt/ebin/cowboy.beam"));
    let text = "%% a comment {vsn,\"0\"}\n{application, 'cowboy', [\n\t{description, \"Small, \\\"fast\\\" {vsn, \\\"1\\\"}.\"},\n\
                \t{vsn, \"2.9.0\"},\n\t{modules, ['cow_x']},{applications,[kernel,stdlib]}\n]}.\n";
    let layer = Archive::default().file(PATH, text).read();
    assert_eq!((packages(&layer), layer.problems.clone()), (vec![format!("{PATH} cowboy 2.9.0")], vec![]));
    assert_eq!(layer.files[0].content.found()[0].package.package_type, PackageType::Hex);
    let kind = |path: &str, name: &str| {
        let layer = Archive::default().file(path, format!("{{application,{name},[{{vsn,\"1\"}}]}}.")).read();
        layer.files[0].content.found().iter().map(|found| found.package.package_type).collect::<Vec<_>>()
    };
    assert_eq!(kind("usr/lib/erlang/lib/ssl-10.8/ebin/ssl.app", "ssl"), [PackageType::Otp]);
    assert_eq!(kind("opt/app/lib/logger-1.14.0/ebin/logger.app", "logger"), [PackageType::Otp]);
    assert_eq!(
        kind("opt/rabbitmq/plugins/rabbit-3.12.1/ebin/rabbit.app", "rabbit"),
        [PackageType::Bitnami, PackageType::Hex]
    );
    for broken in [
        "",
        "{application",
        "\"open",
        "{application,x,[{vsn,\"%VSN%\"}]}.",
        "{other,x,[{vsn,\"1\"}]}.",
        "{application,x,[]}.",
    ] {
        let layer = Archive::default().file(PATH, broken).read();
        assert_eq!((packages(&layer).len(), layer.problems.len()), (0, 1), "{broken}");
    }
    let endless = format!("{{application,x,[{}", "{a,".repeat(1_000_000));
    assert_eq!(Archive::default().file(PATH, endless).read().problems.len(), 1);
}

#[test]
fn the_release_of_the_runtime_is_in_a_file_of_its_own() {
    let path = "usr/local/lib/erlang/releases/26/OTP_VERSION";
    let read = |text: &str| packages(&Archive::default().file(path, text).read());
    assert_eq!(read("26.2.1\n"), [format!("{path} erlang 26.2.1")]);
    assert_eq!(read("25.2.3**\n"), [format!("{path} erlang 25.2.3")]);
    assert_eq!(Archive::default().file(path, "none").read().problems.len(), 1);
}
