//! The programs that are known, and the texts that tell them.

use plimsoll_types::PackageType;
use plimsoll_types::PackageType::{Bitnami, Generic, Golang};
use plimsoll_types::inventory::Confidence::{self, Low, Medium};

use super::{Place, Sign};

/// A program that is known.
pub(super) struct Software {
    pub(super) name: &'static str,
    pub(super) package_type: PackageType,
    /// Names that its files have; an asterisk stands for anything.
    pub(super) files: &'static [&'static str],
    /// Best first.
    pub(super) signs: &'static [Sign],
}

const fn sign(literal: &'static [u8], place: Place, numbers: usize, confidence: Confidence) -> Sign {
    Sign { literal, place, numbers, first: b"", then: &[], confidence }
}

/// The version stands right behind the text.
const fn behind(literal: &'static [u8]) -> Sign {
    sign(literal, Place::Behind(0), 3, Medium)
}

const fn behind_then(literal: &'static [u8], then: &'static [&'static [u8]]) -> Sign {
    Sign { then, ..behind(literal) }
}

/// The version stands right before the text.
const fn before(literal: &'static [u8]) -> Sign {
    sign(literal, Place::Before, 3, Medium)
}

/// Some version stands near the text: the next best guess.
const fn around(literal: &'static [u8], distance: usize) -> Sign {
    sign(literal, Place::Around(distance), 3, Low)
}

/// All releases of Envoy are of one major version.
const fn envoy(literal: &'static [u8], distance: usize) -> Sign {
    Sign { first: b"1.", ..around(literal, distance) }
}

/// A bare version, of which these two bytes are the beginning.
const fn alone(literal: &'static [u8]) -> Sign {
    Sign { first: b"", then: &[b"\0"], ..sign(literal, Place::Alone(2), 3, Low) }
}

/// A version of its own text, with what is behind it up to a space, right before the text.
const fn since(literal: &'static [u8]) -> Sign {
    sign(literal, Place::Since, 3, Medium)
}

/// Oracle's and others' launchers of before Java 9, where they name no maker.
const fn oracle(first: &'static [u8]) -> Sign {
    Sign { first, ..sign(b"\0java\0", Place::Around(80), 3, Low) }
}

/// Of Redis and what came of it: seconds of this century behind a machine's name, and without one.
const fn build_id(program: &'static [u8]) -> Sign {
    sign(b"-1", Place::BuildId(program), 3, Medium)
}

const fn reproducible(program: &'static [u8]) -> Sign {
    sign(b"1", Place::BuildId(program), 3, Medium)
}

/// All but Python, whose sign depends on the name of the file. Where a file has signs of several, the first counts.
pub(super) const SOFTWARE: &[Software] = &[
    Software {
        name: "node",
        package_type: Bitnami,
        files: &["node", "nodejs", "libnode.so*"],
        signs: &[
            behind(b"node.js/v"),
            behind_then(b"nodejs.org/download/release/v", &[b"/node-v"]),
            behind_then(b"\0node v", &[b"\0"]),
        ],
    },
    Software {
        name: "ruby",
        package_type: Bitnami,
        files: &["ruby", "ruby2*", "ruby3*", "libruby*"],
        signs: &[behind_then(b"\0ruby ", &[b"p", b" (20"])],
    },
    Software {
        name: "php",
        package_type: Bitnami,
        files: &["php", "php5*", "php7*", "php8*", "php-fpm*", "php-cgi*", "libphp*", "mod_php*"],
        signs: &[behind(b"X-Powered-By: PHP/")],
    },
    Software {
        name: "perl",
        package_type: Generic,
        files: &["perl", "perl5*", "libperl.so*"],
        signs: &[
            sign(b"/perl5/5.", Place::Behind(2), 3, Medium),
            sign(b"/perl/5.", Place::Behind(2), 3, Medium),
            sign(b"\0v5.", Place::Behind(2), 3, Low),
        ],
    },
    Software {
        name: "java",
        package_type: Bitnami,
        files: &["java", "jdb"],
        // All tools of a JDK are one launcher. Oracle's says `java` where others say `openjdk`, IBM's has no version but a build's
        // date.
        signs: &[
            sign(b"openjdk\0java\0", Place::Around(80), 3, Medium),
            sign(b"openjdk\0", Place::Around(120), 3, Low),
            oracle(b"1.8.0_"),
            oracle(b"1.7.0_"),
            oracle(b"1.6.0_"),
        ],
    },
    Software {
        name: "nginx",
        package_type: Bitnami,
        files: &["nginx", "nginx-debug", "openresty"],
        // Of OpenResty the first three numbers are those of nginx.
        signs: &[behind(b"nginx version: nginx/"), behind(b"nginx version: openresty/"), behind(b"\0nginx/")],
    },
    Software {
        name: "apache",
        package_type: Bitnami,
        files: &["httpd", "apache2", "httpd.worker", "httpd.event"],
        signs: &[behind(b"Apache/")],
    },
    Software {
        name: "haproxy",
        package_type: Bitnami,
        files: &["haproxy"],
        signs: &[
            behind_then(b" version ", &[b", released 2", b"-"]),
            behind(b"HA-Proxy version "),
            behind(b"HAProxy version "),
        ],
    },
    Software {
        name: "valkey",
        package_type: Bitnami,
        files: &["valkey-server", "valkey-check-rdb", "valkey-check-aof"],
        // Its first releases had no name in that text.
        signs: &[build_id(b"valkey"), reproducible(b"valkey"), build_id(b""), reproducible(b"")],
    },
    Software {
        name: "valkey",
        package_type: Bitnami,
        // Some install it under the names that it had.
        files: &["redis-server", "redis-check-rdb", "redis-check-aof"],
        signs: &[build_id(b"valkey"), reproducible(b"valkey")],
    },
    Software {
        name: "keydb",
        package_type: Bitnami,
        files: &["keydb-server"],
        signs: &[build_id(b""), reproducible(b"")],
    },
    Software {
        name: "redis",
        package_type: Bitnami,
        // Debian makes the server a link to the checker.
        files: &["redis-server*", "redis-check-rdb", "redis-check-aof"],
        signs: &[build_id(b""), reproducible(b""), behind(b"Redis version ")],
    },
    Software {
        name: "postgresql",
        package_type: Bitnami,
        files: &["postgres"],
        signs: &[sign(b"\0PostgreSQL ", Place::Behind(0), 1, Medium)],
    },
    Software {
        name: "mariadb",
        package_type: Bitnami,
        files: &["mariadbd", "mariadb", "mysqld", "mysql"],
        signs: &[before(b"-MariaDB"), behind_then(b"/mariadb-", &[b"-", b"/"])],
    },
    Software {
        name: "mysql",
        // The feed has MariaDB's advisories under the names of MySQL's clients, and none of MySQL's.
        package_type: Generic,
        files: &["mysqld", "mysql"],
        // Percona's and the cluster's are MySQL of that version with additions; what is behind it is the version of those.
        signs: &[
            behind_then(b"/mysql-", &[b"/", b"-"]),
            behind_then(b"/mysql-cluster-gpl-", &[b"/"]),
            behind_then(b"cluster-gpl\0", &[b"-ndb-"]),
            behind_then(b"/percona-server-", &[b"-", b"/"]),
            behind_then(b"/Percona-XtraDB-Cluster-", &[b"-", b"/"]),
            before(b"\0mysql"),
        ],
    },
    Software {
        name: "mongodb",
        package_type: Bitnami,
        files: &["mongod", "mongos"],
        signs: &[before(b"\0tcmalloc"), before(b"\0heap_size"), before(b"\0cppdefines")],
    },
    Software {
        name: "memcached",
        package_type: Bitnami,
        files: &["memcached"],
        signs: &[behind(b"memcached ")],
    },
    Software {
        name: "envoy",
        package_type: Bitnami,
        files: &["envoy"],
        // A bare number among the texts of the program, of which many look like one: addresses, versions of protocols.
        signs: &[
            envoy(b"envoy_reloadable_features", 1000),
            envoy(b"envoy.reloadable_features", 200),
            envoy(b"envoy_quic_", 1000),
            envoy(b"ValidationError", 1000),
            envoy(b"[source/", 200),
            envoy(b"RELEASE", 20),
        ],
    },
    Software {
        name: "erlang",
        package_type: Bitnami,
        files: &["beam.smp", "beam", "erlexec"],
        signs: &[
            Sign { numbers: 2, ..behind_then(b"/otp_src_", &[b"/erts"]) },
            Sign { numbers: 2, ..behind_then(b"/otp-", &[b"/erts"]) },
            Sign { numbers: 2, ..behind_then(b"/erlang-", &[b"/erts", b"+"]) },
        ],
    },
    Software {
        name: "git",
        package_type: Bitnami,
        files: &["git"],
        signs: &[behind_then(b"git/", &[b"\0"])],
    },
    Software {
        name: "arangodb",
        package_type: Bitnami,
        files: &["arangosh", "arangod"],
        signs: &[since(b" enterprise [linux]"), since(b" [linux]")],
    },
    Software {
        name: "fluent-bit",
        package_type: Bitnami,
        files: &["fluent-bit"],
        signs: &[
            before(b"\0%sFluent Bit"),
            before(b"\0Fluent Bit"),
            before(b"\0\x1b[1m\0%sFluent Bit"),
            before(b"\0\x1b[1m\0Fluent Bit"),
        ],
    },
    Software {
        name: "openldap",
        package_type: Bitnami,
        files: &["slapd", "ldapsearch"],
        signs: &[behind(b"$OpenLDAP: slapd "), behind(b"$OpenLDAP: ldapsearch ")],
    },
    Software {
        name: "lua",
        package_type: Bitnami,
        files: &["lua", "lua5*", "luac", "luac5*", "liblua.so*", "liblua5*"],
        signs: &[
            behind_then(b"$LuaVersion: Lua ", &[b"  Copyright "]),
            behind_then(b"$Lua: Lua ", &[b" Copyright "]),
        ],
    },
    Software {
        name: "pgbouncer",
        package_type: Bitnami,
        files: &["pgbouncer"],
        signs: &[behind(b"\0PgBouncer ")],
    },
    Software {
        name: "varnish",
        package_type: Bitnami,
        files: &["varnishd"],
        signs: &[behind_then(b"varnish-", &[b" revision "])],
    },
    // Programs in Go name their main module themselves, and its version where the build left it to them.
    Software {
        name: "github.com/hashicorp/consul",
        package_type: Golang,
        files: &["consul"],
        signs: &[
            behind(b"CONSUL_VERSION: "),
            behind(b"GitDescribe=v"),
            behind(b"GitDescribe="),
            alone(b"v1."),
        ],
    },
    Software {
        name: "github.com/hashicorp/vault",
        package_type: Golang,
        files: &["vault"],
        // Texts of one length stand one behind the other in the order of the alphabet: what is before the version is chance.
        signs: &[
            sign(b"revoke", Place::Behind(0), 3, Low),
            Sign { first: b"1.", ..sign(b"016x", Place::Behind(0), 3, Low) },
            Sign { first: b"1.", ..sign(b"state", Place::Behind(0), 3, Low) },
            alone(b"1."),
        ],
    },
    Software {
        name: "busybox",
        package_type: Generic,
        // It has many names, all links to one file; the archive may have any of them first.
        files: &["busybox", "busybox.static", "[", "[[", "acpid", "addgroup", "arch", "ash", "sh"],
        signs: &[behind(b"BusyBox v")],
    },
    Software {
        name: "bash",
        package_type: Generic,
        files: &["bash", "sh"],
        signs: &[behind_then(b"@(#)Bash version ", &[b"("])],
    },
    Software {
        name: "openssl",
        package_type: Generic,
        files: &["openssl", "libcrypto.so*", "libssl.so*"],
        signs: &[behind(b"\0OpenSSL ")],
    },
    Software {
        name: "curl",
        package_type: Generic,
        files: &["curl", "libcurl.so*", "libcurl-gnutls.so*"],
        signs: &[behind(b"curl/")],
    },
    Software {
        name: "zlib",
        package_type: Generic,
        files: &["libz.so*"],
        signs: &[behind_then(b" deflate ", &[b" Copyright"])],
    },
    Software {
        name: "expat",
        package_type: Generic,
        files: &["libexpat.so*", "libexpatw.so*"],
        signs: &[behind(b"\0expat_")],
    },
    Software {
        name: "helm.sh/helm",
        package_type: Golang,
        files: &["helm"],
        // Of the modules in it those of these major versions are its own.
        signs: &[alone(b"v4."), alone(b"v3."), alone(b"v2.")],
    },
    Software {
        name: "github.com/traefik/traefik",
        package_type: Golang,
        files: &["traefik"],
        signs: &[alone(b"v1."), alone(b"2."), alone(b"3.")],
    },
    Software {
        name: "util-linux",
        package_type: Generic,
        files: &["getopt", "mount", "lsblk"],
        signs: &[
            behind_then(b"\0util-linux ", &[b"\0"]),
            Sign { numbers: 2, ..behind_then(b"\0util-linux ", &[b"\0"]) },
        ],
    },
    Software {
        name: "gcc",
        package_type: Generic,
        files: &["gcc", "gcc-*", "g++", "g++-*", "*-linux-*gcc*", "*-linux-*g++*"],
        // What built it says the same of itself, and that is mostly an older one of the same.
        signs: &[
            since(b"\0(GCC) \0"),
            since(b"\0(Debian "),
            since(b"\0(Ubuntu "),
            Sign { confidence: Low, ..behind(b"GCC: (GNU) ") },
        ],
    },
    Software {
        name: "rust",
        package_type: Generic,
        files: &["libstd-*"],
        signs: &[
            behind_then(b"clang LLVM (rustc version ", &[b" ("]),
            behind_then(b"/usr/src/rustc-", &[b"/", b"-src/"]),
            behind_then(b"/rustc-", &[b"-src/", b"/library/"]),
        ],
    },
    Software {
        name: "pypy",
        package_type: Generic,
        files: &["libpypy*", "pypy", "pypy2*", "pypy3*"],
        signs: &[behind(b"[PyPy ")],
    },
    Software {
        name: "julia",
        package_type: Generic,
        files: &["libjulia-internal.so*", "libjulia.so*"],
        signs: &[behind_then(b"\0__init__\0", &[b"\0verify"]), before(b"\0julia version %s")],
    },
    Software {
        name: "swipl",
        package_type: Generic,
        files: &["swipl", "libswipl.so*"],
        signs: &[behind_then(b"swipl-", &[b"/"])],
    },
    Software {
        name: "dart",
        package_type: Generic,
        files: &["dart", "dartvm", "dartaotruntime"],
        signs: &[since(b" (stable) ("), since(b" (beta) ("), since(b" (dev) (")],
    },
    Software {
        name: "deno",
        package_type: Generic,
        files: &["deno"],
        // Texts stand one behind the other without an end.
        signs: &[
            behind_then(b"Deno/", &[b"+", b"Deno/", b"\0"]),
            Sign { confidence: Low, ..behind(b"Deno/") },
        ],
    },
    Software {
        name: "ghc",
        package_type: Generic,
        files: &["ghc", "ghc-*"],
        signs: &[behind_then(b"\0GHC ", &[b"\0"]), behind_then(b"\0libHSghc-", &[b"-"])],
    },
    Software {
        name: "cabal",
        package_type: Generic,
        files: &["cabal"],
        // The library of that name is mostly of the same version.
        signs: &[
            behind_then(b"/cabal-install-", &[b"\0", b"-"]),
            Sign { confidence: Low, ..behind_then(b"\0Cabal-", &[b"-"]) },
        ],
    },
    Software {
        name: "stack",
        package_type: Generic,
        files: &["stack"],
        signs: &[behind_then(b"\0Version ", &[b", Git revision "]), behind_then(b"\0stack-", &[b"-"])],
    },
    Software {
        name: "proftpd",
        package_type: Generic,
        files: &["proftpd"],
        signs: &[behind(b"\0ProFTPD Version ")],
    },
    Software {
        name: "percona-xtrabackup",
        package_type: Generic,
        files: &["xtrabackup"],
        signs: &[behind_then(b"/percona-xtrabackup-", &[b"-", b"/"])],
    },
    Software { name: "zstd", package_type: Generic, files: &["zstd"], signs: &[before(b"\0Zstandard CLI")] },
    Software {
        name: "gzip",
        package_type: Generic,
        files: &["gzip"],
        signs: &[
            Sign { numbers: 2, ..behind_then(b"size changed while zipping\n\0", &[b"\0"]) },
            Sign { numbers: 2, ..behind_then(b"%5.1f%%\0", &[b"\0"]) },
        ],
    },
    Software {
        name: "jq",
        package_type: Generic,
        files: &["jq"],
        signs: &[
            sign(b"\0jq-%s\n", Place::Around(40), 2, Medium),
            sign(b"\0jq: error (at %s)", Place::Around(40), 2, Medium),
        ],
    },
    Software {
        name: "sqlcipher",
        package_type: Generic,
        files: &["sqlcipher", "libsqlcipher.so*"],
        signs: &[behind_then(b"\0community\0", &[b"\0"]), behind_then(b"\0fast_kdf_iter\0", &[b"\0"])],
    },
    Software {
        name: "chromium",
        package_type: Generic,
        files: &["chrome", "chromium", "chromium-browser", "headless_shell"],
        signs: &[Sign { numbers: 4, ..before(b"\0Default") }, Sign { numbers: 4, ..before(b"\0chrome\0") }],
    },
    Software {
        name: "ffmpeg",
        package_type: Generic,
        files: &["ffmpeg", "ffprobe", "ffplay", "libavutil.so*", "libavcodec.so*", "libavformat.so*"],
        // A build between releases has no version.
        signs: &[
            Sign { numbers: 2, ..behind(b"FFmpeg version ") },
            Sign { numbers: 2, ..behind(b"FFmpeg version n") },
            Sign { numbers: 2, ..behind(b"\0%s version ") },
            Sign { numbers: 2, ..behind(b"\0%s version n") },
        ],
    },
    Software { name: "xz", package_type: Generic, files: &["xz"], signs: &[behind(b"xz (XZ Utils) ")] },
    Software {
        name: "lighttpd",
        package_type: Generic,
        files: &["lighttpd"],
        signs: &[behind(b"lighttpd/")],
    },
];

/// Programs that are archives of PHP's.
pub(super) const SCRIPTS: &[Software] = &[
    Software {
        name: "composer",
        package_type: Bitnami,
        files: &["composer", "composer.phar", "composer1*", "composer2*", "composer-*"],
        // Its own class, as it is and with the spaces taken out; others have a constant of that name, but no alias behind it.
        signs: &[behind_then(
            b"const VERSION = '",
            &[
                b"';\npublic const BRANCH_ALIAS_VERSION = ''",
                b"';\nconst BRANCH_ALIAS_VERSION = ''",
                b"';\n    public const BRANCH_ALIAS_VERSION = ''",
                b"';\n    const BRANCH_ALIAS_VERSION = ''",
            ],
        )],
    },
    Software {
        name: "wp-cli",
        package_type: Bitnami,
        files: &["wp", "wp-cli*"],
        signs: &[behind(b"wp-cli/wp-cli ")],
    },
];
