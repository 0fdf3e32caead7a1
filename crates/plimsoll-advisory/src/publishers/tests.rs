use std::io::Write;

use plimsoll_types::{Ecosystem, InstalledPackage, Match, Package, PackageType, Severity, Status};

use super::*;
use crate::{Builder, Database, matching};

/// A database of what a publisher's files say.
fn database(publisher: Publisher, files: &[(&str, &[u8])]) -> Database {
    let mut collected = Collected::default();
    for (name, bytes) in files {
        publisher.read(name, *bytes, &mut collected).unwrap();
    }
    assert_eq!(collected.dropped, 0);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("advisories.db");
    let mut builder = Builder::new("2026-09-01T00:00:00Z".parse().unwrap());
    for record in collected.into_records() {
        builder.add(publisher.name(), &record).unwrap();
    }
    builder.write(&path).unwrap();
    Database::open(&path).unwrap()
}

fn find(database: &Database, ecosystem: &str, name: &str, version: &str) -> Vec<Match> {
    matching::find_version(database, &ecosystem.parse().unwrap(), name, version)
}

/// Each finding as `vulnerability status fix`.
fn shown(database: &Database, ecosystem: &str, name: &str, version: &str) -> Vec<String> {
    let found = find(database, ecosystem, name, version).into_iter();
    found
        .map(|m| {
            let fix = m.fixed_version.as_deref().unwrap_or("-");
            format!("{} {} {fix}", m.vulnerability, m.status.as_str())
        })
        .collect()
}

fn record_of(publisher: Publisher, name: &str, bytes: &[u8]) -> Vec<Record> {
    let mut collected = Collected::default();
    publisher.read(name, bytes, &mut collected).unwrap();
    collected.into_records().collect()
}

const DEBIAN: &str = r#"{
  "curl": {
    "CVE-2023-0001": {"scope":"local","debianbug":1000001,"description":"One","releases":{
      "bookworm":{"status":"resolved","repositories":{"bookworm":"7.88.1-10+deb12u5"},"fixed_version":"7.88.1-10","urgency":"medium"},
      "bullseye":{"status":"open","repositories":{"bullseye":"7.74.0-1.3"},"urgency":"low**","nodsa":"Minor issue","nodsa_reason":"postponed"},
      "buster":{"status":"open","repositories":{"buster":"7.64.0-4"},"urgency":"end-of-life"},
      "sid":{"status":"resolved","repositories":{"sid":"8.4.0-2"},"fixed_version":"8.0.0-1","urgency":"medium"}}},
    "CVE-2023-0002": {"description":"Two","releases":{
      "bookworm":{"status":"resolved","repositories":{},"fixed_version":"0","urgency":"unimportant"},
      "bullseye":{"status":"open","repositories":{},"urgency":"unimportant","nodsa":"Too intrusive to backport","nodsa_reason":"ignored"}}},
    "TEMP-0000000-ABCDEF": {"description":"Three","releases":{
      "bullseye":{"status":"undetermined","repositories":{},"urgency":"not yet assigned"},
      "bookworm":{"status":"open","repositories":{},"urgency":"not yet assigned","nodsa":"Minor issue","nodsa_reason":""}}}
  }
}"#;

#[test]
fn debian_s_tracker_says_what_will_become_of_each_flaw_in_each_release() {
    let database = database(Publisher::Debian, &[("json", DEBIAN.as_bytes())]);
    let curl = |release: &str, version: &str| shown(&database, release, "curl", version);
    assert_eq!(
        curl("Debian:11", "7.74.0-1.3"),
        ["CVE-2023-0001 fix-deferred -", "CVE-2023-0002 will-not-fix -"]
    );
    assert_eq!(curl("Debian:10", "7.64.0-4"), ["CVE-2023-0001 end-of-life -"]);
    assert_eq!(
        curl("Debian:12", "7.88.1-9"),
        ["CVE-2023-0001 affected 7.88.1-10", "DEBIAN:TEMP-0000000-ABCDEF affected -"]
    );
    assert_eq!(curl("Debian:12", "7.88.1-10"), ["DEBIAN:TEMP-0000000-ABCDEF affected -"]);
    assert_eq!(curl("Debian:sid", "7.99"), ["CVE-2023-0001 affected 8.0.0-1"]);
    let found = find(&database, "Debian:11", "curl", "7.74.0-1.3");
    assert_eq!((found[0].severity, found[1].severity), (Severity::Low, Severity::Negligible));
    assert_eq!(found[0].evidence.note, "Minor issue");
    assert_eq!(found[0].description, "One");
}

/// The vulnerability exists and never was in this release: the bulletin of the bucket is set aside, and it is told why.
#[test]
fn what_the_tracker_calls_never_affected_is_set_aside() {
    let mut collected = Collected::default();
    Publisher::Debian.read("json", DEBIAN.as_bytes(), &mut collected).unwrap();
    let dsa = r#"{"id":"DSA-1-1","upstream":["CVE-2023-0002"],"affected":[{"package":{"ecosystem":"Debian:12","name":"curl"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"9"}]}]}]}"#;
    let mut builder = Builder::new(Timestamp(1));
    builder.add("Debian", &osv::parse(dsa.as_bytes()).unwrap()).unwrap();
    for record in collected.into_records() {
        builder.add("debian", &record).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    builder.write(&path).unwrap();
    let database = Database::open(&path).unwrap();
    let found = find(&database, "Debian:12", "curl", "7.88.1-10");
    let set_aside = found.iter().find(|found| found.vulnerability == "CVE-2023-0002").unwrap();
    assert!(!set_aside.is_finding() && set_aside.status == Status::NotAffected);
    assert_eq!(set_aside.evidence.suppressed.as_ref().unwrap().source, "DEBIAN:CVE-2023-0002");
}

const UBUNTU: &str = "Candidate: CVE-2023-27533
PublicDate: 2023-03-20 16:00:00 UTC
References:
 https://curl.se/docs/CVE-2023-27533.html
Description:
 A vulnerability in input validation exists in curl
 before 8.0.
Ubuntu-Description:
Notes:
 mdeslaur> not easy
Priority: medium
 It is not so bad
Priority_curl_bionic: low
CVSS:
 nvd: CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H [9.8 CRITICAL]

Patches_curl:
 upstream: https://github.com/curl/curl/commit/538b1e79a6e7b0bb829ab4cecc828d32105d0684
upstream_curl: released (8.0.0)
trusty_curl: ignored (end of standard support)
trusty/esm_curl: needed
xenial_curl: ignored (end of standard support)
esm-infra/xenial_curl: released (7.47.0-1ubuntu2.19+esm6)
bionic_curl: released (7.58.0-2ubuntu3.24)
focal_curl: pending (7.68.0-1ubuntu2.18)
jammy_curl: needs-triage
kinetic_curl: ignored (changes too intrusive)
lunar_curl: not-affected (8.0.0-1)
mantic_curl: deferred (2023-04-01)
noble_curl: DNE
devel_curl: not-affected (8.0.0-1)
";

#[test]
fn ubuntu_s_tracker_knows_pockets_and_what_subscribers_get() {
    let archive = archive(&[("ubuntu-cve-tracker-master/active/CVE-2023-27533", UBUNTU.as_bytes())]);
    let database = database(Publisher::Ubuntu, &[("", &archive)]);
    let curl = |release: &str, version: &str| shown(&database, release, "curl", version);
    let cve = "CVE-2023-27533";
    assert_eq!(curl("Ubuntu:14.04", "7.35"), [format!("{cve} end-of-life -")]);
    assert_eq!(curl("Ubuntu:16.04", "7.47.0-1ubuntu2.19"), [format!("{cve} end-of-life -")]);
    assert_eq!(
        curl("Ubuntu:16.04", "7.47.0-1ubuntu2.19+esm5"),
        [format!("{cve} affected 7.47.0-1ubuntu2.19+esm6")]
    );
    assert_eq!(curl("Ubuntu:16.04", "7.47.0-1ubuntu2.19+esm6"), [""; 0]);
    assert_eq!(curl("Ubuntu:18.04", "7.58.0-2ubuntu3"), [format!("{cve} affected 7.58.0-2ubuntu3.24")]);
    assert_eq!(curl("Ubuntu:18.04", "7.58.0-2ubuntu3.24"), [""; 0]);
    assert_eq!(curl("Ubuntu:20.04", "7.68"), [format!("{cve} affected -")]);
    assert_eq!(curl("Ubuntu:22.04", "7.81"), [format!("{cve} under-investigation -")]);
    assert_eq!(curl("Ubuntu:22.10", "7.85"), [format!("{cve} will-not-fix -")]);
    assert_eq!(curl("Ubuntu:23.04", "7.88"), [""; 0]);
    assert_eq!(curl("Ubuntu:23.10", "7.88"), [format!("{cve} fix-deferred -")]);
    assert_eq!(curl("Ubuntu:24.04", "7.88"), [""; 0]);

    let xenial = &find(&database, "Ubuntu:16.04", "curl", "7.47.0-1ubuntu2.19")[0];
    let fix = xenial.evidence.subscription_fix.as_ref().unwrap();
    assert_eq!(
        (fix.version.as_str(), fix.subscription.as_str()),
        ("7.47.0-1ubuntu2.19+esm6", "Ubuntu Pro (esm-infra)")
    );
    assert_eq!(xenial.severity, Severity::Medium);
    assert_eq!(find(&database, "Ubuntu:18.04", "curl", "7.58.0-2ubuntu3")[0].severity, Severity::Low);
    let focal = &find(&database, "Ubuntu:20.04", "curl", "7.68")[0];
    assert!(focal.evidence.fix_is_announced && focal.cvss[0].score == 9.8);
    assert_eq!(focal.fix_status(), plimsoll_types::FixStatus::Scheduled);
    assert!(focal.description.starts_with("A vulnerability in input validation exists in curl before 8.0"));
}

#[test]
fn secdb_says_what_was_fixed_and_what_never_was_there() {
    let secdb = |version: &str, packages: &str| {
        format!(
            r#"{{"apkurl":"{{{{urlprefix}}}}/{{{{distroversion}}}}/{{{{reponame}}}}/{{{{arch}}}}/{{{{pkg.name}}}}-{{{{pkg.ver}}}}.apk",
                "archs":["x86_64"],"reponame":"main","urlprefix":"https://dl-cdn.alpinelinux.org/alpine",{version}"packages":[{packages}]}}"#
        )
    };
    let xen = r#"{"pkg":{"name":"xen","secfixes":{"4.10.0-r1":["XSA-248"],"4.10.0-r2":["CVE-2018-7540 XSA-252","CVE_2018-7541"],"0":["CVE-2018-9999"]}}}"#;
    let main = secdb(r#""distroversion":"v3.11","#, xen);
    let edge = secdb(
        r#""distroversion":"edge-main","#,
        r#"{"pkg":{"name":"xen","secfixes":{"4.11.0-r0":["CVE-2018-7540"],"5":{}}}}"#,
    );
    let database_ = database(
        Publisher::Alpine,
        &[("v3.11/main.json", main.as_bytes()), ("edge/main.json", edge.as_bytes())],
    );
    let xen = |release: &str, version: &str| shown(&database_, release, "xen", version);
    let both = ["CVE-2018-7540 affected 4.10.0-r2", "CVE-2018-7541 affected 4.10.0-r2"];
    assert_eq!(xen("Alpine:v3.11", "4.10.0-r1"), both);
    assert_eq!(xen("Alpine:v3.11", "4.10.0-r2"), [""; 0]);
    assert_eq!(xen("Alpine:edge", "4.10.0-r2"), ["CVE-2018-7540 affected 4.11.0-r0"]);
    assert!(!database_.knows(&"Alpine:v3.12".parse().unwrap()));

    let rolling = secdb(
        "",
        r#"{"pkg":{"name":"curl","secfixes":{"8.0.0-r1":["CVE-2023-1","CVE-2023-27533","GHSA-xxxx-yyyy-zzzz"]}}}"#,
    );
    let wolfi = database(Publisher::Wolfi, &[("security.json", rolling.as_bytes())]);
    assert_eq!(
        shown(&wolfi, "Wolfi", "curl", "7.0-r0"),
        ["CVE-2023-27533 affected 8.0.0-r1", "WOLFI:GHSA-xxxx-yyyy-zzzz affected 8.0.0-r1"]
    );
    assert!(Publisher::Alpine.read("x", rolling.as_bytes(), &mut Collected::default()).is_err());
}

#[test]
fn alpine_s_rejections_are_not_affected_with_the_reason() {
    let main = "---\n# only reachable from inside\ndnsmasq:\n  - CVE-2021-45951\n  # disputed by upstream\n  - CVE-2021-45952\n\n\
        'nginx':\n- \"CVE-2020-12345\"   # another nginx\n";
    let community = "some-package: [CVE-2022-11111, CVE-2022-22222]\nempty: []\n";
    let files = [("main.yaml", main.as_bytes()), ("community.yaml", community.as_bytes())];
    let mut collected = Collected::default();
    for (name, bytes) in files {
        Publisher::AlpineRejections.read(name, bytes, &mut collected).unwrap();
    }
    assert_eq!(collected.dropped, 0);
    let bucket = |cve: &str, name: &str| {
        format!(
            r#"{{"id":"ALPINE-{cve}","upstream":["{cve}"],"affected":[{{"package":{{"ecosystem":"Alpine:v3.20","name":"{name}"}},
            "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}}]}}]}}]}}"#
        )
    };
    let mut builder = Builder::new(Timestamp(1));
    for (cve, name) in [
        ("CVE-2021-45951", "dnsmasq"),
        ("CVE-2021-45952", "dnsmasq"),
        ("CVE-2021-45953", "dnsmasq"),
        ("CVE-2020-12345", "nginx"),
        ("CVE-2022-22222", "some-package"),
    ] {
        builder.add("Alpine", &osv::parse(bucket(cve, name).as_bytes()).unwrap()).unwrap();
    }
    for record in collected.into_records() {
        builder.add("alpine-rejections", &record).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    builder.write(&path).unwrap();
    let database = Database::open(&path).unwrap();
    let told = |name: &str| -> Vec<String> {
        let found = find(&database, "Alpine:v3.20", name, "2.80-r0").into_iter();
        let told = found.map(|m| {
            assert_eq!(m.evidence.suppressed.is_some(), !m.is_finding());
            format!("{} {} {}", m.vulnerability, m.status.as_str(), m.evidence.note)
        });
        told.map(|line| line.trim_end().to_owned()).collect()
    };
    assert_eq!(
        told("dnsmasq"),
        [
            "CVE-2021-45951 not-affected only reachable from inside",
            "CVE-2021-45952 not-affected disputed by upstream",
            "CVE-2021-45953 affected"
        ]
    );
    assert_eq!(told("nginx"), ["CVE-2020-12345 not-affected another nginx"]);
    assert_eq!(told("some-package"), ["CVE-2022-22222 not-affected"]);
    // Rejections are on all branches, but make no branch known.
    assert!(database.knows(&"Alpine:v3.20".parse().unwrap()));
    assert!(!database.knows(&"Alpine:v3.21".parse().unwrap()));
}

#[test]
fn a_list_of_rejections_that_is_none_says_nothing() {
    let read = |text: &str| {
        let mut collected = Collected::default();
        Publisher::AlpineRejections.read("main.yaml", text.as_bytes(), &mut collected).unwrap();
        (collected.len(), collected.dropped)
    };
    assert_eq!(read(""), (0, 0));
    assert_eq!(
        read("a:\n  - CVE-2020-1234\nb: not-a-list\n  - CVE-2020-1235\nc:\n  - CVE-2020-1236\n"),
        (2, 2)
    );
    assert_eq!(read("  - CVE-2020-1234\n"), (0, 1));
    assert_eq!(read("invalid: yaml: content: [\n"), (0, 1));
    assert_eq!(read("a:\n  - b:\n      - CVE-2020-1234\n  CVE-2020-1235\n"), (0, 3));
    assert_eq!(read("{\"a\": [\"CVE-2020-1234\"]}\n"), (0, 1));
    let bytes = [b"a:\n  - CVE-2020-\xff\n"];
    assert!(Publisher::AlpineRejections.read("x", &bytes[0][..], &mut Collected::default()).is_err());
}

#[test]
fn azure_linux_s_oval_is_read() {
    let definition = |number: u32, cve: &str, patchable: &str| {
        format!(
            r#"<definition class="vulnerability" id="oval:com.microsoft.azurelinux:def:{number}" version="1"><metadata>
              <title>{cve} affecting package curl &amp; co</title><affected family="unix"><platform>Azure Linux</platform></affected>
              <reference ref_id="{cve}" ref_url="https://nvd.nist.gov/vuln/detail/{cve}" source="CVE"/><patchable>{patchable}</patchable>
              <advisory_date>2024-07-23T22:05:39Z</advisory_date><severity>High</severity><description>d</description></metadata>
              <criteria operator="AND"><criterion comment="c" test_ref="oval:com.microsoft.azurelinux:tst:{number}000"/></criteria></definition>"#
        )
    };
    let test = |number: u32| {
        format!(
            r#"<linux-def:rpminfo_test check="at least one" comment="c" id="oval:com.microsoft.azurelinux:tst:{number}000" version="1">
              <linux-def:object object_ref="obj:{number}"/><linux-def:state state_ref="ste:{number}"/></linux-def:rpminfo_test>"#
        )
    };
    let object = |number: u32| {
        format!(
            r#"<linux-def:rpminfo_object id="obj:{number}" version="1"><linux-def:name>curl</linux-def:name></linux-def:rpminfo_object>"#
        )
    };
    let state = |number: u32, operation: &str, version: &str| {
        format!(
            r#"<linux-def:rpminfo_state id="ste:{number}" version="1"><linux-def:evr datatype="evr_string" operation="{operation}">{version}</linux-def:evr></linux-def:rpminfo_state>"#
        )
    };
    let document = format!(
        r#"<?xml version="1.0"?><oval_definitions xmlns:linux-def="x"><generator><oval:product_name>Azure Linux OVAL Definition Generator</oval:product_name></generator>
          <definitions>{}{}</definitions><tests>{}{}</tests><objects>{}{}</objects><states>{}{}</states></oval_definitions>"#,
        definition(1, "CVE-2024-1001", "true"),
        definition(2, "CVE-2024-1002", "false"),
        test(1),
        test(2),
        object(1),
        object(2),
        state(1, "less than", "0:8.9.1-2.azl3"),
        state(2, "less than or equal", "0:8.9.1-1.azl3"),
    );
    let database = database(Publisher::AzureLinux, &[("azurelinux-3.0-oval.xml", document.as_bytes())]);
    assert_eq!(
        shown(&database, "Azure Linux:3", "curl", "8.9.1-1.azl3"),
        ["CVE-2024-1001 affected 0:8.9.1-2.azl3", "CVE-2024-1002 affected -"]
    );
    assert_eq!(shown(&database, "Azure Linux:3", "curl", "8.9.1-2.azl3"), ["CVE-2024-1002 affected -"]);
    let found = &find(&database, "Azure Linux:3", "curl", "1")[0];
    assert_eq!(
        (found.severity, found.summary.as_str()),
        (Severity::High, "CVE-2024-1001 affecting package curl & co")
    );
}

const UPDATEINFO: &str = r#"<?xml version="1.0" ?>
<updates><update author="linux-security@amazon.com" from="linux-security@amazon.com" status="final" type="security" version="1.4">
  <id>ALAS2023-2023-001</id><title>Amazon Linux 2023 - ALAS2023-2023-001: Important priority package update for openssl</title>
  <issued date="2023-02-17 19:51"/><updated date="2023-02-22 00:00"/><severity>important</severity>
  <description>Package updates are available &lt;here&gt;:
CVE-2023-0286:</description>
  <references><reference href="http://cve.mitre.org/x" id="CVE-2023-0286" title="" type="cve"/><reference href="https://alas.aws.amazon.com/x" id="CVE-2022-4304" type="cve"/></references>
  <pkglist><collection short="amazon-linux-2023"><name>Amazon Linux 2023</name>
    <package arch="x86_64" epoch="1" name="openssl-libs" release="1.amzn2023.0.4" version="3.0.8"><filename>Packages/openssl-libs.rpm</filename></package>
    <package arch="aarch64" epoch="1" name="openssl-libs" release="1.amzn2023.0.4" version="3.0.8"><filename>x</filename></package>
    <package arch="src" epoch="1" name="openssl" release="1.amzn2023.0.4" version="3.0.8"><filename>x</filename></package>
  </collection></pkglist></update>
  <update type="bugfix"><id>ALAS2023-2023-002</id><references><reference id="CVE-2023-9999" type="cve"/></references>
    <pkglist><collection><package arch="x86_64" epoch="0" name="openssl-libs" release="9" version="9"/></collection></pkglist></update>
</updates>"#;

#[test]
fn bulletins_of_a_repository_name_binary_packages() {
    let database = database(Publisher::Amazon, &[("Amazon Linux:2023", UPDATEINFO.as_bytes())]);
    let shown = |version: &str| shown(&database, "Amazon Linux:2023", "openssl-libs", version);
    assert_eq!(shown("1:3.0.8-1.amzn2023.0.3"), ["ALAS2023-2023-001 affected 1:3.0.8-1.amzn2023.0.4"]);
    assert_eq!(shown("1:3.0.8-1.amzn2023.0.4"), [""; 0]);
    let found = &find(&database, "Amazon Linux:2023", "openssl-libs", "1:3.0.8-1.amzn2023.0.3")[0];
    assert_eq!(found.severity, Severity::High);
    assert_eq!(found.cves().collect::<Vec<_>>(), ["CVE-2022-4304", "CVE-2023-0286"]);
    assert_eq!(find(&database, "Amazon Linux:2023", "openssl", "1:1-1").len(), 0);

    let repomd = r#"<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>
        <data type="primary"><location href="repodata/1-primary.xml.gz"/></data>
        <data type="updateinfo"><checksum type="sha256">a</checksum><location href="repodata/2-updateinfo.xml.gz"/></data></repomd>"#;
    assert_eq!(
        location_of_updateinfo(repomd.as_bytes()).unwrap().as_deref(),
        Some("repodata/2-updateinfo.xml.gz")
    );
    let elsewhere = repomd.replace("repodata/2-", "https://evil.example/");
    assert_eq!(location_of_updateinfo(elsewhere.as_bytes()).unwrap(), None);
}

const RED_HAT: &str = r#"{"document":{"category":"csaf_vex","title":"curl: a flaw","aggregate_severity":{"text":"Moderate"},
    "tracking":{"id":"CVE-2024-1001","initial_release_date":"2024-01-01T00:00:00+00:00","current_release_date":"2024-06-01T00:00:00+00:00"}},
  "product_tree":{"branches":[{"category":"vendor","name":"Red Hat","branches":[
      {"category":"product_family","name":"RHEL","branches":[
        {"category":"product_name","name":"BaseOS","product":{"name":"BaseOS","product_id":"BaseOS-9.4.0.Z.MAIN","product_identification_helper":{"cpe":"cpe:/o:redhat:enterprise_linux:9::baseos"}}},
        {"category":"product_name","name":"EUS","product":{"name":"EUS","product_id":"BaseOS-9.2.0.Z.EUS","product_identification_helper":{"cpe":"cpe:/o:redhat:rhel_eus:9.2::baseos"}}},
        {"category":"product_name","name":"RHEL 8","product":{"name":"RHEL 8","product_id":"red_hat_enterprise_linux_8","product_identification_helper":{"cpe":"cpe:/o:redhat:enterprise_linux:8"}}},
        {"category":"product_name","name":"RHEL 7","product":{"name":"RHEL 7","product_id":"red_hat_enterprise_linux_7","product_identification_helper":{"cpe":"cpe:/o:redhat:enterprise_linux:7"}}},
        {"category":"product_name","name":"RHEL 6","product":{"name":"RHEL 6","product_id":"red_hat_enterprise_linux_6","product_identification_helper":{"cpe":"cpe:/o:redhat:enterprise_linux:6"}}},
        {"category":"product_name","name":"OpenShift","product":{"name":"O","product_id":"openshift","product_identification_helper":{"cpe":"cpe:/a:redhat:openshift:4"}}}]},
      {"category":"architecture","name":"x86_64","branches":[
        {"category":"product_version","name":"c","product":{"name":"c","product_id":"libcurl-0:7.76.1-29.el9_4.x86_64","product_identification_helper":{"purl":"pkg:rpm/redhat/libcurl@7.76.1-29.el9_4?arch=x86_64"}}},
        {"category":"product_version","name":"e","product":{"name":"e","product_id":"libcurl-0:7.76.1-23.el9_2.x86_64","product_identification_helper":{"purl":"pkg:rpm/redhat/libcurl@7.76.1-23.el9_2?arch=x86_64"}}},
        {"category":"product_version","name":"m","product":{"name":"m","product_id":"npm-m","product_identification_helper":{"purl":"pkg:rpm/redhat/npm@8.19.4-1.16.20.2.8.module%2Bel9?arch=x86_64&epoch=1&rpmmod=nodejs:16:9020020240101:rhel9"}}},
        {"category":"product_version","name":"s","product":{"name":"s","product_id":"curl-src","product_identification_helper":{"purl":"pkg:rpm/redhat/curl@7.76.1-29.el9_4?arch=src"}}}]},
      {"category":"product_version","name":"curl","product":{"name":"curl","product_id":"curl","product_identification_helper":{"purl":"pkg:rpm/redhat/curl?arch=src"}}},
      {"category":"product_version","name":"mingw","product":{"name":"mingw-curl","product_id":"mingw-curl"}}]}],
    "relationships":[
      {"category":"default_component_of","product_reference":"libcurl-0:7.76.1-29.el9_4.x86_64","relates_to_product_reference":"BaseOS-9.4.0.Z.MAIN","full_product_name":{"name":"x","product_id":"F9"}},
      {"category":"default_component_of","product_reference":"libcurl-0:7.76.1-23.el9_2.x86_64","relates_to_product_reference":"BaseOS-9.2.0.Z.EUS","full_product_name":{"name":"x","product_id":"FE"}},
      {"category":"default_component_of","product_reference":"curl-src","relates_to_product_reference":"BaseOS-9.4.0.Z.MAIN","full_product_name":{"name":"x","product_id":"FS"}},
      {"category":"default_component_of","product_reference":"npm-m","relates_to_product_reference":"BaseOS-9.4.0.Z.MAIN","full_product_name":{"name":"x","product_id":"FM"}},
      {"category":"default_component_of","product_reference":"curl","relates_to_product_reference":"red_hat_enterprise_linux_8","full_product_name":{"name":"x","product_id":"A8"}},
      {"category":"default_component_of","product_reference":"curl","relates_to_product_reference":"red_hat_enterprise_linux_7","full_product_name":{"name":"x","product_id":"A7"}},
      {"category":"default_component_of","product_reference":"curl","relates_to_product_reference":"red_hat_enterprise_linux_6","full_product_name":{"name":"x","product_id":"A6"}},
      {"category":"default_component_of","product_reference":"mingw-curl","relates_to_product_reference":"red_hat_enterprise_linux_8","full_product_name":{"name":"x","product_id":"I8"}},
      {"category":"default_component_of","product_reference":"curl","relates_to_product_reference":"openshift","full_product_name":{"name":"x","product_id":"O"}}]},
  "vulnerabilities":[{"cve":"CVE-2024-1001","cwe":{"id":"CWE-125","name":"x"},"notes":[{"category":"description","text":"A flaw in curl."}],
    "product_status":{"fixed":["F9","FE","FS","FM"],"known_affected":["A8","A7","O"],"known_not_affected":["A6"],"under_investigation":["I8"]},
    "remediations":[{"category":"vendor_fix","details":"d","product_ids":["F9","FE"],"url":"https://access.redhat.com/errata/RHSA-2024:1001"},
      {"category":"no_fix_planned","details":"Will not fix","product_ids":["A8"]},{"category":"no_fix_planned","details":"Out of support scope","product_ids":["A7"]},
      {"category":"workaround","details":"w","product_ids":["A8","A7"]}],
    "scores":[{"cvss_v3":{"vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N","baseScore":7.5},"products":["F9"]}]}]}"#;

#[test]
fn red_hat_s_documents_name_fixed_binaries_and_unfixed_sources() {
    let packed =
        zstd::encode_all(&tar_of(&[("2024/cve-2024-1001.json", RED_HAT.as_bytes())])[..], 3).unwrap();
    let database = database(Publisher::RedHat, &[("", &packed)]);
    let asked = |release: &str, name: &str, source: Option<&str>, version: &str| -> Vec<String> {
        let mut package = Package::new(PackageType::Rpm, name, version);
        package.source = source.map(str::to_owned);
        let installed = InstalledPackage::new(package, Some(Ecosystem::release_of("Red Hat", release)));
        let found = matching::find(&database, &installed).into_iter();
        found.map(|m| format!("{} {}", m.status.as_str(), m.fixed_version.unwrap_or_default())).collect()
    };
    assert_eq!(asked("9", "libcurl", Some("curl"), "7.76.1-26.el9"), ["affected 7.76.1-29.el9_4"]);
    assert_eq!(asked("9", "libcurl", Some("curl"), "7.76.1-29.el9_4"), [""; 0]);
    assert_eq!(asked("rhel_eus:9.2::baseos", "libcurl", None, "7.76.1-20.el9"), ["affected 7.76.1-23.el9_2"]);
    assert_eq!(asked("8", "libcurl", Some("curl"), "7.61.1-30.el8"), ["will-not-fix "]);
    assert_eq!(asked("7", "curl", None, "7.29.0-59.el7"), ["end-of-life "]);
    assert_eq!(asked("6", "curl", None, "7.19.7-54.el6"), [""; 0]);
    assert_eq!(asked("8", "mingw-curl", None, "1-1"), ["under-investigation "]);
    // A module's fix says nothing of a package that is of none.
    assert_eq!(asked("9", "npm", None, "1:8.19.4-1.el9"), [""; 0]);
    assert_eq!(
        asked("9", "npm", None, "1:8.19.2-1.16.18.module+el9"),
        ["affected 1:8.19.4-1.16.20.2.8.module+el9"]
    );
    let found = &find(&database, "Red Hat:9", "libcurl", "7.76.1-26.el9")[0];
    assert_eq!((found.severity, &found.evidence.cwes[..]), (Severity::High, &["CWE-125".to_owned()][..]));
    assert_eq!((found.cvss[0].score, found.description.as_str()), (7.5, "A flaw in curl."));
    assert_eq!(found.references, ["https://access.redhat.com/errata/RHSA-2024:1001"]);
}

#[test]
fn suse_s_documents_are_of_the_release_whatever_the_module() {
    let document = r#"{"document":{"category":"csaf_vex","title":"t","tracking":{"id":"CVE-2024-1001","current_release_date":"2024-06-01T00:00:00Z"}},
      "product_tree":{"relationships":[
        {"category":"default_component_of","product_reference":"libcurl4-8.0.1-150400.5.44.1.x86_64","relates_to_product_reference":"SUSE Linux Enterprise Module for Basesystem 15 SP5","full_product_name":{"name":"x","product_id":"F"}},
        {"category":"default_component_of","product_reference":"libcurl4","relates_to_product_reference":"openSUSE Leap 15.5","full_product_name":{"name":"x","product_id":"L"}}]},
      "vulnerabilities":[{"cve":"CVE-2024-1001","product_status":{"fixed":["F"],"known_affected":["L"]}}]}"#;
    let database =
        database(Publisher::Suse, &[("", &archive(&[("csaf-vex/cve-2024-1001.json", document.as_bytes())]))]);
    let shown = |ecosystem: &str, version: &str| shown(&database, ecosystem, "libcurl4", version);
    assert_eq!(
        shown("SUSE:Linux Enterprise Server 15 SP5", "8.0.1-150400.5.40.1"),
        ["CVE-2024-1001 affected 8.0.1-150400.5.44.1"]
    );
    assert_eq!(shown("SUSE:Linux Enterprise Server 15 SP5", "8.0.1-150400.5.44.1"), [""; 0]);
    assert_eq!(shown("openSUSE:Leap 15.5", "9"), ["CVE-2024-1001 affected -"]);
}

#[test]
fn photon_s_list_is_read() {
    let rows = r#"[{"cve_id":"CVE-2024-1001","pkg":"curl","cve_score":7.5,"aff_ver":"all versions before 8.7.1-2.ph5 are vulnerable","res_ver":"8.7.1-2.ph5"},
        {"cve_id":"CVE-2024-1002","pkg":"curl","cve_score":"9.8","aff_ver":"NA","res_ver":"NA"},
        {"cve_id":"CVE-2024-1003","pkg":"curl","cve_score":0,"aff_ver":"all versions before NA are vulnerable","res_ver":"NA"}]"#;
    let database = database(Publisher::Photon, &[("cve_data_photon5.0.json", rows.as_bytes())]);
    assert_eq!(
        shown(&database, "Photon OS:5.0", "curl", "8.6-1.ph5"),
        ["CVE-2024-1001 affected 8.7.1-2.ph5", "CVE-2024-1003 affected -"]
    );
    assert_eq!(find(&database, "Photon OS:5.0", "curl", "1")[0].severity, Severity::High);
}

#[test]
fn nvd_adds_scores_weaknesses_and_texts_and_finds_nothing_itself() {
    let nvd = r#"{"resultsPerPage":2,"startIndex":0,"totalResults":2,"format":"NVD_CVE","version":"2.0","vulnerabilities":[
      {"cve":{"id":"CVE-2024-1001","sourceIdentifier":"x","published":"2024-01-02T03:04:05.123","lastModified":"2024-02-02T03:04:05.123","vulnStatus":"Analyzed",
        "descriptions":[{"lang":"es","value":"Uno"},{"lang":"en","value":"One flaw"}],
        "metrics":{"cvssMetricV31":[{"source":"nvd@nist.gov","type":"Primary","cvssData":{"version":"3.1","vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","baseScore":9.8}}],
          "cvssMetricV2":[{"cvssData":{"version":"2.0","vectorString":"AV:N/AC:L/Au:N/C:P/I:P/A:P"}}]},
        "weaknesses":[{"source":"nvd@nist.gov","type":"Primary","description":[{"lang":"en","value":"CWE-79"},{"lang":"en","value":"NVD-CWE-noinfo"}]}],
        "configurations":[{"nodes":[{"operator":"OR","negate":false,"cpeMatch":[{"vulnerable":true,"criteria":"cpe:2.3:a:a:musl:*:*:*:*:*:*:*:*"}]}]}],
        "references":[{"url":"https://a.example/1","source":"x"}]}},
      {"cve":{"id":"CVE-2024-1002","vulnStatus":"Rejected","descriptions":[],"metrics":{},"references":[]}}]}"#;
    let records = record_of(Publisher::Nvd, "nvdcve-2.0-2024.json", nvd.as_bytes());
    assert_eq!(records.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["NVD:CVE-2024-1001"]);
    let bare = r#"{"id":"ALPINE-CVE-2024-1001","upstream":["CVE-2024-1001"],"affected":[{"package":{"ecosystem":"Alpine:v3.20","name":"musl"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2-r0"}]}]}]}"#;
    let mut builder = Builder::new(Timestamp(1));
    builder.add("Alpine", &osv::parse(bare.as_bytes()).unwrap()).unwrap();
    builder.add("nvd", &records[0]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    builder.write(&path).unwrap();
    let database = Database::open(&path).unwrap();
    let found = find(&database, "Alpine:v3.20", "musl", "1-r0");
    assert_eq!(found.len(), 1);
    let found = &found[0];
    assert_eq!((found.severity, found.advisories.len()), (Severity::Critical, 1));
    assert_eq!((found.summary.as_str(), &found.evidence.cwes[..]), ("One flaw", &["CWE-79".to_owned()][..]));
    assert_eq!(
        found.cvss.iter().map(|cvss| (cvss.score, cvss.source.as_str())).collect::<Vec<_>>(),
        [(9.8, "NVD"), (7.5, "NVD")]
    );
}

#[test]
fn feeds_that_are_something_else_are_errors_and_never_panics() {
    let deep = "[".repeat(200_000);
    let xml = "<a ".repeat(50_000);
    let bomb = r#"<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>"#;
    let wrong = [
        "",
        "{",
        "[]",
        "{}",
        "null",
        "\u{0}",
        "<",
        "<a",
        "<a b='",
        "<!--",
        "<![CDATA[",
        "&#x110000;",
        r#"{"a":{"b":7}}"#,
        r#"{"packages":[7]}"#,
        r#"{"vulnerabilities":[{"cve":{"id":7}}]}"#,
        r#"{"a":{"CVE-2024-1":{"releases":{"sid":{"status":"resolved"}}}}}"#,
        &deep,
        &xml,
        bomb,
    ];
    for publisher in Publisher::ALL {
        for text in wrong {
            let mut collected = Collected::default();
            let _ = publisher.read("Amazon Linux:2", text.as_bytes(), &mut collected);
            assert!(collected.len() <= 1, "{publisher:?} {text}");
        }
    }
    // Real files, cut and with bytes turned over.
    let archive = archive(&[("a/active/CVE-2023-27533", UBUNTU.as_bytes())]);
    let whole: [(Publisher, &str, &[u8]); 4] = [
        (Publisher::Debian, "json", DEBIAN.as_bytes()),
        (Publisher::Ubuntu, "", &archive),
        (Publisher::Amazon, "Amazon Linux:2", UPDATEINFO.as_bytes()),
        (Publisher::RedHat, "", RED_HAT.as_bytes()),
    ];
    for (publisher, name, bytes) in whole {
        for at in (0..bytes.len()).step_by(7) {
            let _ = publisher.read(name, &bytes[..at], &mut Collected::default());
            let mut turned = bytes.to_vec();
            turned[at] ^= 0x55;
            let _ = publisher.read(name, &turned[..], &mut Collected::default());
        }
    }
}

#[test]
fn each_publisher_is_known_by_its_name() {
    for publisher in Publisher::ALL {
        assert_eq!(Publisher::of_name(publisher.name()), Some(publisher));
        assert!(publisher.default_address().starts_with("https://"));
    }
    assert_eq!(Publisher::of_name("Debian"), None, "that is the bucket's");
}

/// A tar with these files, packed with gzip.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&tar_of(files)).unwrap();
    packed.finish().unwrap()
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, content) in files {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[156] = b'0';
        header[257..263].copy_from_slice(b"ustar\0");
        tar.extend_from_slice(&header);
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.extend_from_slice(&[0; 1024]);
    tar
}
