//! The smaller sources of packages, each as it is found in images.

use plimsoll_types::inventory::{ChannelKind, FileContent, owned_hash};
use plimsoll_types::{ImageInventory, LayerInventory, ProblemKind};

use crate::tests::{Archive, packages};

fn read(path: &str, content: impl AsRef<[u8]>) -> LayerInventory {
    let layer = Archive::default().file(path, content).read();
    assert_eq!(layer.problems, [], "{path}");
    layer
}

/// Name and version of all packages.
fn named(layer: &LayerInventory) -> Vec<String> {
    let found = layer.files.iter().flat_map(|file| file.content.found());
    found.map(|found| format!("{} {}", found.package.name, found.package.version)).collect()
}

/// What is read of a file that is not what it should be.
fn problem(path: &str, content: &str) -> String {
    let layer = Archive::default().file(path, content).read();
    assert_eq!(layer.problems.len(), 1, "{path}: {layer:?}");
    layer.problems[0].to_string()
}

#[test]
fn pacman_s_database_names_packages_and_their_files() {
    let desc = "%NAME%\nlibx11-compat\n\n%VERSION%\n1:1.8.7-1\n\n%BASE%\nlibx11\n\n%ARCH%\nx86_64\n\n\
        %PACKAGER%\nSomebody <x@archlinux.org>\n\n%LICENSE%\nMIT\nX11\n\n%DESC%\n%NAME% is not this\n";
    let files = "%FILES%\nusr/\nusr/bin/\nusr/bin/tool\nusr/share/doc/x\n\n%BACKUP%\netc/x\tabc\n";
    let folder = "var/lib/pacman/local/libx11-compat-1:1.8.7-1";
    let layer = Archive::default()
        .file(&format!("{folder}/desc"), desc)
        .file(&format!("{folder}/files"), files)
        .read();
    assert_eq!((named(&layer), &layer.problems), (vec!["libx11-compat 1:1.8.7-1".to_owned()], &vec![]));
    let found = &layer.files[0].content.found()[0];
    assert_eq!(
        (found.package.source_name(), found.details.licenses.join(" ")),
        ("libx11", "MIT X11".to_owned())
    );
    let FileContent::Files(list) = &layer.files[1].content else { panic!("{layer:?}") };
    assert_eq!((list.package.as_str(), &list.paths), ("libx11-compat", &vec![owned_hash("usr/bin/tool")]));
    assert!(problem(&format!("{folder}/desc"), "%NAME%\nx\n").contains("no version"));
}

#[test]
fn portage_s_folders_name_packages_and_their_files() {
    for (folder, expected) in [
        ("sys-libs/glibc-2.38-r10", "sys-libs/glibc 2.38-r10"),
        ("dev-lang/python-3.11.8_p1", "dev-lang/python 3.11.8_p1"),
        ("x11-libs/gtk+-3.24.38", "x11-libs/gtk+ 3.24.38"),
        ("media-fonts/font-adobe-100dpi-1.0.4", "media-fonts/font-adobe-100dpi 1.0.4"),
    ] {
        let contents = "dir /usr\nobj /usr/bin/a tool 1234 5678\nsym /usr/bin/b -> a 5678\n";
        let layer = read(&format!("var/db/pkg/{folder}/CONTENTS"), contents);
        assert_eq!(named(&layer), [expected]);
        assert_eq!(layer.files[0].content.found()[0].owns, [owned_hash("usr/bin/a tool")]);
    }
    assert_eq!(read("var/db/pkg/sys-libs/CONTENTS", "").files, []);
}

#[test]
fn paths_of_nix_s_store_name_packages_once() {
    let hash = "3n58xw4373jp0ljirf06d8077j15pc4j";
    let at = |name: &str| format!("nix/store/{hash}-{name}");
    let layer = Archive::default()
        .directory(&at("openssl-3.0.13"))
        .file(&format!("{}/lib/libssl.so.3", at("openssl-3.0.13")), "")
        .file(&format!("{}/bin/openssl", at("openssl-3.0.13-bin")), "")
        .file(&format!("{}/x", at("python3.11-requests-2.31.0")), "")
        .file(&at("nginx.conf"), "")
        .file(&at("openssl-3.0.13.tar.gz"), "")
        .file("nix/store/short-openssl-1.0", "")
        .read();
    let mut names = named(&layer);
    names.sort();
    assert_eq!(names, ["openssl 3.0.13", "openssl 3.0.13", "python3.11-requests 2.31.0"]);
}

#[test]
fn homebrew_snap_and_flatpak_are_read() {
    let receipt = "home/linuxbrew/.linuxbrew/Cellar/openssl@3/3.3.1_1/INSTALL_RECEIPT.json";
    assert_eq!(named(&read(receipt, "{}")), ["openssl@3 3.3.1_1"]);
    let snap = "name: core22\nversion: '20240111'\nsummary: x\ndescription: |\n  name: not this\napps:\n  x:\n    version: 2\n";
    for path in ["meta/snap.yaml", "snap/core22/1122/meta/snap.yaml"] {
        assert_eq!(named(&read(path, snap)), ["core22 20240111"]);
    }
    assert!(problem("meta/snap.yaml", "summary: x").contains("no name"));
    let app = "var/lib/flatpak/app/org.gimp.GIMP/x86_64/stable/abc/files/share/metainfo";
    let xml = "<component><id>org.gimp.GIMP</id><releases><release date=\"2024\" version=\"2.10.38\"/><release version=\"2\"/>";
    assert_eq!(named(&read(&format!("{app}/org.gimp.GIMP.metainfo.xml"), xml)), ["org.gimp.GIMP 2.10.38"]);
    assert_eq!(named(&read(&format!("{app}/org.other.metainfo.xml"), xml)).len(), 0);
    assert_eq!(named(&read(&format!("{app}/org.gimp.GIMP.metainfo.xml"), "<x/>")), ["org.gimp.GIMP "]);
}

#[test]
fn chisel_s_manifest_names_packages_and_their_files() {
    const PATH: &str = "var/lib/chisel/manifest.wall";
    let lines = concat!(
        r#"{"jsonwall":"1.0","schema":"1.0","count":6}"#,
        "\n",
        r#"{"kind":"content","slice":"libc6_libs","path":"/usr/lib/x86_64-linux-gnu/libc.so.6"}"#,
        "\n",
        r#"{"kind":"content","slice":"base-files_base","path":"/etc/x"}"#,
        "\n",
        r#"{"kind":"package","name":"base-files","version":"12ubuntu4.6","sha256":"00","arch":"amd64"}"#,
        "\n",
        r#"{"kind":"package","name":"libc6","version":"2.35-0ubuntu3.8","sha256":"00","arch":"amd64"}"#,
        "\n",
        r#"{"kind":"path","path":"/etc/x","mode":"0644","slices":["base-files_base"]}"#,
        "\n",
    );
    let layer = read(PATH, zstd::encode_all(lines.as_bytes(), 3).unwrap());
    assert_eq!(named(&layer), ["base-files 12ubuntu4.6", "libc6 2.35-0ubuntu3.8"]);
    assert!(matches!(&layer.files[0].content, FileContent::Database(found)
        if found[1].owns == [owned_hash("usr/lib/x86_64-linux-gnu/libc.so.6")]));
    assert!(problem(PATH, "no zstd").contains("cannot be unpacked"));
    let bomb = zstd::encode_all(std::io::Read::take(std::io::repeat(b'{'), 1 << 20), 3).unwrap();
    assert_eq!(Archive::default().file(PATH, bomb).read().problems.len(), 1);
}

#[test]
fn the_lists_of_bottlerocket_and_cos_are_databases() {
    let inventory = r#"{"Content":[
        {"Name":"acpid","Publisher":"Bottlerocket","Architecture":"x86_64","Version":"2.0.34","Release":"1.br1","Summary":"x"},
        {"Name":"glibc","Version":"2.38","Release":"1","Epoch":"1"}]}"#;
    let path = "usr/share/bottlerocket/application-inventory.json";
    assert_eq!(named(&read(path, inventory)), ["acpid 2.0.34-1.br1", "glibc 1:2.38-1"]);
    assert!(problem(path, "[]").contains("not the JSON"));
    let list = r#"{"installedPackages":[
        {"category":"app-arch","name":"gzip","version":"1.9","revision":"2"},
        {"category":"sys-libs","name":"zlib","version":"1.3","revision":3},{"name":"x","version":"1"}],
        "buildTimePackages":[{"category":"dev-lang","name":"python","version":"3"}]}"#;
    let path = "etc/cos-package-info.json";
    assert_eq!(named(&read(path, list)), ["app-arch/gzip 1.9-r2", "sys-libs/zlib 1.3-r3", "x 1"]);
    assert!(problem(path, &"[".repeat(100_000)).contains("not the JSON"));
}

#[test]
fn opkg_s_database_is_like_dpkg_s() {
    let status = "Package: libc\nVersion: 1.2.3-4\nStatus: install user installed\nArchitecture: x86_64\n\n\
        Package: gone\nVersion: 1\nStatus: deinstall ok not-installed\n";
    for path in ["usr/lib/opkg/status", "var/lib/opkg/status"] {
        let layer = read(path, status);
        assert_eq!(packages(&layer), [format!("{path} libc 1.2.3-4")]);
        assert_eq!(
            layer.files[0].content.found()[0].package.purl(None).to_string(),
            "pkg:opkg/libc@1.2.3-4?arch=x86_64"
        );
    }
    let layer = read("usr/lib/opkg/info/libc.list", "/usr/bin/ldd\n");
    assert!(matches!(&layer.files[0].content, FileContent::Files(list) if list.package == "libc"));
}

#[test]
fn where_packages_come_from_is_told() {
    let channels = |path: &str, content: &str| {
        let layer = read(path, content);
        let image = ImageInventory::merge(&[(None, &layer)]);
        image
            .channels
            .into_iter()
            .map(|channels| (channels.kind, channels.names.join(" ")))
            .collect::<Vec<_>>()
    };
    let repositories = "https://dl-cdn.alpinelinux.org/alpine/v3.18/main\nhttps://x/alpine/v3.18/community\n\
        #https://x/alpine/v3.19/main\n@testing http://x/alpine/edge/testing\nhttps://x/alpine/latest-stable/main\n/local/repo\n";
    assert_eq!(
        channels("etc/apk/repositories", repositories),
        [(ChannelKind::AlpineBranches, "edge v3.18".to_owned())]
    );
    let pro = r#"{"attached":true,"services":[{"name":"esm-infra","status":"enabled"},{"name":"fips","status":"disabled"}]}"#;
    assert_eq!(
        channels("var/lib/ubuntu-advantage/status.json", pro),
        [(ChannelKind::UbuntuPro, "esm-infra".to_owned())]
    );
    let sets = r#"{"metadata":{"icm_version":1},"content_sets":["rhel-8-for-x86_64-baseos-rpms"],"image_contents":[]}"#;
    assert_eq!(
        channels("root/buildinfo/content_manifests/ubi8-container-8.5-204.json", sets),
        [(ChannelKind::ContentSets, "rhel-8-for-x86_64-baseos-rpms".to_owned())]
    );
    assert_eq!(
        channels("root/buildinfo/Dockerfile-ubi8-8.5-204", "FROM scratch"),
        [(ChannelKind::RedHatBuilds, "ubi8-8.5-204".to_owned())]
    );
    let labels = r#"{"com.redhat.component":"ubi9-container","version":"9.4","release":"1"}"#;
    assert_eq!(
        channels("root/buildinfo/labels.json", labels),
        [(ChannelKind::RedHatBuilds, "ubi9-container-9.4-1".to_owned())]
    );
    let product = r#"{"cpe":"cpe:/a:redhat:enterprise_linux:9::appstream","version":"9.4"}"#;
    assert_eq!(
        channels("usr/share/buildinfo/labels.json", product),
        [(ChannelKind::Products, "cpe:/a:redhat:enterprise_linux:9::appstream".to_owned())]
    );
    assert!(problem("root/buildinfo/content_manifests/x.json", "{").contains("not the JSON"));
}

#[test]
fn a_layer_of_windows_is_called_one() {
    let layer = Archive::default()
        .directory("Files/Windows/servicing/Version/10.0.20348.1")
        .file("Files/Windows/System32/ntdll.dll", "MZ")
        .file("Files/app/node_modules/a/package.json", r#"{"name":"a","version":"1"}"#)
        .read();
    assert_eq!(layer.problems.len(), 1);
    assert_eq!(layer.problems[0].kind, ProblemKind::Unsupported);
    assert!(layer.problems[0].message.contains("Windows (build 10.0.20348.1)"), "{}", layer.problems[0]);
    assert_eq!(named(&layer), ["a 1"]);
    let registry = Archive::default().file("Hives/System_Delta", "regf").read();
    assert!(registry.problems[0].message.contains("a layer of Windows, whose"), "{}", registry.problems[0]);
    assert_eq!(Archive::default().file("srv/Files/Windows/x", "").read().problems, []);
}
