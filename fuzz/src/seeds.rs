//! Where the search begins: small things in order, made by code.

use plimsoll_inventory::read_layer;
use plimsoll_types::probe::{Limits, ProbeReply};

/// Where pnpm keeps content under its hash.
pub(crate) const STORE_PATH: &str = "store/v3/files/00/00000000000000000000000000000000000000000000000000000000000000\
    0000000000000000000000000000000000000000000000000000000000000000";

type Seeds = Vec<Vec<u8>>;

fn texts(texts: &[&str]) -> Seeds {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// An archive of files. A path that does not fit into a header goes into an extended one.
pub(crate) fn archive(files: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut entry = |path: &[u8], kind: u8, content: &[u8]| {
        let mut block = [0_u8; 512];
        let length = path.len().min(100);
        block[..length].copy_from_slice(&path[..length]);
        block[100..108].copy_from_slice(b"0000755\0");
        block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes.extend_from_slice(&block);
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    };
    for (path, content) in files {
        if path.len() > 100 {
            let rest = path.len() + 7;
            let length = (rest..).find(|length| *length == rest + length.to_string().len()).unwrap_or(0);
            entry(b"pax", b'x', &[format!("{length} path=").as_bytes(), path, b"\n"].concat());
        }
        entry(path, b'0', content);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

pub(crate) fn layers() -> Seeds {
    let plain = archive(&[
        (b"etc/os-release", b"ID=debian\nVERSION_ID=12\n"),
        (b"var/lib/dpkg/status", b"Package: bash\nStatus: install ok installed\nVersion: 5\n"),
        (b"app/node_modules/a/package.json", b"{\"name\":\"a\",\"version\":\"1\"}"),
        (b"app/.wh.gone", b""),
        (b"opt/.wh..wh..opq", b""),
    ]);
    let mut links = plain.clone();
    links.truncate(512);
    links[156] = b'1';
    let gzip = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&plain).and_then(|()| encoder.finish()).unwrap_or_default()
    };
    vec![zstd::encode_all(&plain[..], 1).unwrap_or_default(), gzip, links, plain]
}

pub(crate) fn replies() -> Seeds {
    let reply =
        |layer: Vec<u8>| ProbeReply::Layer(Box::new(read_layer(&layer[..], &Limits::default()))).encode();
    layers().into_iter().map(reply).collect()
}

pub(crate) fn sboms() -> Seeds {
    texts(&[
        r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"operating-system","name":"debian","version":"12"},
            {"type":"library","name":"a","version":"1","bom-ref":"x","purl":"pkg:deb/debian/a@1?upstream=b%402&distro=debian-12"},
            {"type":"library","name":"b","components":[{"type":"library","name":"c","purl":"pkg:npm/%40s/c@1"}]}]}"#,
        r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","packages":[{"name":"a","SPDXID":"SPDXRef-a","versionInfo":"1",
            "licenseDeclared":"MIT","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/a@1"}]}],"relationships":[]}"#,
    ])
}

pub(crate) fn os_release() -> Seeds {
    texts(&[
        "NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID='12'\nPRETTY_NAME=\"a \\\"b\\\"\"\nID_LIKE=\"a b\"\n",
        "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\nDISTRIB_CODENAME=jammy\n",
        "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_VERSION=\"17.0.9\"\nJAVA_RUNTIME_VERSION=\"17.0.9+9\"\n",
    ])
}

pub(crate) fn release_line() -> Seeds {
    texts(&[
        "CentOS Linux release 7.9.2009 (Core)\n",
        "SUSE Linux Enterprise Server 11\nVERSION = 11\nPATCHLEVEL = 4\n",
        "Welcome to Alpine Linux v3.4",
    ])
}

pub(crate) fn dpkg() -> Seeds {
    texts(&[
        "Package: a\nStatus: install ok installed\nMaintainer: x\nArchitecture: amd64\nSource: b (2)\nVersion: 1:2-3\nDescription: x\n y\n\nPackage: c\r\nVersion: 1\r\n",
    ])
}

/// A .NET program in one file, whose files are the first half of the data and whose manifest is the other.
pub(crate) fn bundle_of(data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
    bytes.resize(BUNDLE_HOST, 0);
    bytes[0x28..0x30].copy_from_slice(&(BUNDLE_HOST as u64 - 64).to_le_bytes());
    bytes[0x3a..0x3e].copy_from_slice(&[64, 0, 1, 0]);
    bytes[1024..1032].copy_from_slice(&((BUNDLE_HOST + data.len() / 2) as u64).to_le_bytes());
    bytes[1032..1064].copy_from_slice(&[
        0x8b, 0x12, 0x02, 0xb9, 0x6a, 0x61, 0x20, 0x38, 0x72, 0x7b, 0x93, 0x02, 0x14, 0xd7, 0xa0, 0x32, 0x13,
        0xf5, 0xb9, 0xe6, 0xef, 0xae, 0x33, 0x18, 0xee, 0x3b, 0x2d, 0xce, 0x24, 0xb3, 0x6a, 0xae,
    ]);
    bytes.extend_from_slice(data);
    bytes
}

const BUNDLE_HOST: usize = 4096;

pub(crate) fn bundles() -> Seeds {
    let list = br#"{ "runtimeTarget": { "name": "x" }, "targets": { "x": { "A/1.0.0": { "runtime": { "a.dll": {} } } } },
        "libraries": { "A/1.0.0": { "type": "package" } } }"#;
    let of = |major: u32| {
        let place = [(BUNDLE_HOST as u64).to_le_bytes(), (list.len() as u64).to_le_bytes()].concat();
        let mut manifest =
            [&major.to_le_bytes()[..], &[0; 4], &1_u32.to_le_bytes(), b"\x04name", &place].concat();
        manifest.extend_from_slice(b"\x03\x06a.json");
        manifest.resize(list.len(), 0);
        [&list[..], &manifest].concat()
    };
    vec![of(1), of(2), of(6)]
}

pub(crate) fn paths() -> Seeds {
    texts(&[
        "/.\n/usr\n/usr/bin\n/usr/bin/a\n/lib/x-1.egg-info\n",
        "https://dl-cdn.alpinelinux.org/alpine/v3.18/main\n@t http://x/edge/testing\n",
        "nix/store/3n58xw4373jp0ljirf06d8077j15pc4j-openssl-3.0.13-bin/bin/openssl",
        "Files/Windows/servicing/Version/10.0.20348.1/x",
        "a/../b/./.wh.c",
        "home/Cellar/a/1/INSTALL_RECEIPT.json",
        "var/db/pkg/sys-libs/glibc-2.38-r10/CONTENTS",
        "var/lib/pacman/local/a-1:2-3/files",
        "x/flatpak/app/org.a/b/files/share/appdata/org.a.appdata.xml",
    ])
}

pub(crate) fn apk() -> Seeds {
    texts(&["C:Q1x=\nP:a\nV:1-r0\nA:x86_64\nL:MIT\no:b\nF:usr/bin\nR:a\nZ:Q1x=\n\nP:c\nV:2\n"])
}

/// A header of rpm.
fn header() -> Vec<u8> {
    let texts: [(u32, &str); 8] = [
        (1000, "bash"),
        (1001, "5.1"),
        (1002, "8.el9"),
        (1011, "Somebody"),
        (1014, "GPL"),
        (1022, "x86_64"),
        (1044, "bash-5.1-8.el9.src.rpm"),
        (5096, "a:1:2:3"),
    ];
    let (mut index, mut data) = (Vec::new(), Vec::new());
    let mut entry = |tag: u32, kind: u32, count: u32, bytes: &[u8]| {
        index.extend([tag, kind, data.len() as u32, count].iter().flat_map(|n| n.to_be_bytes()));
        data.extend_from_slice(bytes);
    };
    entry(1003, 4, 1, &[0, 0, 0, 2]);
    entry(1116, 4, 2, &[0, 0, 0, 0, 0, 0, 0, 1]);
    entry(1117, 8, 2, b"a\0b\0");
    entry(1118, 8, 2, b"/usr/bin/\0/usr/lib/\0");
    texts.iter().for_each(|(tag, text)| entry(*tag, 6, 1, format!("{text}\0").as_bytes()));
    let count = (index.len() / 16) as u32;
    [&count.to_be_bytes()[..], &(data.len() as u32).to_be_bytes(), &index, &data].concat()
}

pub(crate) fn rpm_headers() -> Seeds {
    vec![header()]
}

/// A database of NDB with these headers.
pub(crate) fn ndb_of(headers: &[&[u8]]) -> Vec<u8> {
    let le = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = [b"RpmP", &le(&[0, 1, 1, headers.len() as u32 + 1])[..], &[0; 12]].concat();
    let mut blobs = Vec::new();
    for (n, header) in headers.iter().enumerate() {
        let (index, length) = (n as u32 + 1, header.len() as u32);
        file.extend([b"Slot", &le(&[index, ((4096 + blobs.len()) / 16) as u32, 0])[..]].concat());
        blobs.extend([b"BlbS", &le(&[index, 1, length])[..], header].concat());
        blobs.resize((blobs.len() + 12).next_multiple_of(16) - 12, 0);
        blobs.extend([&le(&[0, length]), &b"BlbE"[..]].concat());
    }
    while file.len() < 4096 {
        file.extend([b"Slot", &[0; 12][..]].concat());
    }
    [file, blobs].concat()
}

pub(crate) fn ndb() -> Seeds {
    vec![ndb_of(&[&header()])]
}

pub(crate) fn berkeley() -> Seeds {
    let header = header();
    let mut first = [0; 512];
    first[12..16].copy_from_slice(&0x0006_1561_u32.to_le_bytes());
    first[20..24].copy_from_slice(&512_u32.to_le_bytes());
    first[25] = 8;
    first[32] = 2;
    let mut keys = [0; 512];
    keys[20] = 2;
    keys[25] = 13;
    keys[26..30].copy_from_slice(&[0xfb, 1, 0xef, 1]);
    keys[507] = 1;
    keys[495] = 3;
    keys[499] = 2;
    keys[503..507].copy_from_slice(&(header.len() as u32).to_le_bytes());
    let mut overflow = [0; 512];
    overflow[22..24].copy_from_slice(&(header.len() as u16).to_le_bytes());
    overflow[25] = 7;
    let length = header.len().min(486);
    overflow[26..26 + length].copy_from_slice(&header[..length]);
    vec![[first, keys, overflow].concat()]
}

pub(crate) fn sqlite() -> Seeds {
    let header = header();
    let schema = [&[6, 0x17, 0x1d, 0x1d, 1, 0][..], b"tablePackagesPackages\x02"].concat();
    let mut first = vec![0; 1024];
    first[..16].copy_from_slice(b"SQLite format 3\0");
    first[16..20].copy_from_slice(&[4, 0, 1, 1]);
    first[100] = 0x0d;
    first[104] = 1;
    let at = 1024 - schema.len() - 2;
    first[108..110].copy_from_slice(&(at as u16).to_be_bytes());
    first[at] = schema.len() as u8;
    first[at + 1] = 1;
    first[at + 2..].copy_from_slice(&schema);
    let varint = |n: usize| vec![0x80 | (n >> 7) as u8, (n & 0x7f) as u8];
    let record = [&[4, 0][..], &varint(header.len() * 2 + 12), &header].concat();
    let mut leaf = vec![0x0d, 0, 0, 0, 1, 0, 0, 0, 0, 10];
    leaf.extend([&varint(record.len())[..], &[1], &record].concat());
    leaf.resize(1024, 0);
    let plain = [first, leaf].concat();
    let mut waiting = plain.clone();
    waiting[18..20].copy_from_slice(&[2, 2]);
    let log = [0x377f_0683_u32, 3_007_000, 1024, 0, 1, 2, 0, 0]
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect::<Vec<u8>>();
    vec![plain, [waiting, log, vec![0; 2016]].concat()]
}

pub(crate) fn rpm_manifest() -> Seeds {
    texts(&[
        "filesystem\t1.1-20.azl3\t1\t2\tMicrosoft\t(none)\t0\tx86_64\t1\tfilesystem-1.1-20.azl3.src.rpm\n",
    ])
}

pub(crate) fn pacman() -> Seeds {
    texts(&[
        "%NAME%\na\n\n%VERSION%\n1:2-3\n\n%BASE%\nb\n\n%LICENSE%\nMIT\n",
        "%FILES%\nusr/\nusr/bin/a\n\n%BACKUP%\nx\n",
    ])
}

pub(crate) fn portage() -> Seeds {
    texts(&["dir /usr\nobj /usr/bin/a b 1234 5678\nsym /a -> b 1\n"])
}

pub(crate) fn yaml() -> Seeds {
    texts(&[
        "name: core22\nversion: '1'\napps:\n  x:\n    version: 2\n",
        "Gem::Specification.new do |s|\n  s.name = \"a\".freeze\n  s.version = \"1\"\n  s.licenses = [\"MIT\".freeze]\nend\n",
        "package = \"a\"\nversion = \"1-1\"\ndescription = {\n  license = \"MIT\"\n}\n",
        "name = \"A\"\nuuid = \"x\"\nversion = \"1\"\n[deps]\n",
        "[full_requires]\n    zlib/1.2.11:x\n[settings]\n",
        "a:2:{s:4:\"name\";s:1:\"a\";s:7:\"version\";a:1:{s:7:\"release\";s:1:\"1\";}}",
    ])
}

pub(crate) fn xml() -> Seeds {
    texts(&[
        "<component><id>a</id><releases><release date=\"x\" version=\"1\"/><release version='2'></releases>",
    ])
}

pub(crate) fn chisel() -> Seeds {
    json().iter().map(|json| zstd::encode_all(&json[..], 1).unwrap_or_default()).collect()
}

pub(crate) fn json() -> Seeds {
    texts(&[
        r#"{"name":"a","version":"1","private":false,"license":"MIT","dist":"a-1"}"#,
        "{\"jsonwall\":\"1.0\"}\n{\"kind\":\"package\",\"name\":\"a\",\"version\":\"1\",\"arch\":\"amd64\"}\n{\"kind\":\"content\",\"slice\":\"a_b\",\"path\":\"/usr/bin/x\"}\n",
        r#"{"Content":[{"Name":"a","Version":"1","Release":"2","Epoch":"3","Architecture":"x"}]}"#,
        r#"{"installedPackages":[{"category":"a","name":"b","version":"1","revision":"2"}]}"#,
        r#"{"content_sets":["a"],"cpe":"cpe:/a:b","services":[{"name":"esm-infra","status":"enabled"}],"com.redhat.component":"x"}"#,
        r#"{"packages":[{"name":"a/b","version":"v1","license":["MIT"]}],"dev":true,"dev-package-names":[]}"#,
        r#"{"runtimeTarget":{"name":"x"},"targets":{"x":{"a/1":{"runtime":{"a.dll":{}}}}},"libraries":{"a/1":{"type":"package"}}}"#,
        r#"{"object":{"dependencies":[{"packageRef":{"identity":"a","location":"https://x/a.git"},"state":{"checkoutState":{"version":"1"}}}]},"version":6}"#,
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0},"layers":[],"annotations":{}}"#,
        r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{},"history":[]}"#,
    ])
}

pub(crate) fn headers() -> Seeds {
    texts(&[
        "Metadata-Version: 2.1\nName: a\nVersion: 1\nLicense: MIT\n\nName: b\n",
        "Package: a\nVersion: 1\nBuilt: R 4.1\nLicense: GPL\nRepository: CRAN\n",
        "<?php\n/*\n * Plugin Name: A\n * Version: 1\n */\n",
    ])
}

/// An archive of zip with one stored file.
fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let (length, name_length) = ((content.len() as u32).to_le_bytes(), (name.len() as u16).to_le_bytes());
    let sizes = [&[0; 4][..], &length, &length, &name_length, &[0; 2]].concat();
    let local =
        [b"PK\x03\x04", &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, name.as_bytes(), content].concat();
    let central =
        [b"PK\x01\x02", &[20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, &[0; 14], name.as_bytes()]
            .concat();
    let (size, at) = ((central.len() as u32).to_le_bytes(), (local.len() as u32).to_le_bytes());
    let end = [b"PK\x05\x06", &[0, 0, 0, 0, 1, 0, 1, 0][..], &size, &at, &[0; 2]].concat();
    [local, central, end].concat()
}

pub(crate) fn zips() -> Seeds {
    let properties = zip("META-INF/maven/g/a/pom.properties", b"groupId=g\nartifactId=a\nversion=1\n");
    let manifest = zip(
        "META-INF/MANIFEST.MF",
        b"Manifest-Version: 1.0\nImplementation-Title: a\nImplementation-Version: 1\n",
    );
    let egg = zip("EGG-INFO/PKG-INFO", b"Name: a\nVersion: 1\n");
    vec![zip("BOOT-INF/lib/b.jar", &properties), properties, manifest, egg]
}

pub(crate) fn programs() -> Seeds {
    let mut elf = [&b"\x7fELF\x02\x01\x01"[..], &[0; 57]].concat();
    elf[32] = 64;
    elf[54] = 56;
    elf[56] = 1;
    elf.extend([1_u32, 6].iter().flat_map(|n| n.to_le_bytes()));
    elf.extend([0_u64, 0, 0, 8192, 8192, 1].iter().flat_map(|n| n.to_le_bytes()));
    elf.resize(4096, 0);
    let modules = "path\tx\nmod\tx\tv1\t\ndep\ty\tv2\th1:\n=>\tz\tv3\t\n";
    let modules = format!("{:16}{modules}{:15}\n", "", "");
    let version = "go1.22.3";
    let strings =
        [&[version.len() as u8][..], version.as_bytes(), &[modules.len() as u8], modules.as_bytes()].concat();
    elf.extend([b"\xff Go buildinf:\x08\x02", &[0; 16][..], &strings].concat());
    elf.resize(8192, 0);
    let mut windows = elf.clone();
    windows[..4].copy_from_slice(b"MZ\0\0");
    windows[60] = 64;
    windows[64..68].copy_from_slice(b"PE\0\0");
    let mut mac = elf.clone();
    mac[..4].copy_from_slice(b"\xcf\xfa\xed\xfe");
    vec![elf, windows, mac]
}

/// A program with the texts that tell one, and an archive of PHP's.
pub(crate) fn told_by_content() -> Seeds {
    let mut file = programs().swap_remove(0);
    for text in [
        &b"\0nginx version: nginx/1.25.3\0"[..],
        b"\0valkey9.1.22036e910ab2c-179260013845336800000000\0",
        b"\x007.0.151790282056000000000\0",
        b"\x001.36.4\0 something envoy_reloadable_features",
        b"\0GC\"\x003.6.0-216.1.beta (beta) (Tue",
        b"\0\0v3.16.3\0\0",
    ] {
        file.extend(text);
    }
    let script =
        b"#!/usr/bin/env php\n<?php\nconst VERSION = '2.5.3';\npublic const BRANCH_ALIAS_VERSION = '';\n";
    vec![file, script.to_vec()]
}

/// A library of .NET: the headers that lead to its resources, three directories of them, and a version.
pub(crate) fn libraries() -> Seeds {
    let mut file = vec![0; 512];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(60, &64_u32.to_le_bytes());
    put(64, b"PE\0\0\x4c\x01\x01\0");
    put(84, &224_u16.to_le_bytes());
    put(88, &0x10b_u16.to_le_bytes());
    put(88 + 92, &16_u32.to_le_bytes());
    put(88 + 96 + 16, &0x2000_u32.to_le_bytes());
    put(88 + 96 + 112, &0x1000_u32.to_le_bytes());
    put(312 + 12, &[0x2000_u32, 4096, 512].map(u32::to_le_bytes).concat());
    for (id, at) in [(16, 1 << 31 | 24), (1, 1 << 31 | 48), (0, 72_u32)] {
        file.extend([0, 0, 0, 1 << 16, id, at].map(u32::to_le_bytes).concat());
    }
    let text = |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let block = |key: &str, value: &[u8], inner: &[u8]| {
        let mut bytes = [&[0; 6][..], &text(key)].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend([value, inner].concat());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let length = bytes.len() as u16;
        bytes[..2].copy_from_slice(&length.to_le_bytes());
        bytes[2..4].copy_from_slice(&(value.len() as u16 / 2).to_le_bytes());
        bytes[4] = 1;
        bytes
    };
    let texts = [("OriginalFilename", "A.dll"), ("ProductVersion", "1.2.3+a")]
        .map(|(k, v)| block(k, &text(v), b""))
        .concat();
    let info = block("VS_VERSION_INFO", b"", &block("StringFileInfo", b"", &block("000004b0", b"", &texts)));
    file.extend([0x2000 + 88, info.len() as u32, 0, 0].map(u32::to_le_bytes).concat());
    file.extend(info);
    file.resize(6144, 0);
    [programs(), vec![file]].concat()
}

/// A shared library with the texts of an extension of PHP.
pub(crate) fn extensions() -> Seeds {
    let mut all = programs();
    all[0].extend_from_slice(b"\0redis\x005.3.7\0API20220829,NTS\x008.2.29\0");
    all
}

pub(crate) fn erlang() -> Seeds {
    texts(&[
        "{application, a,\n [{description, \"x \\\" y\"},\n  {vsn, \"1.2\"}, % z\n  {modules, [a,'B c']}]}.\n",
    ])
}

pub(crate) fn purls() -> Seeds {
    texts(&[
        "pkg:npm/%40s/n@1?a=b&c=%2F#x/y",
        "pkg:deb/debian/a@1:2-3?arch=x&distro=debian-12",
        "pkg:golang/a.b/c@v1",
    ])
}

pub(crate) fn references() -> Seeds {
    texts(&[
        "registry.example:5000/a/b:tag@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "a/b",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/a/providers/B.C/registries/d",
    ])
}

pub(crate) fn versions() -> Seeds {
    texts(&[
        "1:2.3-4+b1\n1:2.3-4~rc1\n0",
        "1.2.3-r0\n1.2.3_alpha1\n1.2a",
        "1.0.0-rc.1+x\nv1.2.4-0.20230101000000-abcdef\n2",
        "1!1.0.post1.dev2+cu118\n1.0a1\nv1.0",
        "4:5.26.3-416.el8\n1^git1\n1~~",
        "1.0-SNAPSHOT\n1-alpha-1\n1.ga",
        "2024a\njdk-17.0.9+9\n1.8.0_392",
    ])
}

pub(crate) fn advisories() -> Seeds {
    texts(&[
        r#"{"id":"CVE-1","modified":"2024-01-01T00:00:00Z","aliases":["GHSA-1"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":{"ecosystem":"Debian:11","name":"a"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1"}]}],"versions":["0.9"]}]}"#,
        r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"a","timestamp":"2024-01-01T00:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-1"},"products":[{"@id":"pkg:npm/a@1"}],"status":"not_affected","justification":"component_not_present"}]}"#,
        r#"{"bomFormat":"CycloneDX","specVersion":"1.5","vulnerabilities":[{"id":"CVE-1","analysis":{"state":"not_affected"},"affects":[{"ref":"pkg:npm/a@1"}]}]}"#,
        r#"{"document":{"category":"csaf_vex","title":"x"},"product_tree":{"branches":[]},"vulnerabilities":[{"cve":"CVE-1","product_status":{"fixed":["a"]}}]}"#,
        r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"00"}}],"predicateType":"https://openvex.dev/ns/v0.2.0","predicate":{"@context":"https://openvex.dev/ns","statements":[{"vulnerability":"CVE-1","products":["pkg:npm/a"],"status":"fixed"}]}}"#,
        r#"{"dsseEnvelope":{"payloadType":"application/vnd.in-toto+json","payload":"eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ=="}}"#,
    ])
}

/// The first byte is the publisher's number.
pub(crate) fn feeds() -> Seeds {
    let json: &[u8] = br#"{"a":{"CVE-2024-1":{"releases":{"bookworm":{"status":"resolved","fixed_version":"1","urgency":"low"}}}}}"#;
    let secdb: &[u8] = br#"{"distroversion":"v3.18","reponame":"main","packages":[{"pkg":{"name":"a","secfixes":{"1-r0":["CVE-2024-1"]}}}]}"#;
    let oval: &[u8] = b"<oval_definitions><definitions><definition class=\"vulnerability\" id=\"a\"><metadata><title>CVE-2024-1</title></metadata><criteria><criterion test_ref=\"t\"/></criteria></definition></definitions></oval_definitions>";
    let updates: &[u8] = b"<updates><update type=\"security\"><id>A-1</id><severity>low</severity><references><reference id=\"CVE-2024-1\" type=\"cve\"/></references><pkglist><collection><package name=\"a\" version=\"1\" release=\"2\" epoch=\"0\" arch=\"x86_64\"/></collection></pkglist></update></updates>";
    let photon: &[u8] =
        br#"[{"cve_id":"CVE-2024-1","pkg":"a","cve_score":9.8,"aff_ver":"all","res_ver":"1-1.ph4"}]"#;
    let nvd: &[u8] = br#"{"vulnerabilities":[{"cve":{"id":"CVE-2024-1","descriptions":[],"metrics":{}}}]}"#;
    let archive = archive(&[
        (b"CVE-2024-1.json", json),
        (b"CVE-2024-1", b"Candidate: CVE-2024-1\njammy_a: released (1)\n"),
    ]);
    [json, &archive, secdb, secdb, secdb, oval, &archive, &archive, updates, updates, photon, nvd]
        .iter()
        .enumerate()
        .map(|(number, content)| [&[number as u8][..], content].concat())
        .collect()
}

pub(crate) fn queries() -> Seeds {
    texts(&[
        "resources | where id contains 'a' and count > 1 | summarize n = count() by bin(at, 1d) | order by n desc | take 5",
        "resources | extend x = tostring(properties.a[0].b) | project x, id | join kind=leftouter (resources) on id",
        "let a = 1; resources | where at > ago(1d) | mv-expand properties | parse id with 'x' y | distinct y",
    ])
}
