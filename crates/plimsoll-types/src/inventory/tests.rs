//! Layers laid over each other, case by case.

use super::*;
use crate::PackageType;

/// A layer that is nothing yet.
fn layer() -> LayerInventory {
    LayerInventory {
        diff_id: Digest::sha256(b""),
        unpacked_bytes: 0,
        entries: 0,
        files: vec![],
        whiteouts: vec![],
        opaque: vec![],
        replaced: vec![],
        directories: vec![],
        links: vec![],
        problems: vec![],
    }
}

impl LayerInventory {
    /// The layer with one more entry that is not a directory.
    fn entry(mut self, path: &str) -> Self {
        self.replaced.push(path_hash(path));
        self.replaced.sort_unstable();
        self
    }

    fn file(mut self, path: &str, content: FileContent) -> Self {
        self.files.push(FileFact { path: path.to_owned(), content });
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        self.entry(path)
    }

    fn npm(self, path: &str, name: &str) -> Self {
        self.file(path, FileContent::packages([Package::new(PackageType::Npm, name, "1.0.0")]))
    }

    fn dpkg(self, names: &[&str]) -> Self {
        let packages = names.iter().map(|name| Package::new(PackageType::Deb, name, "1").into()).collect();
        self.file("var/lib/dpkg/status", FileContent::Database(packages))
    }
}

/// The names of the packages that are left, with the number of the layer each came with.
fn merged(layers: &[LayerInventory]) -> Vec<(String, usize)> {
    let digest = |number: usize| Digest::sha256(&[u8::try_from(number).unwrap()]);
    let numbered: Vec<_> = layers.iter().enumerate().map(|(n, layer)| (Some(digest(n)), layer)).collect();
    let number = |layer: Option<Digest>| (0..layers.len()).find(|n| Some(digest(*n)) == layer).unwrap();
    let image = ImageInventory::merge(&numbered);
    image.packages.into_iter().map(|p| (p.package.name, number(p.layer))).collect()
}

const A: &str = "app/node_modules/a/package.json";

#[test]
fn whiteouts_remove_files_and_trees() {
    let remove = |path: &str| LayerInventory { whiteouts: vec![path.to_owned()], ..layer() };
    for path in [A, "app/node_modules", "app"] {
        assert_eq!(merged(&[layer().npm(A, "a"), remove(path)]), [], "{path}");
    }
    assert_eq!(merged(&[layer().npm(A, "a"), remove("app/node")]), [("a".into(), 0)]);
}

#[test]
fn an_opaque_directory_keeps_what_its_own_layer_adds() {
    let upper =
        LayerInventory { opaque: vec!["app".into()], ..layer() }.npm("app/node_modules/b/package.json", "b");
    assert_eq!(merged(&[layer().npm(A, "a"), upper]), [("b".into(), 1)]);
    let all = LayerInventory { opaque: vec![String::new()], ..layer() };
    assert_eq!(merged(&[layer().npm(A, "a"), all]), []);
}

#[test]
fn a_replaced_path_takes_what_was_under_it_along() {
    assert_eq!(merged(&[layer().npm(A, "a"), layer().entry("app/node_modules")]), []);
    assert_eq!(merged(&[layer().npm(A, "a"), layer().entry(A)]), []);
    let directory = |path: &str| LayerInventory { directories: vec![path_hash(path)], ..layer() };
    assert_eq!(merged(&[layer().npm(A, "a"), directory("app/node_modules")]), [("a".into(), 0)]);
    assert_eq!(merged(&[layer().npm(A, "a"), directory(A)]), []);
}

#[test]
fn the_top_database_holds_and_packages_keep_the_layer_they_came_with() {
    let layers = [layer().dpkg(&["bash", "curl"]), layer().dpkg(&["bash", "git"])];
    assert_eq!(merged(&layers), [("bash".into(), 0), ("git".into(), 1)]);
    // Removed and installed again: a new package, from the layer that brought it back.
    let layers = [layer().dpkg(&["bash"]), layer().dpkg(&[]), layer().dpkg(&["bash"])];
    assert_eq!(merged(&layers), [("bash".into(), 2)]);
}

#[test]
fn a_hard_link_into_a_lower_layer_is_followed() {
    let link = HardLink { path: "srv/node_modules/a/package.json".into(), target: A.into(), wanted: true };
    let upper = |link: &HardLink| LayerInventory {
        links: vec![link.clone()],
        whiteouts: vec!["app".into()],
        ..layer()
    };
    assert_eq!(merged(&[layer().npm(A, "a"), upper(&link)]), [("a".into(), 1)]);
    // A program is one under any name; the only name that it has left must not hide it.
    let program = HardLink { path: "opt/tool".into(), wanted: false, ..link.clone() };
    assert_eq!(merged(&[layer().npm(A, "a"), upper(&program)]), [("a".into(), 1)]);
    let problems = |link: &HardLink| ImageInventory::merge(&[(None, &upper(link))]).problems.len();
    assert_eq!((problems(&link), problems(&program)), (1, 0));
}

#[test]
fn the_distribution_decides_the_ecosystem_of_its_packages() {
    let distro = Distro { id: "debian".into(), version_id: "11".into(), ..Distro::default() };
    let base = layer().file("usr/lib/os-release", FileContent::Distro(distro)).dpkg(&["bash"]).npm(A, "a");
    let image = ImageInventory::merge(&[(None, &base)]);
    let ecosystems: Vec<_> =
        image.packages.iter().map(|p| p.ecosystem.clone().unwrap().to_string()).collect();
    assert_eq!(ecosystems, ["Debian:11", "npm"]);
    assert_eq!(image.packages[0].purl, "pkg:deb/debian/bash@1?distro=debian-11");
}

#[test]
fn releases_are_those_of_the_feeds() {
    let ecosystem = |name: &str| Distro::from_purl_name(name).unwrap().ecosystem().map(|e| e.to_string());
    for (distro, expected) in [
        ("debian-11", Some("Debian:11")),
        ("debian-11.7", Some("Debian:11")),
        ("alpine-3.4.6", Some("Alpine:v3.4")),
        ("alpine-3.21_alpha20240807", Some("Alpine:edge")),
        ("wolfi-20230201", Some("Wolfi")),
        ("almalinux-9.3", Some("AlmaLinux:9")),
        ("ubuntu-22.04", Some("Ubuntu:22.04")),
        ("plan9-4", None),
    ] {
        assert_eq!(ecosystem(distro).as_deref(), expected, "{distro}");
    }
}

#[test]
fn a_file_that_a_package_of_the_distribution_brought_is_marked() {
    const EGG: &str = "usr/lib/python3/dist-packages/requests-2.28.1.egg-info";
    let list = |package: &str, path: &str| {
        let owned = OwnedFiles { package: package.into(), paths: vec![owned_hash(path)] };
        layer().file(&format!("var/lib/dpkg/info/{package}.list"), FileContent::Files(owned))
    };
    let owner = |layers: &[LayerInventory]| {
        let layers: Vec<_> = layers.iter().map(|layer| (None, layer)).collect();
        let image = ImageInventory::merge(&layers);
        image.packages.into_iter().find(|p| p.package.name == "requests").unwrap().details.owned_by
    };
    let egg = layer().npm(EGG, "requests");
    let dpkg = layer().dpkg(&["python3-requests"]);
    let owned = Some("python3-requests".to_owned());
    // In whatever layers the three are, and however the database spells the path.
    assert_eq!(owner(&[egg.clone(), dpkg.clone(), list("python3-requests", EGG)]), owned);
    let unmerged = EGG.strip_prefix("usr/").unwrap();
    assert_eq!(owner(&[list("python3-requests", unmerged), egg.clone(), dpkg.clone()]), owned);
    // Its list was removed, it lists another file, or it is not installed.
    let gone = LayerInventory { whiteouts: vec!["var/lib/dpkg/info".into()], ..layer() };
    assert_eq!(owner(&[egg.clone(), dpkg.clone(), list("python3-requests", EGG), gone]), None);
    assert_eq!(owner(&[egg.clone(), dpkg.clone(), list("python3-requests", "usr/lib/x")]), None);
    assert_eq!(owner(&[egg.clone(), dpkg, list("other", EGG)]), None);
    // A database that lists the files itself.
    let mut found = Found::from(Package::new(PackageType::Rpm, "python3-requests", "1-1"));
    found.owns = vec![owned_hash(EGG)];
    let rpm = layer().file("var/lib/rpm/rpmdb.sqlite", FileContent::Database(vec![found]));
    assert_eq!(owner(&[egg, rpm]), owned);
}

#[test]
fn the_newest_form_of_rpm_s_database_holds() {
    let rpm = |directory: &str, form: &str, name: &str| {
        let found = vec![Package::new(PackageType::Rpm, name, "1-1").into()];
        layer().file(&format!("{directory}/{form}"), FileContent::Database(found))
    };
    let empty = layer().file("var/lib/rpm/rpmdb.sqlite", FileContent::Database(vec![]));
    let old = rpm("var/lib/rpm", "Packages", "old");
    let new = rpm("usr/lib/sysimage/rpm", "rpmdb.sqlite", "new");
    assert_eq!(merged(&[old.clone(), new.clone()]), [("new".into(), 1)]);
    assert_eq!(merged(&[new, old.clone()]), [("new".into(), 0)]);
    assert_eq!(merged(&[old, empty]), [("old".into(), 0)]);
}

#[test]
fn the_module_of_an_rpm_is_part_of_its_purl() {
    let mut found = Found::from(Package::new(PackageType::Rpm, "npm", "1:8.19-1.16.module+el8"));
    found.module = Some("nodejs:16:8060:ad008a3a".into());
    let plain = Found::from(Package::new(PackageType::Rpm, "bash", "5-1"));
    let base = layer().file("var/lib/rpm/rpmdb.sqlite", FileContent::Database(vec![plain, found]));
    let image = ImageInventory::merge(&[(None, &base)]);
    let modules: Vec<_> = image.packages.iter().map(|p| (p.package.name.as_str(), p.module())).collect();
    assert_eq!(modules, [("bash", None), ("npm", Some("nodejs:16:8060:ad008a3a".into()))]);
    assert_eq!(
        image.packages[1].purl,
        "pkg:rpm/npm@8.19-1.16.module%2Bel8?epoch=1&rpmmod=nodejs:16:8060:ad008a3a"
    );
}

#[test]
fn derivatives_have_the_packages_of_the_release_they_name() {
    let ecosystem = |id: &str, like: &str, version: &str, codename: &str| {
        let like = like.split_whitespace().map(str::to_owned).collect();
        let (id, version_id, codename) = (id.into(), version.into(), codename.into());
        let distro = Distro { id, like, version_id, codename, pretty_name: String::new() };
        distro.ecosystem().map(|ecosystem| ecosystem.to_string())
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(ecosystem("linuxmint", "ubuntu debian", "21.3", "jammy"), some("Ubuntu:22.04"));
    assert_eq!(ecosystem("mx", "debian", "23", "bookworm"), some("Debian:12"));
    assert_eq!(ecosystem("raspbian", "debian", "11", "bullseye"), some("Debian:11"));
    assert_eq!(ecosystem("ubuntu", "debian", "", "noble"), some("Ubuntu:24.04"));
    assert_eq!(ecosystem("debian", "", "", "trixie/sid"), some("Debian:13"));
    // A name of its own, packages of its own, or made of something that is not known.
    assert_eq!(ecosystem("devuan", "debian", "5", "daedalus"), None);
    assert_eq!(ecosystem("kali", "debian", "2023.4", "kali-rolling"), None);
    assert_eq!(ecosystem("nobody", "rhel fedora", "9", ""), None);
}

#[test]
fn alpine_s_branch_is_one_that_is_switched_on() {
    let branch = |version: &str, branches: &[&str]| {
        let distro = Distro { id: "alpine".into(), version_id: version.into(), ..Distro::default() };
        let names = branches.iter().map(|name| (*name).to_owned()).collect();
        let channels = Channels { kind: ChannelKind::AlpineBranches, names };
        let base = layer()
            .file("etc/os-release", FileContent::Distro(distro))
            .file("etc/apk/repositories", FileContent::Channels(channels.clone()));
        let image = ImageInventory::merge(&[(None, &base)]);
        assert_eq!(image.channels.len(), 1);
        image.distro.unwrap().ecosystem().unwrap().to_string()
    };
    assert_eq!(branch("3.18.4", &["v3.18"]), "Alpine:v3.18");
    assert_eq!(branch("3.18.4", &["edge", "v3.18"]), "Alpine:v3.18");
    assert_eq!(branch("3.18.4", &["v3.9", "v3.20"]), "Alpine:v3.20");
    assert_eq!(branch("3.18.4", &["v3.20", "edge"]), "Alpine:edge");
    assert_eq!(branch("3.18.4", &["local"]), "Alpine:v3.18");
    assert_eq!(branch("3.21_alpha20240807", &["edge"]), "Alpine:edge");
}

#[test]
fn layers_that_say_to_be_endless_are_no_more_than_that() {
    let endless = LayerInventory { unpacked_bytes: u64::MAX, entries: u64::MAX, ..layer() };
    let image = ImageInventory::merge(&[(None, &endless), (None, &endless)]);
    assert_eq!((image.unpacked_bytes, image.entries), (u64::MAX, u64::MAX));
}

/// A package by what told it.
fn told(name: &str, evidence: &str) -> Found {
    let details = Details { evidence: Some(evidence.to_owned()), ..Details::default() };
    Found { details, ..Package::new(PackageType::Generic, name, "1").into() }
}

#[test]
fn what_a_better_source_says_is_not_said_again() {
    let files = |files: Vec<(&str, Vec<Found>)>| {
        let add = |layer: LayerInventory, (path, found)| layer.file(path, FileContent::Packages(found));
        let layer = files.into_iter().fold(layer(), add);
        let image = ImageInventory::merge(&[(None, &layer)]);
        image.packages.into_iter().map(|p| format!("{} {}", p.package.name, p.path)).collect::<Vec<_>>()
    };
    let content = |name: &str| told(name, "content: x");
    // One program under many names; the same software in two different programs.
    assert_eq!(files(vec![("bin/a", vec![content("x")]), ("bin/b", vec![content("x")])]), ["x bin/a"]);
    let other = told("x", "content: y");
    assert_eq!(files(vec![("bin/a", vec![content("x")]), ("bin/b", vec![other])]).len(), 2);
    // A record beats what a program says, which beats what an SBOM says.
    let record = || Found::from(Package::new(PackageType::Generic, "x", "1"));
    let sbom = || told("x", "SBOM: y");
    assert_eq!(
        files(vec![("bin/a", vec![content("x")]), ("r", vec![record()]), ("s", vec![sbom()])]),
        ["x r"]
    );
    assert_eq!(files(vec![("bin/a", vec![content("x")]), ("s", vec![sbom()])]), ["x bin/a"]);
    assert_eq!(
        files(vec![("a", vec![told("x", ".note.package")]), ("b", vec![told("x", ".note.package")])]),
        ["x a"]
    );
    assert_eq!(files(vec![("s", vec![sbom()]), ("t", vec![told("z", "SBOM: y")])]), ["x s", "z t"]);
}

#[test]
fn a_program_of_the_distribution_needs_no_guess() {
    let mut bash = Found::from(Package::new(PackageType::Deb, "bash", "5.2.15-2"));
    bash.owns = vec![owned_hash("bin/bash")];
    let layer = layer()
        .file("var/lib/dpkg/status", FileContent::Database(vec![bash]))
        .file("usr/bin/bash", FileContent::Packages(vec![told("bash", "content: @(#)Bash version 1")]))
        .file("usr/local/bin/bash", FileContent::Packages(vec![told("bash", "content: @(#)Bash version 2")]));
    let image = ImageInventory::merge(&[(None, &layer)]);
    let paths: Vec<_> = image.packages.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(paths, ["var/lib/dpkg/status", "usr/local/bin/bash"]);
}

#[test]
fn ecosystems_have_the_releases_that_feeds_file_them_under() {
    let of = |id: &str, version: &str, name: &str| {
        let distro = Distro {
            id: id.into(),
            version_id: version.into(),
            pretty_name: name.into(),
            ..Distro::default()
        };
        distro.ecosystem().map(|ecosystem| ecosystem.to_string()).unwrap_or_default()
    };
    assert_eq!(of("rhel", "9.4", ""), "Red Hat:9");
    assert_eq!(of("centos", "7", ""), "Red Hat:7");
    assert_eq!(of("ol", "8.9", ""), "Oracle Linux:8");
    assert_eq!(of("amzn", "2", ""), "Amazon Linux:2");
    assert_eq!(of("amzn", "2018.03", ""), "Amazon Linux:1");
    assert_eq!(of("amzn", "2016.09", ""), "Amazon Linux:1");
    assert_eq!(of("amzn", "2023", ""), "Amazon Linux:2023");
    assert_eq!(of("mariner", "2.0", ""), "Azure Linux:2");
    assert_eq!(of("sles", "15.5", ""), "SUSE:Linux Enterprise Server 15 SP5");
    assert_eq!(of("sles", "15", ""), "SUSE:Linux Enterprise Server 15");
    assert_eq!(of("sles", "16.0", ""), "SUSE:Linux Enterprise Server 16.0");
    assert_eq!(of("opensuse", "42.3", ""), "openSUSE:Leap 42.3");
    assert_eq!(of("opensuse", "13.2", ""), "");
    assert_eq!(of("opensuse-microos", "20240101", ""), "openSUSE:Tumbleweed");
    assert_eq!(of("postmarketos", "v23.12", ""), "Alpine:v3.19");
    assert_eq!(of("postmarketos", "edge", ""), "Alpine:edge");
    assert_eq!(of("postmarketos", "v99.12", ""), "");
    assert_eq!(of("opensuse-leap", "15.6", ""), "openSUSE:Leap 15.6");
    assert_eq!(of("opensuse-tumbleweed", "20240101", ""), "openSUSE:Tumbleweed");
    assert_eq!(of("openeuler", "22.03", "openEuler 22.03 (LTS-SP1)"), "openEuler:22.03-LTS-SP1");
    let sid = Distro { id: "debian".into(), codename: "sid".into(), ..Distro::default() };
    assert_eq!(sid.ecosystem().map(|ecosystem| ecosystem.to_string()).as_deref(), Some("Debian:sid"));
}

#[test]
fn an_application_s_own_package_counts_where_packages_lie_beside_it() {
    let names =
        |layers: &[LayerInventory]| merged(layers).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let app = || layer().npm("app/package.json", "ghost");
    assert_eq!(names(&[app(), layer().npm(A, "a")]), ["a", "ghost"]);
    assert_eq!(names(&[layer().npm(A, "a"), app()]), ["a", "ghost"]);
    assert_eq!(
        names(&[layer().npm("package.json", "ghost").npm("node_modules/a/package.json", "a")]),
        ["a", "ghost"]
    );
    for elsewhere in
        ["app2/node_modules/a/package.json", "app/x/node_modules/a/package.json", "app/node_modules_/a"]
    {
        assert_eq!(names(&[app(), layer().npm(elsewhere, "a")]), ["a"], "{elsewhere}");
    }
    let gone = LayerInventory { whiteouts: vec!["app/node_modules".to_owned()], ..layer() };
    assert_eq!(names(&[app(), layer().npm(A, "a"), gone]), Vec::<String>::new());
    for alone in ["opt/yarn-v1.22.22/package.json", "root/.cache/node/corepack/v1/pnpm/9.1.0/package.json"] {
        assert_eq!(names(&[layer().npm(alone, "tool")]), ["tool"], "{alone}");
    }
}

#[test]
fn a_dotnet_library_speaks_only_where_no_record_lies_beside_it() {
    let library = || {
        let details =
            Details { evidence: Some("content: ProductVersion 1.0.0".to_owned()), ..Details::default() };
        FileContent::Packages(vec![Found {
            details,
            ..Package::new(PackageType::Nuget, "Lib", "1.0.0").into()
        }])
    };
    let image = |path: &str, list: &str| {
        let below = layer().file(path, library());
        let above = layer().file(list, FileContent::packages([]));
        ImageInventory::merge(&[(None, &below), (None, &above)]).packages.len()
    };
    assert_eq!(image("app/Lib.dll", "app/web.deps.json"), 0);
    assert_eq!(image("app/runtimes/unix/lib/net8.0/Lib.dll", "app/web.deps.json"), 0);
    assert_eq!(image("Lib.dll", "web.deps.json"), 0);
    assert_eq!(image("app/Lib.dll", "app/web.json"), 1);
    assert_eq!(image("app/Lib.dll", "web.deps.json"), 1);
    assert_eq!(image("app/plugins/Lib.dll", "app/web.deps.json"), 1);
}
