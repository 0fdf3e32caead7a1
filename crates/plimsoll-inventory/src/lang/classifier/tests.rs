//! Programs of this machine, which tell their versions when asked, and the texts that others hold.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::lang::elf::tests::program;
use crate::tests::{Archive, packages};

fn of(path: &str, data: &[u8]) -> String {
    let layer = Archive::default().file(path, program(data, b"")).read();
    assert_eq!(layer.problems, []);
    packages(&layer).first().map(|line| line.split_once(' ').unwrap().1.to_owned()).unwrap_or_default()
}

#[test]
fn texts_that_belong_to_a_program_tell_its_version() {
    for (path, data, expected) in [
        ("usr/local/bin/python3.11", &b"\x001.2.3\x003.11.4\0"[..], "python 3.11.4"),
        ("usr/local/lib/libpython3.12.so.1.0", b"\x003.12.0rc1\0", "python 3.12.0rc1"),
        ("usr/local/bin/python3.11", b"\x003.10.4\0", ""),
        ("usr/local/bin/node", b"\0node.js/v18.12.1\0", "node 18.12.1"),
        ("usr/local/bin/node", b"\0node v0.10.48\0", "node 0.10.48"),
        ("usr/local/bin/ruby", b"\0ruby 3.2.2 (2023-03-30 revision e51014f9c0)", "ruby 3.2.2"),
        ("usr/local/bin/ruby", b"\0ruby 2.7.7p221 (2022-11-24", "ruby 2.7.7"),
        ("usr/local/sbin/php-fpm", b"X-Powered-By: PHP/8.1.0RC3\0", "php 8.1.0RC3"),
        ("usr/local/bin/perl", b"/usr/local/lib/perl5/5.36.0/x86_64-linux-gnu", "perl 5.36.0"),
        ("opt/java/bin/java", b"openjdk\0java\x000.0\x0011.0.17+8-LTS\0", "java 11.0.17"),
        ("opt/java/bin/java", b"openjdk\0java\x001.8\x001.8.0_352-b08\0", "java 1.8.352"),
        ("opt/java/bin/java", b"\x000.0\0\0\0\x0011.0.22+7\0\0\0openjdk\0java\0", "java 11.0.22"),
        ("usr/sbin/nginx", b"\0nginx version: nginx/1.25.3\0", "nginx 1.25.3"),
        ("usr/local/openresty/nginx/sbin/nginx", b"nginx version: openresty/1.21.4.1\0", "nginx 1.21.4"),
        ("usr/local/apache2/bin/httpd", b"\0Apache/2.4.57 (Unix)\0", "apache 2.4.57"),
        (
            "usr/local/sbin/haproxy",
            b"HAProxy version follows \0 version 2.8.3-86e043a, released 2023/09/07\0",
            "haproxy 2.8.3",
        ),
        ("usr/local/bin/redis-server", b"x\x007.0.14buildkitsandbox-1702957741000000000\0", "redis 7.0.14"),
        ("usr/local/bin/redis-server", b"\x004.0.11841ce7054bd9-1542359302000000000\0", "redis 4.0.11"),
        ("usr/bin/redis-check-rdb", b"A7.0.151790282056000000000\0", "redis 7.0.15"),
        ("usr/local/bin/valkey-server", b"\x008.0.1runner.example-1702957741000000000\0", "valkey 8.0.1"),
        ("usr/local/bin/postgres", b"\0PostgreSQL 15.4 on x86_64\0", "postgresql 15.4"),
        ("usr/local/bin/postgres", b"\0PostgreSQL 16beta2\0", "postgresql 16beta2"),
        ("usr/sbin/mariadbd", b"\x0010.6.15-MariaDB-log\0", "mariadb 10.6.15"),
        ("usr/sbin/mysqld", b"/mysql-8.0.37/sql/mysqld.cc\0", "mysql 8.0.37"),
        ("usr/bin/mysql", b"shutdown\x008.0.37\0\0\0\0\0mysql_real_escape\0", "mysql 8.0.37"),
        ("usr/bin/mongod", b"ver\x006.0.27\0tcmalloc", "mongodb 6.0.27"),
        // Texts that are in the real programs, as the rules that others published for them tell.
        ("usr/bin/mongod", b"\x007.0.28\0\0\0heap_size\0", "mongodb 7.0.28"),
        ("usr/bin/mongod", b"\x008.0.17\0cppdefines\0", "mongodb 8.0.17"),
        ("usr/sbin/mysqld", b"/build/mysql-cluster-gpl-8.0.36/sql/x.cc\0", "mysql 8.0.36"),
        ("usr/sbin/mysqld", b"\0cluster-gpl\x005.7.33-ndb-7.5.21\0", "mysql 5.7.33"),
        ("usr/sbin/mysqld", b"/rpmbuild/percona-server-8.0.37-29/sql/x.cc\0", "mysql 8.0.37"),
        ("usr/bin/mysql", b"/rpmbuild/Percona-XtraDB-Cluster-8.0.36-28/x.cc\0", "mysql 8.0.36"),
        ("usr/bin/mariadb", b"/mariadb-11.8.5-2-redhat-x86_64/rhel-8/bin\0", "mariadb 11.8.5"),
        ("usr/local/bin/envoy", b"\x00127.0.0.1\x001.34.5\x00 envoy.reloadable_features", "envoy 1.34.5"),
        ("usr/local/bin/envoy", b"envoy_quic_x\x000.0.0.0\0y\x001.28.7\0", "envoy 1.28.7"),
        ("usr/local/bin/envoy", b"\x001.22.11-dev\0x\0ValidationError\0", "envoy 1.22.11-dev"),
        ("usr/local/bin/envoy", b"[source/common\x001.11.0\0/\0", "envoy 1.11.0"),
        ("usr/local/bin/envoy", b"\x001.6.0\0 x RELEASE\0", "envoy 1.6.0"),
        ("usr/local/bin/envoy", b"\x00127.0.0.1\0ValidationError\x002.0.0\0", ""),
        ("usr/local/bin/consul", b"CONSUL_VERSION: 1.12.9\n", "github.com/hashicorp/consul v1.12.9"),
        ("usr/local/bin/consul", b"\0\0v1.7.14\0\0", "github.com/hashicorp/consul v1.7.14"),
        ("usr/local/bin/vault", b"renewrevoke1.18.0secret", "github.com/hashicorp/vault v1.18.0"),
        ("usr/local/bin/vault", b"index_state1.20.0-rc1x", "github.com/hashicorp/vault v1.20.0-rc1"),
        ("usr/local/bin/vault", b"0x%016x1.14.10x", "github.com/hashicorp/vault v1.14.10"),
        ("usr/local/bin/vault", b"\0\x001.11.6\0\0", "github.com/hashicorp/vault v1.11.6"),
        ("usr/local/bin/vault", b"\0\x001.11.6x\0state2.0.0", ""),
        ("usr/local/bin/memcached", b"\0memcached 1.6.21\0", "memcached 1.6.21"),
        ("usr/local/bin/envoy", b"\x001.36.4\0 something envoy_reloadable_features", "envoy 1.36.4"),
        ("opt/erlang/erts-13.2/bin/beam.smp", b"/usr/src/otp_src_25.3.2.6/erts/emulator", "erlang 25.3.2.6"),
        ("usr/local/bin/git", b"\0git/2.40.1\0", "git 2.40.1"),
        ("usr/local/bin/consul", b"GitDescribe=v1.12.9\"", "github.com/hashicorp/consul v1.12.9"),
        ("bin/busybox", b"\0BusyBox v1.36.1 (2023-05-18)\0", "busybox 1.36.1"),
        ("bin/bash", b"@(#)Bash version 5.2.15(1) release GNU\0", "bash 5.2.15"),
        ("usr/local/lib/libcrypto.so.1.1", b"\0OpenSSL 1.1.1w  11 Sep 2023\0", "openssl 1.1.1w"),
        ("usr/local/bin/openssl", b"\0OpenSSL 3.1.4 24 Oct 2023\0", "openssl 3.1.4"),
        ("usr/local/bin/curl", b"\0curl/8.5.0\0", "curl 8.5.0"),
        ("usr/local/lib/libz.so.1.2.13", b" deflate 1.2.13 Copyright 1995-2022", "zlib 1.2.13"),
        ("usr/local/bin/nothing", b"\0nginx version: nginx/1.25.3\0", ""),
        ("usr/sbin/nginx", b"\0nginx version: nginx/x\0", ""),
    ] {
        let shown = String::from_utf8_lossy(data).into_owned();
        assert_eq!(of(path, data), expected, "{path}: {shown}");
    }
}

#[test]
fn a_finding_says_what_it_rests_on() {
    let layer =
        Archive::default().file("usr/sbin/nginx", program(b"\0nginx version: nginx/1.25.3\0", b"")).read();
    let found = &layer.files[0].content.found()[0];
    assert_eq!(found.details.evidence.as_deref(), Some("content: nginx version: nginx/1.25.3"));
    assert_eq!(
        (found.details.confidence, found.package.package_type),
        (Confidence::Medium, PackageType::Bitnami)
    );
    // Not what is no program: a manual that speaks of it.
    let text = Archive::default().file("usr/sbin/nginx", b"nginx version: nginx/1.25.3".repeat(1000)).read();
    assert_eq!(text.files, []);
}

#[test]
fn a_text_is_found_wherever_pieces_end() {
    let text = b"\0nginx version: nginx/1.25.3\0";
    let start = |file: &[u8]| {
        let limits = Default::default();
        let start =
            Start { path: "sbin/nginx", size: file.len() as u64, bytes: &file[..100], limits: &limits };
        sniff(&start).unwrap()
    };
    for at in (WINDOW - REACH - 40..WINDOW - REACH + 40).chain(WINDOW - 40..WINDOW + 40).step_by(3) {
        let file = [&vec![b'x'; at][..], text, &vec![b'x'; WINDOW]].concat();
        for size in [4096, WINDOW, usize::MAX] {
            let mut reader = start(&file);
            for piece in file.chunks(size) {
                if reader.read(piece) == Want::Nothing {
                    break;
                }
                assert!(reader.held() < 2 * WINDOW.max(size.min(file.len())));
            }
            assert_eq!(
                reader.finish(true).unwrap().unwrap().found()[0].package.version,
                "1.25.3",
                "{at} {size}"
            );
        }
    }
    // A version that the end of the file cuts off.
    assert_eq!(of("sbin/nginx", b"nginx version: nginx/1."), "");
}

/// What the programs of this machine say when they are asked is what is read out of them.
#[test]
fn programs_of_this_machine_are_told_as_they_tell_themselves() {
    let programs: [(&str, &[&str], &str); 10] = [
        ("bash", &["--version"], "bash"),
        ("git", &["--version"], "git"),
        ("perl", &["-e", "printf '%vd', $^V"], "perl"),
        ("openssl", &["version"], "openssl"),
        ("curl", &["--version"], "curl"),
        ("node", &["--version"], "node"),
        ("ruby", &["--version"], "ruby"),
        ("java", &["-version"], "java"),
        ("xz", &["--version"], "xz"),
        ("php", &["--version"], "php"),
    ];
    let mut asked = 0;
    for (program, arguments, name) in programs {
        let Ok(output) = Command::new(program).args(arguments).output() else { continue };
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told).into_owned();
        let Some(path) = find(program) else { continue };
        let bytes = std::fs::read(&path).unwrap();
        let libraries: Vec<_> = match name {
            // Little more than a call into a library.
            "ruby" => libraries(&path, "libruby"),
            "node" => libraries(&path, "libnode"),
            _ => vec![],
        };
        let mut archive = Archive::default().file(&format!("bin/{program}"), &bytes);
        for (name, library) in &libraries {
            archive = archive.file(&format!("lib/{name}"), library);
        }
        let layer = archive.read();
        let found = packages(&layer);
        let found = found
            .iter()
            .find_map(|line| line.split_once(' ').unwrap().1.strip_prefix(name)?.strip_prefix(' '));
        let Some(version) = found else { panic!("{program} is not told: {told}") };
        assert!(told.contains(version), "{program}: {version} is not in {told}");
        asked += 1;
    }
    assert!(asked >= 2, "not even bash and git are here");
}

fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    let candidates = std::env::split_paths(&path).map(|folder| folder.join(program));
    candidates.filter_map(|path| path.canonicalize().ok()).find(|path| {
        std::fs::File::open(path).is_ok_and(|mut file| {
            let mut magic = [0; 4];
            std::io::Read::read_exact(&mut file, &mut magic).is_ok() && magic == *b"\x7fELF"
        })
    })
}

fn libraries(program: &Path, start: &str) -> Vec<(String, Vec<u8>)> {
    let Ok(output) = Command::new("ldd").arg(program).output() else { return vec![] };
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths = listing.lines().filter_map(|line| line.split("=> ").nth(1)?.split(' ').next());
    let named = paths.filter_map(|path| {
        let path = Path::new(path).canonicalize().ok()?;
        let name = path.file_name()?.to_string_lossy().into_owned();
        name.starts_with(start).then(|| (name, std::fs::read(path).unwrap()))
    });
    named.collect()
}

/// The image whose packages nobody records.
#[test]
fn the_busybox_of_the_official_image_is_found() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/images/busybox-musl-amd64.tar.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        return eprintln!("skipped: {} is not there", path.display());
    };
    let layer = crate::read_layer(file, &Default::default());
    assert_eq!(layer.problems, []);
    let image = plimsoll_types::ImageInventory::merge(&[(None, &layer)]);
    let [busybox] = &image.packages[..] else { panic!("{:?}", image.packages) };
    assert_eq!(
        (busybox.package.name.as_str(), busybox.package.package_type),
        ("busybox", PackageType::Generic)
    );
    assert!(busybox.package.version.starts_with("1."), "{}", busybox.package.version);
}
