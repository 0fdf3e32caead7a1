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
        ("usr/lib/libpypy3.9-c.so", b"3.9.16 (7.3.11, Dec 30 2024)\n[PyPy 7.3.11 with GCC]", "pypy 7.3.11"),
        ("usr/lib/julia/libjulia-internal.so.1.9", b"\0__init__\x001.9.3\0verify_x\0", "julia 1.9.3"),
        ("usr/lib/libjulia.so.1.5", b"option `%s`\x001.5.3\0julia version %s\n\0", "julia 1.5.3"),
        ("usr/bin/getopt", b"%s from %s\n\0util-linux 2.38.1\0\nUsage", "util-linux 2.38.1"),
        ("usr/bin/getopt", b"\0util-linux 2.41\0", "util-linux 2.41"),
        ("usr/bin/arangosh", b"\x003.11.8 enterprise [linux]\0", "arangodb 3.11.8"),
        ("usr/sbin/arangod", b"x\x003.12.0-2 [linux] 64bit\0", "arangodb 3.12.0-2"),
        (
            "usr/bin/xtrabackup",
            b"/rpmbuild/BUILD/percona-xtrabackup-8.0.35-30/storage/x.cc\0",
            "percona-xtrabackup 8.0.35",
        ),
        (
            "usr/lib/libstd-6ec92c5f0d0d3ab7.so",
            b"\0clang LLVM (rustc version 1.67.1 (d5a82bbd2 2023-02-07))\0",
            "rust 1.67.1",
        ),
        ("usr/lib/libstd-a5a48102fbd58791.so", b"CAPACITY/usr/src/rustc-1.63.0/library/alloc", "rust 1.63.0"),
        // The path of a library that was built by the same tool.
        ("usr/lib/libother.so", b"CAPACITY/usr/src/rustc-1.63.0/library/alloc", ""),
        ("usr/bin/swipl", b"/tmp/src/swipl-9.1.17/src/pl-init.c\0", "swipl 9.1.17"),
        ("usr/lib/dart/bin/dart", b"\"%s\"\x003.0.0 (stable) (Thu May 4)", "dart 3.0.0"),
        ("usr/lib/dart/bin/dart", b"GC\"\x003.6.0-216.1.beta (beta) (Tue", "dart 3.6.0-216.1.beta"),
        ("usr/bin/deno", b"denover2.9.62.9.6+e518fbdDeno/2.9.6Deno/2.9.6+e518", "deno 2.9.6"),
        ("opt/ghc/lib/bin/ghc-9.6.5", b"\0GHC 9.6.5\0", "ghc 9.6.5"),
        ("opt/ghc/lib/bin/ghc", b"\0libHSghc-8.10.4-ghc8.10.4.so\0", "ghc 8.10.4"),
        ("usr/bin/cabal", b"\0Cabal-3.10.3.0-inplace:Distribution\0", "cabal 3.10.3.0"),
        ("usr/bin/cabal", b"\0Cabal-3.8.1.0-x\0 /x/cabal-install-3.8.2.0-y\0", "cabal 3.8.2.0"),
        ("usr/bin/stack", b"\0Version 2.9.1, Git revision 13c9c8772\0", "stack 2.9.1"),
        ("usr/bin/stack", b"\0stack-2.7.5-4MwjQGzRWvOY6u029GEVc:Data.Attoparsec\0", "stack 2.7.5"),
        ("usr/local/bin/gcc", b"\x0012.3.0\0(GCC) \0(C)\0 GCC: (GNU) 11.4.0\0", "gcc 12.3.0"),
        ("usr/bin/x86_64-linux-gnu-gcc-10", b"\x0010.2.1 20210110\0(Debian 10.2.1-6) \0", "gcc 10.2.1"),
        ("usr/local/bin/gcc", b"GCC: (GNU) 12.3.0\0", "gcc 12.3.0"),
        // What it was compiled with, like everything else.
        ("usr/local/bin/tool", b"GCC: (GNU) 12.3.0\0", ""),
        ("fluent-bit/bin/fluent-bit", b"\x003.0.2\0%sFluent Bit v%s\0", "fluent-bit 3.0.2"),
        ("fluent-bit/bin/fluent-bit", b"\x002.2.1\0\0\0Fluent Bit v%s", "fluent-bit 2.2.1"),
        ("fluent-bit/bin/fluent-bit", b"\x001.7.0\0\x1b[1m\0%sFluent Bit", "fluent-bit 1.7.0"),
        ("fluent-bit/bin/fluent-bit", b"\0\x001.3.10\0\0Fluent Bit v%s\n", "fluent-bit 1.3.10"),
        ("usr/sbin/proftpd", b"\0ProFTPD Version 1.3.8c\0", "proftpd 1.3.8c"),
        ("usr/sbin/proftpd", b"\0ProFTPD Version 1.3.9rc2\0", "proftpd 1.3.9rc2"),
        ("usr/bin/zstd", b"\0Enabled\0v1.5.4\0Zstandard CLI\0", "zstd 1.5.4"),
        ("bin/gzip", b"%s: file size changed while zipping\n\x001.12\0", "gzip 1.12"),
        ("bin/gzip", b"end of file\0%5.1f%%\x001.13\0(NULL)", "gzip 1.13"),
        // Another's number.
        ("bin/gzip", b"\x002.6\0pigz %s\n\0", ""),
        ("usr/bin/jq", b"failed: %s\n\x001.6\0DEBUG:\0\n\0jq: error (at %s): %s\n\0", "jq 1.6"),
        ("usr/bin/jq", b"\0help\x001.8.2\0version\0jq-%s\n\0", "jq 1.8.2"),
        ("usr/bin/jq", b"\x001.6\0something else\0", ""),
        ("usr/bin/sqlcipher", b"function: %#T\0community\x004.6.1\0a CHECK", "sqlcipher 4.6.1"),
        ("usr/lib/libsqlcipher.so.0.8.6", b"\0fast_kdf_iter\x003.4.1\0cipher", "sqlcipher 3.4.1"),
        ("opt/google/chrome/chrome", b"\x00127.0.6533.119\0Default\0", "chromium 127.0.6533.119"),
        ("usr/lib/chromium/chromium", b"timer\x00156.0.8078.79\0chrome\0 {", "chromium 156.0.8078.79"),
        ("usr/bin/ffmpeg", b"specified.\n\0%s version 5.1.9-0+deb12u1\0%sbuilt", "ffmpeg 5.1.9"),
        ("usr/lib/libavutil.so.57.28.100", b"\0FFmpeg version n6.0\0Authentic", "ffmpeg 6.0"),
        ("usr/bin/ffmpeg", b"\0%s version N-47683-g0e8eb07980-static https://example/\0", ""),
        ("usr/sbin/slapd", b"@(#) $OpenLDAP: slapd 2.5.13+dfsg-5 (Feb  8", "openldap 2.5.13"),
        ("usr/bin/lua5.4", b"$LuaVersion: Lua 5.4.4  Copyright (C) 1994-2022", "lua 5.4.4"),
        ("usr/sbin/pgbouncer", b"\0PgBouncer 1.18.0\0", "pgbouncer 1.18.0"),
        ("usr/sbin/varnishd", b"\0varnish-7.1.1 revision 7cee1c58\0", "varnish 7.1.1"),
        ("usr/local/bin/helm", b"\0\0v3.16.3\0\0", "helm.sh/helm/v3 v3.16.3"),
        ("usr/local/bin/helm", b"\0v2.16.10\0", "k8s.io/helm v2.16.10"),
        ("usr/local/bin/traefik", b"\xef3.7.15\0\0$a", "github.com/traefik/traefik/v3 v3.7.15"),
        ("usr/local/bin/traefik", b"\0v1.7.34\0", "github.com/containous/traefik v1.7.34"),
        ("usr/local/bin/traefik", b"\0prefix3.7.15\0", ""),
        // Oracle's; IBM's has the date of a build in place of a version.
        ("opt/jdk/bin/java", b"\0java\x001.8\x001.8.0_451-b10\0", "java 1.8.451"),
        ("opt/jdk/bin/java", b"\0java\x001.8\0\0\0\x001.8.0-foreman_2022_01_20_09_33-b00\0", ""),
        ("opt/graal/bin/java", b"\0openjdk\0java\x000.0\x0017.0.7+8-jvmci-23.0-b12\0", "java 17.0.7"),
        // Built in a checkout, where lines were changed; and under the name that it had.
        (
            "usr/local/bin/valkey-server",
            b"\0valkey9.1.22036e910ab2c-179260013845336800000000\0",
            "valkey 9.1.2",
        ),
        ("usr/local/bin/valkey-server", b"\x007.2.5buildkitsandbox-1702957741000000000\0", "valkey 7.2.5"),
        ("usr/local/bin/redis-server", b"\0valkey8.1.11774773269000000000\0", "valkey 8.1.1"),
        ("usr/local/bin/redis-server", b"\x007.2.4runner-170295774104f5f3e0b\0", "redis 7.2.4"),
        ("usr/local/bin/redis-server", b"\x007.2.117029577410000000001\0", ""),
        ("usr/local/bin/nothing", b"\0nginx version: nginx/1.25.3\0", ""),
        ("usr/sbin/nginx", b"\0nginx version: nginx/x\0", ""),
    ] {
        let shown = String::from_utf8_lossy(data).into_owned();
        assert_eq!(of(path, data), expected, "{path}: {shown}");
    }
}

/// An archive of PHP's that is a program.
#[test]
fn archives_of_php_tell_their_version() {
    let composer = "class Composer extends PartialComposer\n{\n\n\n\npublic const VERSION = '2.5.3';\npublic const BRANCH_ALIAS_VERSION = '';\n";
    let old = "class Composer\n{\n    const VERSION = '1.10.26';\n    const BRANCH_ALIAS_VERSION = '';\n";
    let comment = " * const VERSION = '1.8.2';\n * const BRANCH_ALIAS_VERSION = '';\n";
    let other =
        "class Application\n{\n    const VERSION = '3.1.4';\n    const BRANCH_ALIAS_VERSION = '3.1-dev';\n";
    for (path, first, text, expected) in [
        ("usr/local/bin/composer", "#!/usr/bin/env php", composer, "composer 2.5.3"),
        ("composer.phar", "#!/usr/bin/env php", old, "composer 1.10.26"),
        ("usr/local/bin/composer", "#!/usr/bin/env php", comment, ""),
        ("usr/local/bin/composer", "#!/usr/bin/env php", other, ""),
        ("usr/local/bin/composer", "#!/usr/bin/env python3", composer, ""),
        ("usr/local/bin/box.phar", "#!/usr/bin/env php", composer, ""),
        ("usr/local/bin/wp", "#!/usr/bin/env php", "\"wp-cli/wp-cli 2.9.0\"", "wp-cli 2.9.0"),
        ("usr/local/bin/wp", "#!/usr/bin/env php", "\"wp-cli/wp-cli-bundle\"", ""),
    ] {
        let script = format!("{first}\n<?php\nPhar::mapPhar('it.phar');\n{text}\n?>\n");
        let layer = Archive::default().file(path, script).read();
        let found = packages(&layer).first().map(|line| line.split_once(' ').unwrap().1.to_owned());
        assert_eq!(found.unwrap_or_default(), expected, "{path}: {text}");
    }
}

/// What the linker writes into a variable, in a program that says nothing else of its version; and a program whose version is
/// known is not guessed at.
#[test]
fn a_version_that_the_linker_wrote_is_found() {
    if Command::new("go").arg("version").output().is_err() {
        return eprintln!("skipped: go is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("go.mod"), "module helm.sh/helm/v3\n\ngo 1.19\n").unwrap();
    let source = "package main\n\nvar version = \"v0.0\"\n\nfunc main() { println(version, \"v3.1.1\") }\n";
    std::fs::write(folder.join("main.go"), source).unwrap();
    let build = |flags: &[&str]| {
        let mut go = Command::new("go");
        go.current_dir(folder).env("CGO_ENABLED", "0").env("GOFLAGS", "").env("GOWORK", "off");
        go.env("GOTOOLCHAIN", "local").env("GOPROXY", "off");
        let status = go.args(["build", "-o", "program"]).args(flags).arg(".").status().unwrap();
        assert!(status.success());
        std::fs::read(folder.join("program")).unwrap()
    };
    let flags = "-ldflags=-s -w -X main.version=v3.16.3";
    // With -trimpath Go writes down no flags.
    for program in [build(&["-trimpath", flags]), build(&[flags])] {
        let layer = Archive::default().file("usr/local/bin/helm", program).read();
        let found = packages(&layer);
        let helm: Vec<_> = found.iter().filter(|line| line.contains("helm.sh/helm")).collect();
        assert_eq!(helm.len(), 1, "{found:?}");
        assert!(helm[0].ends_with("helm.sh/helm/v3 v3.16.3"), "{found:?}");
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
        let file = [ELF, &vec![b'x'; at][..], text, &vec![b'x'; WINDOW]].concat();
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
    let programs: [(&str, &[&str], &str); 18] = [
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
        ("getopt", &["--version"], "util-linux"),
        ("lsblk", &["--version"], "util-linux"),
        ("gzip", &["--version"], "gzip"),
        ("zstd", &["--version"], "zstd"),
        ("gcc", &["--version"], "gcc"),
        ("jq", &["--version"], "jq"),
        ("ffmpeg", &["-version"], "ffmpeg"),
        ("ghc", &["--version"], "ghc"),
    ];
    let mut asked = vec![];
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
        asked.push(program);
    }
    let required: &[&str] = match std::env::var_os("PLIMSOLL_REQUIRE_SERVERS") {
        // Of every Debian system and of what `./test` installs.
        Some(_) => &["bash", "perl", "xz", "getopt", "gzip", "zstd", "gcc"],
        None => &[],
    };
    for program in required {
        assert!(asked.contains(program), "{program} was not asked");
    }
}

fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    let candidates = std::env::split_paths(&path).map(|folder| folder.join(program));
    candidates.filter_map(|path| path.canonicalize().ok()).find(|path| {
        // Not one that stands in for another: a cache of a compiler's, a box of tools.
        let is_itself = path.file_name().is_some_and(|name| name.to_string_lossy().contains(program));
        is_itself
            && std::fs::File::open(path).is_ok_and(|mut file| {
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
