//! Who may: the first token, tokens, users and roles from the command line, and real clients that log in with them.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use plimsoll_web::operations::{Access, Area};
use serde_json::Value;

use crate::clients::{alpine, here, layout, run};
use crate::server::{self, Backend, House, Server};

const FINDINGS: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.Security/\
                        subAssessments?api-version=2019-01-01-preview";

/// What a command says, which must work.
fn told(house: &House, arguments: &[&str]) -> String {
    let output = house.command(arguments).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What a command complains of.
fn complaint(house: &House, arguments: &[&str]) -> String {
    let output = house.command(arguments).output().expect("it runs");
    assert!(!output.status.success(), "{arguments:?} worked");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn token(house: &House, name: &str, role: &str, scope: &str) -> String {
    told(house, &["token", "create", name, "--role", role, "--scope", scope]).trim().to_owned()
}

fn with_stdin(house: &House, arguments: &[&str], stdin: &str) -> Output {
    let mut command = house.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn status(server: &Server, method: &str, path: &str, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    let headers: &[(&str, &str)] = if token.is_empty() { &[] } else { &[("Authorization", &bearer)] };
    server::request(&server.address, method, path, headers, b"").expect("an answer").status
}

/// The token that the server showed at its start, if it showed one.
fn shown_token(server: &Server) -> Option<String> {
    let until = Instant::now() + Duration::from_secs(10);
    while !server.said().contains("Ctrl-C") && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    let said = server.said();
    said.lines().map(str::trim).find(|line| line.starts_with("plim_")).map(str::to_owned)
}

#[test]
fn the_first_start_where_others_connect_shows_one_token_once() {
    let house = House::new(Backend::Embedded);
    let mut server = house.serve_at("0.0.0.0:0", &[]);
    let token = shown_token(&server).expect("it shows a token");
    assert_eq!(status(&server, "GET", FINDINGS, ""), 401);
    assert_eq!(status(&server, "GET", "/v2/", ""), 401);
    assert_eq!(status(&server, "GET", "/v2/_catalog", &token), 200);
    assert_eq!(status(&server, "GET", FINDINGS, &token), 200);
    assert_eq!(status(&server, "GET", "/healthz", ""), 200);
    assert!(!server.log().contains(&token), "the log holds the token");
    assert!(server.stop().success());
    let server = house.serve_at("0.0.0.0:0", &[]);
    assert_eq!(shown_token(&server), None);
    assert_eq!(status(&server, "GET", FINDINGS, &token), 200);
}

/// Every route that the server has: the table of operations is what the OpenAPI document is made of, and a debug build
/// refuses to answer what is not in it.
#[test]
fn every_route_refuses_who_does_not_say_who_he_is() {
    let house = House::new(Backend::Embedded);
    let server = house.serve_with(&["--authentication", "required"]);
    let token = shown_token(&server).expect("it shows a token");
    let mut open = Vec::new();
    for operation in plimsoll_web::operations::all() {
        let path = operation.names().fold(operation.path.to_owned(), |path, name| {
            let value = match name {
                "scope" => "subscriptions/00000000-0000-0000-0000-000000000000",
                "subscriptionId" => "00000000-0000-0000-0000-000000000000",
                "digest" => "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "uploadId" => "0123456789abcdef0123456789abcdef",
                _ => "any",
            };
            path.replace(&format!("{{{name}}}"), value)
        });
        let path = format!("{path}?api-version=2021-06-01");
        let found = status(&server, operation.method, &path, "");
        if operation.access == Access::Anyone && found != 401 {
            open.push(operation.path);
            continue;
        }
        assert_eq!(found, 401, "{} {path}", operation.method);
        let found = status(&server, operation.method, &path, "plim_wrong");
        assert_eq!(found, 401, "{} {path}", operation.method);
        if operation.area != Area::Tokens {
            let found = status(&server, operation.method, &path, &token);
            assert!(found != 401 && found != 403, "{} {path}: {found}", operation.method);
        }
    }
    // Whoever opens another one must say so here.
    let expected = [
        "/healthz",
        "/metadata/endpoints",
        "/msi/token",
        "/oauth2/exchange",
        "/oauth2/token",
        "/openapi.json",
        "/readyz",
    ];
    open.sort_unstable();
    open.dedup();
    assert_eq!(open, expected);
}

#[test]
fn on_loopback_nobody_is_asked_until_there_is_somebody() {
    let house = House::new(Backend::Embedded);
    let server = house.serve();
    assert_eq!(shown_token(&server), None);
    assert_eq!(status(&server, "GET", FINDINGS, ""), 200);
    let reader = token(&house, "reader", "Security Reader", "/");
    assert_eq!(status(&server, "GET", FINDINGS, ""), 401);
    assert_eq!(status(&server, "GET", FINDINGS, &reader), 200);
    assert_eq!(status(&server, "GET", "/v2/_catalog", &reader), 403);
    let open = house.serve_with(&["--authentication", "off"]);
    assert_eq!(status(&open, "GET", FINDINGS, ""), 200);
}

#[test]
fn roles_are_given_and_taken_away_while_the_server_runs() {
    let house = House::new(Backend::Embedded);
    let server = house.serve_with(&["--authentication", "required"]);
    let ci = told(&house, &["token", "create", "ci", "--expires-in", "1h"]).trim().to_owned();
    assert_eq!(status(&server, "GET", "/v2/", &ci), 200);
    assert_eq!(status(&server, "GET", "/v2/_catalog", &ci), 403);
    told(
        &house,
        &["role", "assign", "--role", "acrpull", "--scope", "registry:local/team/*", "--principal", "ci"],
    );
    assert_eq!(status(&server, "GET", "/v2/_catalog", &ci), 200);
    assert_eq!(status(&server, "GET", "/v2/team/app/tags/list", &ci), 404);
    assert_eq!(status(&server, "GET", "/v2/other/tags/list", &ci), 403);
    assert_eq!(status(&server, "GET", FINDINGS, &ci), 403);
    let given = told(&house, &["role", "list", "--principal", "ci", "--format", "json"]);
    let given: Value = serde_json::from_str(&given).expect("JSON");
    assert_eq!((given[0]["role"].as_str(), given[0]["principal"].as_str()), (Some("AcrPull"), Some("ci")));
    told(&house, &["role", "remove", given[0]["id"].as_str().expect("an id")]);
    assert_eq!(status(&server, "GET", "/v2/_catalog", &ci), 403);
    let same = ["--role", "Reader", "--scope", "/", "--principal", "ci"];
    told(&house, &[&["role", "assign"], &same[..]].concat());
    assert_eq!(status(&server, "GET", FINDINGS, &ci), 200);
    told(&house, &[&["role", "remove"], &same[..]].concat());
    assert_eq!(status(&server, "GET", FINDINGS, &ci), 403);

    // Lists show which token was used, and never what it is.
    let tokens = told(&house, &["token", "list", "--format", "json"]);
    assert!(!tokens.contains("plim_"), "{tokens}");
    let tokens: Value = serde_json::from_str(&tokens).expect("JSON");
    let mine =
        tokens.as_array().expect("a list").iter().find(|token| token["name"] == "ci").expect("it is there");
    assert!(mine["lastUsedAt"].is_string() && mine["expiresAt"].is_string(), "{mine}");
    told(&house, &["token", "revoke", "ci"]);
    assert_eq!(status(&server, "GET", "/v2/", &ci), 401);
    assert!(told(&house, &["role", "definitions"]).contains("8311e382-0749-4cb8-b61a-304f252e45ec"));
}

#[test]
fn the_commands_say_what_is_wrong() {
    let house = House::new(Backend::Embedded);
    let create = |more: &[&'static str]| complaint(&house, &[&["token", "create", "x"], more].concat());
    assert!(create(&["--role", "Janitor", "--scope", "/"]).contains("plimsoll role definitions"));
    assert!(create(&["--role", "Owner"]).contains("--scope"));
    assert!(create(&["--role", "Owner", "--scope", "everything"]).contains("a scope: /"));
    assert!(create(&["--role", "Owner", "--scope", "registry:moon"]).contains("no registry \"moon\""));
    assert!(create(&["--expires-in", "soon"]).contains("such as 90d"));
    assert!(create(&["--for", "nobody"]).contains("no user and no program"));
    // Nothing of all that was kept.
    assert!(told(&house, &["token", "list"]).contains("There are no tokens"));
    let assign = |principal: &str| {
        complaint(&house, &["role", "assign", "--role", "Reader", "--scope", "/", "--principal", principal])
    };
    assert!(assign("oidc:ada").contains("oidc_issuer"));
    assert!(assign("ada").contains("no user and no program"));
    assert!(complaint(&house, &["token", "revoke", "x"]).contains("plimsoll token list"));
    assert!(complaint(&house, &["user", "add", "a b"]).contains("a name has"));
    assert!(complaint(&house, &["role", "remove", "--role", "Reader"]).contains("--scope"));
    let short = with_stdin(&house, &["user", "add", "ada"], "short\n");
    assert!(String::from_utf8_lossy(&short.stderr).contains("a password has 8"), "{short:?}");
    assert!(told(&house, &["user", "list"]).contains("There are no users"));
}

#[test]
fn skopeo_and_podman_log_in_push_and_pull() {
    if !here("skopeo") || !here("podman") {
        return;
    }
    let name = format!("plimsoll-login-{}", std::process::id());
    let folder = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempdir().expect("a folder");
    let house = House::new(Backend::Embedded);
    let server = house.serve_with(&["--authentication", "required", "--log", "info,plimsoll_registry=trace"]);
    let address = server.address.as_str();
    let (pusher, puller) = (
        token(&house, "pusher", "AcrPush", "registry:local/team/*"),
        token(&house, "puller", "AcrPull", "registry:local/team/*"),
    );
    let added =
        with_stdin(&house, &["user", "add", "ada", "--role", "Owner", "--scope", "/"], "correct horse\n");
    assert!(added.status.success(), "{added:?}");
    let source = layout(&folder.path().join("layout"), &alpine(&[("zlib", "1.2.13-r1")]));
    let image = format!("{address}/team/app:1");
    let target = format!("docker://{image}");
    let auth = |who: &str| folder.path().join(format!("{who}.json")).display().to_string();
    let login = |who: &str, password: &str| {
        let flags =
            ["login", "--tls-verify=false", "--authfile", &auth(who), "-u", who, "-p", password, address];
        Command::new("skopeo").args(flags).output().expect("it runs")
    };
    for (who, password) in [("pusher", pusher.as_str()), ("puller", &puller), ("ada", "correct horse")] {
        let done = login(who, password);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    assert!(!login("eve", "wrong horse").status.success());
    let copy = |who: Option<&str>, from: &str, to: &str| {
        let mut command = Command::new("skopeo");
        command.args(["copy", "--src-tls-verify=false", "--dest-tls-verify=false"]);
        match who {
            Some(who) => command.args(["--authfile", &auth(who)]),
            None => command.args(["--src-no-creds", "--dest-no-creds"]),
        };
        command.args([from, to]).output().expect("it runs")
    };
    let back = |name: &str| format!("oci:{}:1", folder.path().join(format!("pulled-{name}")).display());
    let denied = |output: Output| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "it worked");
        said
    };
    assert!(denied(copy(None, &source, &target)).contains("unauthorized"));
    denied(copy(Some("puller"), &source, &target));
    let pushed = copy(Some("pusher"), &source, &target);
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    denied(copy(Some("pusher"), &source, &format!("docker://{address}/other/app:1")));
    denied(copy(None, &target, &back("nobody")));
    for who in ["pusher", "puller", "ada"] {
        let pulled = copy(Some(who), &target, &back(who));
        assert!(pulled.status.success(), "{who}: {}", String::from_utf8_lossy(&pulled.stderr));
    }
    // Within the registry: the blobs are mounted, with one token for both repositories.
    let second = format!("docker://{address}/team/second:1");
    assert!(copy(Some("pusher"), &target, &second).status.success());
    let delete = |who: &str| {
        let flags = ["delete", "--tls-verify=false", "--authfile", &auth(who), &second];
        Command::new("skopeo").args(flags).output().expect("it runs").status.success()
    };
    assert!(!delete("pusher"));
    assert!(delete("ada"));

    let storage = folder.path().join("storage");
    let podman = |arguments: &[&str]| {
        let root = storage.join("root").display().to_string();
        let run_root = storage.join("run").display().to_string();
        let mut all = vec!["--root", &root, "--runroot", &run_root, "--storage-driver", "vfs"];
        all.extend(arguments);
        run("podman", &all)
    };
    let file = auth("podman");
    podman(&[
        "login",
        "--tls-verify=false",
        "--authfile",
        &file,
        "-u",
        "ada",
        "-p",
        "correct horse",
        address,
    ]);
    podman(&["pull", "--quiet", "--tls-verify=false", "--authfile", &file, &image]);
    podman(&["tag", &image, &format!("{address}/team/podman:1")]);
    let podman_image = format!("{address}/team/podman:1");
    podman(&["push", "--quiet", "--tls-verify=false", "--authfile", &file, &podman_image]);
    // Once the token is revoked, not even what docker kept of it works.
    told(&house, &["token", "revoke", "puller"]);
    denied(copy(Some("puller"), &target, &back("revoked")));
    let log = server.log();
    for secret in [pusher.as_str(), &puller, "correct horse", "wrong horse"] {
        assert!(!log.contains(secret), "the log holds a secret");
    }
}
