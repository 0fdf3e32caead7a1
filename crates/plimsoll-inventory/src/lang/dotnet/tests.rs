//! Applications and runtimes as `dotnet publish` leaves them.

use crate::tests::{Archive, packages};

const PATH: &str = "app/web.deps.json";

fn names(text: &str) -> (Vec<String>, usize) {
    let layer = Archive::default().file(PATH, text).read();
    let names = packages(&layer).iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
    (names, layer.problems.len())
}

#[test]
fn what_is_deployed_counts_and_what_was_only_referred_to_does_not() {
    let text = r#"{"runtimeTarget":{"name":".NETCoreApp,Version=v8.0/linux-x64","signature":""},"targets":{
        ".NETCoreApp,Version=v8.0":{},
        ".NETCoreApp,Version=v8.0/linux-x64":{
          "web/1.0.0":{"dependencies":{"Newtonsoft.Json":"13.0.1"},"runtime":{"web.dll":{}}},
          "Newtonsoft.Json/13.0.1":{"runtime":{"lib/netstandard2.0/Newtonsoft.Json.dll":{"assemblyVersion":"13.0.0.0"}}},
          "SQLitePCLRaw.lib/2.1.0":{"native":{"runtimes/linux-x64/native/libe_sqlite3.so":{}}},
          "Microsoft.CodeAnalysis.Analyzers/3.3.0":{},
          "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.1":{"runtime":{"System.dll":{}}}}},
        "libraries":{"web/1.0.0":{"type":"project"},"Newtonsoft.Json/13.0.1":{"type":"package"},
          "SQLitePCLRaw.lib/2.1.0":{"type":"package"},"Microsoft.CodeAnalysis.Analyzers/3.3.0":{"type":"package"},
          "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.1":{"type":"runtimepack"},"odd":{"type":"package"}}}"#;
    let expected =
        ["Microsoft.NETCore.App.Runtime.linux-x64 8.0.1", "Newtonsoft.Json 13.0.1", "SQLitePCLRaw.lib 2.1.0"];
    assert_eq!(names(text), (expected.map(str::to_owned).to_vec(), 0));
    // Of old tools the target is a text; without targets all that is listed counts.
    assert_eq!(
        names(r#"{"runtimeTarget":"x","libraries":{"A/1.0":{"type":"package","sha512":""}}}"#),
        (vec!["A 1.0".to_owned()], 0)
    );
    for (text, problems) in [("{}", 0), ("", 1), ("[]", 1), (r#"{"libraries":7}"#, 0), (r#"{"targets":{"#, 1)]
    {
        assert_eq!(names(text), (vec![], problems), "{text}");
    }
}

#[test]
fn a_shared_runtime_is_named_as_advisories_name_it() {
    let read = |path: &str, library: &str| {
        let text = format!(r#"{{"libraries":{{"{library}":{{"type":"package"}}}}}}"#);
        packages(&Archive::default().file(path, text).read())
    };
    let path = "usr/share/dotnet/shared/Microsoft.NETCore.App/3.1.23/Microsoft.NETCore.App.deps.json";
    let expected = [format!("{path} Microsoft.NETCore.App.Runtime.linux-x64 3.1.23")];
    assert_eq!(read(path, "runtime.linux-x64.Microsoft.NETCore.App/3.1.23-servicing.22122.4"), expected);
    assert_eq!(read(path, "Microsoft.NETCore.App.Runtime.linux-x64/3.1.23"), expected);
    let host = "runtime.linux-x64.Microsoft.NETCore.DotNetHostPolicy";
    assert_eq!(read(path, &format!("{host}/3.1.23")), [format!("{path} {host} 3.1.23")]);
    let own = "app/shared/mine.deps.json";
    assert_eq!(read(own, "runtime.linux-x64.mine/1.0.0"), [format!("{own} runtime.linux-x64.mine 1.0.0")]);
}
