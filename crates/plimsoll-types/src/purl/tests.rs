use super::*;

fn parse(text: &str) -> Purl {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The text is read and written as the second one, which stays what it is.
fn check(text: &str, canonical: &str) {
    assert_eq!(parse(text).to_string(), canonical, "{text}");
    assert_eq!(parse(canonical).to_string(), canonical);
}

fn check_bad(texts: &[&str]) {
    for text in texts {
        assert!(text.parse::<Purl>().is_err(), "{text}");
    }
}

#[test]
fn what_syft_writes_is_read_and_written_back() {
    for text in [
        "pkg:deb/debian/libc6@2.31-13?distro=debian-11&upstream=glibc%402.31-13",
        "pkg:rpm/redhat/perl-Errno@1.28-416.el8?arch=x86_64&epoch=4",
        "pkg:npm/%40babel/core@7.0.0-beta.1%2Bbuild",
        "pkg:golang/golang.org/x/net@v0.1.0#http2/hpack",
        "pkg:golang/stdlib@1.21.5",
        "pkg:apk/alpine/musl@1.1.14-r15",
        "pkg:deb/debian/gtk%2B2.0?arch=source&distro=sarge",
    ] {
        check(text, text);
    }
}

#[test]
fn the_parts_are_told_apart() {
    let purl =
        parse("pkg:Maven/org.apache.xmlgraphics/batik-anim@1.9.1?packaging=sources&Empty=#/a//./b/../c/");
    assert_eq!(
        (purl.package_type.as_str(), purl.namespace.as_str(), purl.name.as_str(), purl.version.as_str()),
        ("maven", "org.apache.xmlgraphics", "batik-anim", "1.9.1")
    );
    assert_eq!((purl.qualifier("packaging"), purl.qualifier("empty")), (Some("sources"), None));
    assert_eq!(
        (purl.subpath.as_str(), purl.full_name().as_str()),
        ("a/b/c", "org.apache.xmlgraphics/batik-anim")
    );
    assert_eq!(parse("pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=amd64").version, "1:2.4.47-2+b1");
    assert_eq!(parse("pkg:npm/a@1.0.0+build").version, "1.0.0+build");
}

#[test]
fn slashes_around_parts_do_not_count() {
    for text in ["pkg:/maven/g/io", "pkg://maven/g/io", "pkg:///maven///g//io/", "PKG:MAVEN/g/io"] {
        check(text, "pkg:maven/g/io");
    }
    check(
        "pkg:GOLANG/google.golang.org/genproto@abc#/googleapis/api/",
        "pkg:golang/google.golang.org/genproto@abc#googleapis/api",
    );
}

#[test]
fn an_at_sign_begins_a_version_or_a_scope() {
    check("pkg:npm/@angular/animation@12.3.1", "pkg:npm/%40angular/animation@12.3.1");
    check("pkg:npm/@babel/core#/a/", "pkg:npm/%40babel/core#a");
    check("pkg:npm/%40babel/core", "pkg:npm/%40babel/core");
    check("pkg:generic/a@feature/x", "pkg:generic/a@feature%2Fx");
    check("pkg:npm/foobar@", "pkg:npm/foobar");
    assert_eq!(parse("pkg:npm/%40babel%2Fcore@7").full_name(), "@babel/core");
    assert_eq!(parse("pkg:golang/github.com%2Fgorilla/context").namespace, "github.com/gorilla");
    check_bad(&[
        "pkg:maven/@1.3.4",
        "pkg:cran/@0.9.1",
        "pkg:swift/github.com/Alamofire/@5.4.3",
        "pkg:npm/@angular",
    ]);
}

#[test]
fn characters_are_encoded_and_decoded() {
    check("pkg:maven/g/a@1.0.0%20Final?mykey=my%20value", "pkg:maven/g/a@1.0.0%20Final?mykey=my%20value");
    check(
        "pkg:docker/c/i@sha256%3a244f?repository_url=gcr.io/x",
        "pkg:docker/c/i@sha256:244f?repository_url=gcr.io%2Fx",
    );
    check("pkg:generic/a?checksum=sha1:ad95,sha256:41bf", "pkg:generic/a?checksum=sha1:ad95%2Csha256:41bf");
    check("pkg:npm/foo@1.0.0#src/%F0%9F%98%83/file.js", "pkg:npm/foo@1.0.0#src/%F0%9F%98%83/file.js");
    check("pkg:generic/a.-_~b@c+d", "pkg:generic/a.-_~b@c%2Bd");
    assert_eq!(parse("pkg:generic/a%2Fb").name, "a/b");
    check_bad(&["pkg:npm/a%zz", "pkg:npm/a%+f", "pkg:npm/a%f", "pkg:npm/a%", "pkg:npm/a%ff"]);
}

#[test]
fn a_subpath_stays_inside() {
    assert_eq!(parse("pkg:github/a/b#%2E%2E/%2e/etc//passwd").subpath, "etc/passwd");
    check_bad(&["pkg:github/a/b#x%2F..%2Fy"]);
}

#[test]
fn qualifiers_are_sorted_and_single() {
    check(
        "pkg:rpm/fedora/curl@7?Distro=fedora-25&&Arch=i386&x=",
        "pkg:rpm/fedora/curl@7?arch=i386&distro=fedora-25",
    );
    check("pkg:npm/a?b", "pkg:npm/a");
    check("pkg:npm/a?b=&b=1&c=x=y", "pkg:npm/a?b=1&c=x%3Dy");
    check_bad(&[
        "pkg:npm/a?in%20production=true",
        "pkg:npm/a?1=2",
        "pkg:npm/a?b=1&B=2",
        "pkg:npm/a?=1",
        "pkg:npm/a?b=%zz",
    ]);
    let mut purl = parse("pkg:npm/a");
    purl.set("Arch", "x");
    assert_eq!(purl.to_string(), "pkg:npm/a?arch=x");
}

#[test]
fn types_have_their_own_spelling() {
    for (text, canonical) in [
        (
            "pkg:bitbucket/birKenfeld/pyGments-main@244fd47e07d1014f0aed9c",
            "pkg:bitbucket/birkenfeld/pygments-main@244fd47e07d1014f0aed9c",
        ),
        ("pkg:GitHub/Package-url/Purl-Spec@244FD47", "pkg:github/package-url/purl-spec@244FD47"),
        ("pkg:alpm/Arch/Pacman@6.0.1-1?arch=x86_64", "pkg:alpm/arch/pacman@6.0.1-1?arch=x86_64"),
        ("pkg:composer/Laravel/Laravel@5.5.0", "pkg:composer/laravel/laravel@5.5.0"),
        ("pkg:hex/Acme/Foo@2.3.0", "pkg:hex/acme/foo@2.3.0"),
        ("pkg:luarocks/Hisham/LuaFileSystem@1.8.0-1", "pkg:luarocks/hisham/luafilesystem@1.8.0-1"),
        ("pkg:Rpm/Fedora/GConf2@3.2.6", "pkg:rpm/fedora/GConf2@3.2.6"),
        ("pkg:cpan/drolsky/DateTime@1.55", "pkg:cpan/DROLSKY/DateTime@1.55"),
        ("pkg:cpan/LWP::UserAgent", "pkg:cpan/LWP::UserAgent"),
        ("pkg:bitnami/WordPress@6.2.0-3?arch=arm64", "pkg:bitnami/wordpress@6.2.0-3?arch=arm64"),
        ("pkg:oci/Debian@sha256:244fd", "pkg:oci/debian@sha256:244fd"),
        ("pkg:pub/Http-Parser@1", "pkg:pub/http_parser@1"),
        ("pkg:PYPI/Django_package@1.11.1.dev1", "pkg:pypi/django-package@1.11.1.dev1"),
        ("pkg:pypi/My.PyPI_.--._Package@1", "pkg:pypi/my-pypi-package@1"),
        (
            "pkg:huggingface/microsoft/deberta-v3-base@559062AD",
            "pkg:huggingface/microsoft/deberta-v3-base@559062ad",
        ),
        (
            "pkg:mlflow/CreditFraud@3?repository_url=https://adb-1.0.azuredatabricks.net/api",
            "pkg:mlflow/creditfraud@3?repository_url=https:%2F%2Fadb-1.0.azuredatabricks.net%2Fapi",
        ),
        ("pkg:mlflow/CreditFraud@3", "pkg:mlflow/CreditFraud@3"),
        ("pkg:Nuget/EnterpriseLibrary.Common@6.0.1304", "pkg:nuget/EnterpriseLibrary.Common@6.0.1304"),
        ("pkg:maven/HTTPClient/HTTPClient@0.3-3", "pkg:maven/HTTPClient/HTTPClient@0.3-3"),
        ("pkg:gem/RedCloth@4.2.9?Platform=java", "pkg:gem/RedCloth@4.2.9?platform=java"),
        ("pkg:cran/A3@0.9.1", "pkg:cran/A3@0.9.1"),
        ("pkg:hackage/AC-HalfInteger@1.2.1", "pkg:hackage/AC-HalfInteger@1.2.1"),
        ("pkg:swift/github.com/Alamofire/Alamofire@5.4.3", "pkg:swift/github.com/Alamofire/Alamofire@5.4.3"),
        ("pkg:conan/bincrafters/cctz@2.3?channel=stable", "pkg:conan/bincrafters/cctz@2.3?channel=stable"),
        (
            "pkg:conda/absl-py@0.4.1?build=py36h06a4308_0&channel=main",
            "pkg:conda/absl-py@0.4.1?build=py36h06a4308_0&channel=main",
        ),
        // Where the registry tells names apart by case, so do we.
        (
            "pkg:golang/github.com/Masterminds/semver@v1.5.0",
            "pkg:golang/github.com/Masterminds/semver@v1.5.0",
        ),
        ("pkg:npm/JSONStream@1.0.3", "pkg:npm/JSONStream@1.0.3"),
    ] {
        check(text, canonical);
    }
}

#[test]
fn what_is_missing_or_wrong_is_refused() {
    check_bad(&[
        "",
        "pkg:",
        "pkg:npm",
        "pkg:npm/",
        "npm/a@1",
        "EnterpriseLibrary.Common@6.0.1304",
        "pkg:EnterpriseLibrary.Common@6",
        "pkg:n~pm/a",
        "pkg:n&g?inx/nginx@0.8.9",
        "pkg:3nginx/nginx@0.8.9",
        "pkg:nginx:a/nginx@0.8.9",
        "pkg:n+pm/a",
        "pkg%3Amaven/org.apache.commons/io",
        "pkg:hackage",
        "pkg:cran/A3",
        "pkg:swift/Alamofire@5.4.3",
        "pkg:swift/github.com/Alamofire/Alamofire",
        "https:npm/a",
    ]);
    check_bad(&[&format!("pkg:npm/{}", "a".repeat(20_000))]);
}
