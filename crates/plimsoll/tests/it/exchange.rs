//! What goes through registries beside images: the advisory database, VEX documents and SBOMs.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use plimsoll_testkit::image::Blob;
use serde_json::{Value, json};

use crate::clients::{alpine, here, layout, run};
use crate::server::{Backend, House, NEWER, Server, small_feed};

/// Keys of `openssl genpkey -algorithm ed25519`, made for this test.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIBLGWcpWY8jpkQNao4b3SB3Ccl0fC/OGYkilOUU+cnmZ\n-----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAfPWyDzScf0kzgrDnNhgIRzzUluFAJSA+lH5XSSv0KLc=\n-----END PUBLIC KEY-----\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn ask(house: &House, arguments: &[&str]) -> Output {
    house.command(arguments).output().expect("it runs")
}

/// A house that knows the small feed, and a server of it.
fn port(folder: &Path, flags: &[&str]) -> (House, Server) {
    let house = House::new(Backend::Embedded).with_feed(&small_feed(folder));
    house.update_advisories();
    let server = house.serve_with(flags);
    (house, server)
}

fn written(folder: &Path, name: &str, content: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a file");
    path.display().to_string()
}

/// Waits for something.
fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{what} did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_database_goes_through_our_own_registry_and_whatever_copies_artifacts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (private, public) =
        (written(folder.path(), "private.pem", PRIVATE), written(folder.path(), "public.pem", PUBLIC));
    let (here_is, server) = port(folder.path(), &[]);
    let place = format!("{}/plimsoll/advisories:1", server.address);
    let said = done(&ask(&here_is, &["db", "push", &place, "--key", &private]));
    assert!(said.contains("generation") && said.contains("sha256:"), "{said}");

    let there = House::new(Backend::Embedded);
    let said = done(&ask(&there, &["db", "pull", &place, "--key", &public]));
    assert!(said.contains("2 advisories, signed with the key"), "{said}");
    let again = done(&ask(&there, &["db", "pull", &place, "--key", &public]));
    assert!(again.contains("was there already"), "{again}");
    let status: Value =
        serde_json::from_str(&done(&ask(&there, &["db", "status", "--format", "json"]))).expect("JSON");
    assert_eq!(status["advisories"], 2);
    assert!(status["checkedAt"].is_string(), "{status}");

    // An image's place is no database's, and the error says what would be.
    let image = alpine(&[("zlib", "1.2.13-r1")]);
    server.push("team/app", "1", &image);
    let refused = ask(&there, &["db", "pull", &format!("{}/team/app:1", server.address)]);
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("plimsoll db push"), "{}", text(&refused.stderr));

    if !here("skopeo") {
        return;
    }
    let from = format!("docker://{place}");
    let manifest = run("skopeo", &["inspect", "--raw", "--tls-verify=false", &from]);
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(manifest["artifactType"], "application/vnd.plimsoll.advisories.v1");
    assert_eq!(manifest["annotations"]["vnd.plimsoll.advisories.count"], "2");
    assert_eq!(manifest["annotations"]["vnd.plimsoll.advisories.signature"], "ed25519");
    let copy = format!("docker://{}/mirror/advisories:today", server.address);
    let flags = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false", &from, &copy];
    run("skopeo", &flags);
    let third = House::new(Backend::Embedded);
    let place = copy.trim_start_matches("docker://");
    assert!(done(&ask(&third, &["db", "pull", place, "--key", &public])).contains("signed"));
    // The layer is the very file that `db export` writes.
    let exported = folder.path().join("layout");
    run("skopeo", &["copy", "--src-tls-verify=false", &from, &format!("oci:{}:1", exported.display())]);
    let layer = manifest["layers"][0]["digest"].as_str().expect("a digest").trim_start_matches("sha256:");
    let file = exported.join("blobs/sha256").join(layer).display().to_string();
    let fourth = House::new(Backend::Embedded);
    assert!(done(&ask(&fourth, &["db", "import", &file, "--key", &public])).contains("signed"));
}

#[test]
fn a_server_is_kept_up_to_date_from_a_registry() {
    let folder = tempfile::tempdir().expect("a folder");
    let (private, public) =
        (written(folder.path(), "private.pem", PRIVATE), written(folder.path(), "public.pem", PUBLIC));
    let (house, registry) = port(folder.path(), &[]);
    let place = format!("{}/plimsoll/advisories:1", registry.address);
    done(&ask(&house, &["db", "push", &place, "--key", &private]));
    let inside = House::new(Backend::Embedded).with_carried_feed(&place);
    let server = inside.serve_with(&["--feed-key", &public]);
    let image = alpine(&[("zlib", "1.2.13-r1")]);
    server.push("team/app", "1", &image);
    let rows = server.verdict(NEWER, image.digest().as_str(), Duration::from_secs(30));
    assert!(rows[0].to_string().contains("CVE-2022-37434"), "{rows:?}");
    let updated = done(&ask(&inside, &["db", "update", "--feed-key", &public]));
    assert!(updated.contains("unchanged"), "{updated}");
    // One that nobody signed is not taken, by whichever way.
    done(&ask(&house, &["db", "push", &place]));
    let refused = ask(&inside, &["db", "update", "--feed-key", &public]);
    assert!(text(&refused.stderr).contains("not signed"), "{}", text(&refused.stderr));
}

#[test]
fn whoever_may_not_push_is_refused_and_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let house = House::new(Backend::Embedded).with_feed(&small_feed(folder.path()));
    house.update_advisories();
    let token = |name: &str, role: &str| {
        let arguments = ["token", "create", name, "--role", role, "--scope", "registry:local"];
        done(&ask(&house, &arguments)).trim().to_owned()
    };
    let (reader, writer) = (token("reader", "AcrPull"), token("writer", "AcrPush"));
    let server = house.serve();
    let place = format!("{}/plimsoll/advisories:1", server.address);
    let with = |arguments: &[&str], password: &str| {
        let logins = match password {
            "" => json!({}),
            password => json!({server.address.as_str(): {"username": "token", "password": password}}),
        };
        let file = written(folder.path(), "auth.json", &json!({"auths": logins}).to_string());
        house
            .command(arguments)
            .env("REGISTRY_AUTH_FILE", file)
            .env("HOME", folder.path())
            .output()
            .expect("it runs")
    };
    let stranger = with(&["db", "push", &place], "");
    assert!(text(&stranger.stderr).contains("docker login"), "{}", text(&stranger.stderr));
    let refused = with(&["db", "push", &place], &reader);
    assert!(
        !refused.status.success() && !text(&refused.stderr).contains(&reader),
        "{}",
        text(&refused.stderr)
    );
    assert!(text(&refused.stderr).contains("does not accept these credentials"), "{}", text(&refused.stderr));
    done(&with(&["db", "push", &place], &writer));
    assert!(done(&with(&["db", "pull", &place], &reader)).contains("was there already"));
    let image = alpine(&[("zlib", "1.2.13-r1")]);
    let source = layout(&folder.path().join("layout"), &image);
    if !here("skopeo") {
        return;
    }
    let target = format!("{}/team/app:1", server.address);
    let login = format!("token:{writer}");
    run(
        "skopeo",
        &["copy", "--dest-tls-verify=false", "--dest-creds", &login, &source, &format!("docker://{target}")],
    );
    let attach = ["sbom", &target, "--attach"];
    assert!(!with(&attach, &reader).status.success());
    assert!(done(&with(&attach, &writer)).contains("is attached"));
}

fn openvex() -> String {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://a.example/vex/1", "author": "A",
        "timestamp": "2026-01-01T00:00:00Z", "version": 1,
        "statements": [{
            "vulnerability": {"name": "CVE-2022-37434"}, "products": [{"@id": "pkg:apk/alpine/zlib"}],
            "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path",
        }],
    })
    .to_string()
}

/// Attaches a document to an image of a server, as `oras attach` does.
fn attach(server: &Server, repository: &str, image: &Blob, kind: &str, document: &str) {
    let empty = Blob::new("application/vnd.oci.empty.v1+json", b"{}".to_vec());
    let layer = Blob::new(kind, document.as_bytes().to_vec());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": kind,
        "config": empty.descriptor(), "layers": [layer.descriptor()], "subject": image.descriptor(),
    });
    let manifest = Blob::new("application/vnd.oci.image.manifest.v1+json", manifest.to_string().into_bytes());
    for blob in [&empty, &layer] {
        server.push_blob(repository, blob).expect("the blob is taken");
    }
    server.push_manifest(repository, manifest.digest.as_str(), &manifest).expect("the manifest is taken");
}

#[test]
fn a_scan_heeds_attached_vex_where_it_is_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let (house, server) = port(folder.path(), &[]);
    let image = alpine(&[("zlib", "1.2.13-r1")]);
    server.push("team/app", "1", &image);
    attach(&server, "team/app", &image.manifest, "application/vnd.openvex+json", &openvex());
    let target = format!("{}/team/app:1", server.address);
    let scan = |flags: &[&str]| {
        let mut all = vec!["scan", &target, "--format", "json"];
        all.extend(flags);
        serde_json::from_str::<Value>(&done(&ask(&house, &all))).expect("JSON")
    };
    let count = |report: &Value| report["findings"].as_array().expect("a list").len();
    let plain = scan(&[]);
    assert_eq!((count(&plain), &plain["attachedVex"]), (1, &Value::Null));
    let heeded = scan(&["--attached-vex"]);
    assert_eq!(count(&heeded), 0);
    assert_eq!(heeded["attachedVex"][0]["statements"], 1);
    let why = &heeded["suppressed"][0]["evidence"]["suppressed"];
    assert!(why["source"].as_str().is_some_and(|source| source.contains("attached as sha256:")), "{why}");
    let table = done(&ask(&house, &["scan", &target, "--attached-vex"]));
    assert!(table.contains("application/vnd.openvex+json, 1 statements, heeded"), "{table}");
    let own = written(folder.path(), "own.json", &openvex().replace("\"not_affected\"", "\"affected\""));
    assert_eq!(count(&scan(&["--attached-vex", "--vex", &own])), 1, "the operator's word comes first");
    let story = done(&ask(&house, &["explain", &target, "CVE-2022-37434", "--attached-vex"]));
    assert!(story.contains("no finding") && story.contains("attached as sha256:"), "{story}");
    let elsewhere = ask(&house, &["scan", "rootfs:/", "--attached-vex"]);
    assert!(text(&elsewhere.stderr).contains("--vex"), "{}", text(&elsewhere.stderr));
}

fn referrers(server: &Server, image: &Blob) -> Vec<Value> {
    let (status, list) = server.get(&format!("/v2/team/app/referrers/{}", image.digest));
    assert_eq!(status, 200, "{list}");
    list["manifests"].as_array().expect("a list").clone()
}

#[test]
fn an_sbom_is_attached_by_the_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let (house, server) = port(folder.path(), &[]);
    let image = alpine(&[("zlib", "1.2.13-r1")]);
    server.push("team/app", "1", &image);
    let target = format!("{}/team/app:1", server.address);
    for (format, media_type, count) in
        [("cyclonedx", "application/vnd.cyclonedx+json", 1), ("spdx", "application/spdx+json", 2)]
    {
        let attach = || done(&ask(&house, &["sbom", &target, "--attach", "--format", format]));
        let said = attach();
        assert!(said.contains(image.digest().as_str()) && !said.contains("already"), "{said}");
        assert!(attach().contains("as it was already"));
        let found = referrers(&server, &image.manifest);
        assert_eq!(found.len(), count, "{found:?}");
        assert!(found.iter().any(|referrer| referrer["artifactType"] == media_type));
    }
    let refused = ask(&house, &["sbom", "rootfs:/", "--attach"]);
    assert!(text(&refused.stderr).contains("image in a registry"), "{}", text(&refused.stderr));
    if !here("skopeo") {
        return;
    }
    // What is attached is read back by others, and leads to what the image leads to.
    let sbom = referrers(&server, &image.manifest).remove(0);
    let digest = sbom["digest"].as_str().expect("a digest");
    let from = format!("docker://{}/team/app@{digest}", server.address);
    let manifest = run("skopeo", &["inspect", "--raw", "--tls-verify=false", &from]);
    let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(manifest["subject"]["digest"], image.digest().as_str());
    let copied = folder.path().join("copied");
    run("skopeo", &["copy", "--src-tls-verify=false", &from, &format!("dir:{}", copied.display())]);
    let layer = manifest["layers"][0]["digest"].as_str().expect("a digest").trim_start_matches("sha256:");
    let report =
        done(&ask(&house, &["scan", &format!("sbom:{}", copied.join(layer).display()), "--format", "json"]));
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["findings"][0]["vulnerability"], "CVE-2022-37434");
}

#[test]
fn a_server_attaches_the_sbom_of_each_image_that_it_scans() {
    let folder = tempfile::tempdir().expect("a folder");
    let (house, server) = port(folder.path(), &["--attach-sboms", "spdx"]);
    let image = alpine(&[("zlib", "1.2.13-r1")]);
    server.push("team/app", "1", &image);
    server.verdict(NEWER, image.digest().as_str(), Duration::from_secs(30));
    let sbom = until("the SBOM", || referrers(&server, &image.manifest).pop());
    assert_eq!(sbom["artifactType"], "application/spdx+json");
    let asked = |path: &str| server.get(path).1;
    let scans = || {
        let path = "providers/Plimsoll.Security/scans?api-version=2026-11-01";
        asked(&format!("{}/{path}", crate::server::REGISTRY))["value"].as_array().expect("a list").clone()
    };
    assert_eq!(scans().len(), 1, "an SBOM is not scanned");
    assert_eq!(asked("/v2/team/app/tags/list")["tags"], json!(["1"]), "and has no tag");

    // The next scan finds it there, and so does the command: the same image gives the same document.
    let before = scans()[0]["properties"]["assessedAt"].clone();
    std::thread::sleep(Duration::from_millis(1100));
    done(&ask(&house, &["rescan", "team/app:1", "--server", &server.url("")]));
    until("the second scan", || {
        let scan = scans().remove(0);
        let again = scan["properties"]["state"] == "Done" && scan["properties"]["assessedAt"] != before;
        again.then_some(())
    });
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(referrers(&server, &image.manifest), std::slice::from_ref(&sbom));
    let target = format!("{}/team/app:1", server.address);
    let said = done(&ask(&house, &["sbom", &target, "--attach", "--format", "spdx"]));
    assert!(said.contains("as it was already"), "{said}");
    assert_eq!(referrers(&server, &image.manifest), [sbom]);

    if !here("skopeo") {
        return;
    }
    // By skopeo, too, to a second repository: its image has an SBOM of its own.
    let source = layout(&folder.path().join("layout"), &alpine(&[("openssl", "3.1.3-r0")]));
    run(
        "skopeo",
        &["copy", "--dest-tls-verify=false", &source, &format!("docker://{}/team/app:2", server.address)],
    );
    until("the second SBOM", || server.log().matches("an SBOM was attached").nth(1).map(|_| ()));
    drop(server);
    let checked = house.fsck();
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
}
