//! The programs that are known, and the texts that tell them.

use plimsoll_types::PackageType;
use plimsoll_types::PackageType::{Bitnami, Generic, Golang};
use plimsoll_types::inventory::Confidence::{self, Low, Medium};

use super::{Place, Sign};

/// A program that is known.
pub(super) struct Software {
    pub(super) name: &'static str,
    pub(super) package_type: PackageType,
    /// Names that its files have; an asterisk at the end stands for anything.
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

/// A bare version between NULs, as the linker lays down what it is told to write into a variable.
const fn alone(literal: &'static [u8], part: usize, first: &'static [u8]) -> Sign {
    Sign { first, then: &[b"\0"], ..sign(literal, Place::Behind(part), 3, Low) }
}

/// Of Redis and what came of it.
const BUILD_ID: Sign = sign(b"000000000\0", Place::BuildId, 3, Medium);

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
        files: &["java"],
        signs: &[
            sign(b"openjdk\0java\0", Place::Around(80), 3, Medium),
            sign(b"openjdk\0", Place::Around(120), 3, Low),
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
        signs: &[BUILD_ID, behind(b"Valkey version=")],
    },
    Software { name: "keydb", package_type: Bitnami, files: &["keydb-server"], signs: &[BUILD_ID] },
    Software {
        name: "redis",
        package_type: Bitnami,
        // Debian makes the server a link to the checker.
        files: &["redis-server", "redis-check-rdb", "redis-check-aof"],
        signs: &[BUILD_ID, behind(b"Redis version ")],
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
        package_type: Bitnami,
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
    // Programs in Go name their main module themselves, and its version where the build left it to them.
    Software {
        name: "github.com/hashicorp/consul",
        package_type: Golang,
        files: &["consul"],
        signs: &[
            behind(b"CONSUL_VERSION: "),
            behind(b"GitDescribe=v"),
            behind(b"GitDescribe="),
            alone(b"\0v1.", 2, b"1."),
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
            alone(b"\x001.", 2, b"1."),
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
    Software { name: "xz", package_type: Generic, files: &["xz"], signs: &[behind(b"xz (XZ Utils) ")] },
    Software {
        name: "lighttpd",
        package_type: Generic,
        files: &["lighttpd"],
        signs: &[behind(b"lighttpd/")],
    },
];
