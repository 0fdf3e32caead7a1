//! Who may what: every operation refuses who does not say who he is, and tells each no more than his roles allow.

use plimsoll_access::Minted;
use plimsoll_store::{NewToken, Principal};
use plimsoll_types::access::{Assignment, PrincipalKind, Role};
use plimsoll_web::operations;

use super::*;

const VERSION: &str = "api-version=2022-04-01";
const ASSIGNMENTS: &str = "providers/Microsoft.Authorization/roleAssignments";

/// An answer, with what stands in its headers.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    #[track_caller]
    fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    #[track_caller]
    fn fails(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.body["error"]["code"], code, "{}", answer.body);
        answer
    }
}

/// Sends `METHOD PATH` with headers and a body.
async fn send(api: &Api, line: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path).header("host", "quay.example:5000");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let response = api.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn ask(api: &Api, line: &str, token: &str) -> Answer {
    send(api, line, &[("authorization", &format!("Bearer {token}"))], Value::Null).await
}

/// Somebody with these roles, each at a scope; gives the text of a token.
async fn somebody(api: &Api, name: &str, roles: &[(&str, &str)]) -> String {
    let id = Guid::derived(&[name]);
    let kind = PrincipalKind::ServicePrincipal;
    let principal = Principal { id: id.clone(), kind, name: name.to_owned(), created_at: instant() };
    assert!(api.store.create_principal(&principal).await.unwrap());
    let minted = Minted::new().unwrap();
    let token = NewToken { id: &minted.id, name, principal: &id, hash: &minted.hash, expires_at: None };
    api.store.create_token(token, instant()).await.unwrap();
    for (role, at) in roles {
        let assignment = Assignment {
            id: Guid::derived(&[name, role, at]),
            scope: at.parse().unwrap(),
            role: Role::named(role).unwrap().guid(),
            principal: id.clone(),
            principal_kind: kind,
            created_by: "test".to_owned(),
            created_at: instant(),
        };
        api.store.assign_role(&assignment).await.unwrap();
    }
    minted.text.reveal().to_owned()
}

fn findings(scope: &str) -> String {
    format!("GET {scope}/providers/Microsoft.Security/subAssessments?{OLD}")
}

#[tokio::test]
async fn every_operation_refuses_who_does_not_say_who_he_is() {
    let api = Api::closed().await;
    let mut open = Vec::new();
    for operation in operations::all().filter(|operation| is_ours(operation)) {
        let line = format!("{} {}?{VERSION}", operation.method, path_of(operation));
        let answer = send(&api, &line, &[], Value::Null).await;
        if operation.access == operations::Access::Anyone {
            open.push(operation.path);
            continue;
        }
        let answer = answer.fails(401, "AuthenticationFailed");
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert_eq!(challenge, "Bearer authorization_uri=\"http://quay.example:5000/\"", "{line}");
        for wrong in ["Bearer rubbish", "Bearer a.b.c", "Basic Onk=", "Digest x"] {
            let answer = send(&api, &line, &[("authorization", wrong)], Value::Null).await;
            answer.fails(401, "InvalidAuthenticationToken");
        }
    }
    // What is open is open on purpose; whoever adds to it must say so here.
    assert_eq!(open, ["/msi/token", "/metadata/endpoints", "/openapi.json"]);
    // A path that has no operation is for nobody.
    for line in
        ["GET /", "GET /subscriptions/x/providers/Microsoft.Security/secrets", "DELETE /subscriptions"]
    {
        send(&api, line, &[], Value::Null).await.fails(401, "AuthenticationFailed");
    }
    send(&api, "GET /metadata/endpoints", &[("authorization", "Bearer rubbish")], Value::Null).await.is(200);
}

#[tokio::test]
async fn every_operation_that_needs_an_action_refuses_who_has_no_role_for_it() {
    let api = Api::closed().await;
    let nobody = somebody(&api, "nobody", &[]).await;
    // A right elsewhere is none here.
    let stranger = somebody(&api, "stranger", &[("Owner", "/subscriptions/another")]).await;
    for operation in operations::all().filter(|operation| is_ours(operation)) {
        let operations::Access::Action(action) = operation.access else { continue };
        let line = format!("{} {}?{VERSION}", operation.method, path_of(operation));
        for (name, token) in [("nobody", &nobody), ("stranger", &stranger)] {
            let answer = ask(&api, &line, token).await.fails(403, "AuthorizationFailed");
            let message = answer.body["error"]["message"].as_str().unwrap();
            for part in [name, Guid::derived(&[name]).as_str(), action, SUBSCRIPTION] {
                assert!(message.contains(part), "{line}: {message}");
            }
        }
    }
}

#[tokio::test]
async fn a_security_reader_sees_findings_where_he_is_one_and_acr_pull_sees_none() {
    let api = Api::closed().await;
    let reader = somebody(&api, "reader", &[("Security Reader", REGISTRY)]).await;
    let puller = somebody(&api, "puller", &[("AcrPull", "/")]).await;
    let rows = ask(&api, &findings(REGISTRY), &reader).await.is(200).body;
    assert_eq!(rows["value"].as_array().unwrap().len(), 2);
    ask(&api, &findings(SUBSCRIPTION), &reader).await.fails(403, "AuthorizationFailed");
    ask(&api, &findings("/providers/Microsoft.Management/managementGroups/all"), &reader).await.is(403);
    ask(&api, &findings("/subscriptions/another"), &reader).await.is(403);
    ask(&api, &findings(REGISTRY), &puller).await.fails(403, "AuthorizationFailed");
    let basic = [("authorization", "Basic cmVhZGVyOnBsaW1f")];
    send(&api, &findings(REGISTRY), &basic, Value::Null).await.fails(401, "InvalidAuthenticationToken");
}

/// The rows of a query, for the one who has the token.
async fn query(api: &Api, token: &str, text: &str, subscriptions: Value) -> Answer {
    let mut body = json!({"query": text});
    if !subscriptions.is_null() {
        body["subscriptions"] = subscriptions;
    }
    let line = "POST /providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01";
    send(api, line, &[("authorization", &format!("Bearer {token}"))], body).await
}

#[tokio::test]
async fn a_query_shows_each_what_he_may_see_and_nothing_else() {
    use plimsoll_types::log::{Event, What};

    let api = Api::closed().await;
    let registry = api.store.registry_by_host("quay.example:5000").await.unwrap().unwrap();
    let login = Event {
        at: instant(),
        correlation: "c".into(),
        login_server: "quay.example:5000".into(),
        identity: "ada".into(),
        address: "203.0.113.9".into(),
        user_agent: "skopeo/1".into(),
        duration_ms: 1,
        status: 200,
        what: What::Login { token: String::new() },
    };
    api.store.log_events(&[(registry.id, login)]).await.unwrap();
    let tables = [
        "resources",
        "resourcecontainers",
        "securityresources",
        "securityresources | where type has 'subassessments'",
        "ContainerRegistryLoginEvents",
    ];
    let count = async |token: &str, table: &str| {
        let answer = query(&api, token, &format!("{table} | count"), Value::Null).await.is(200);
        answer.body["data"][0]["Count"].as_i64().unwrap_or_default()
    };
    let owner = somebody(&api, "owner", &[("Owner", "/")]).await;
    let security = somebody(&api, "security", &[("Security Reader", REGISTRY)]).await;
    let puller = somebody(&api, "puller", &[("AcrPull", "/")]).await;
    let nobody = somebody(&api, "nobody", &[]).await;
    let stranger =
        somebody(&api, "stranger", &[("Owner", "/subscriptions/99999999-0000-0000-0000-000000000000")]).await;
    for table in tables {
        assert!(count(&owner, table).await > 0, "{table}");
        for other in [&nobody, &stranger] {
            assert_eq!(count(other, table).await, 0, "{table}");
        }
    }
    assert_eq!(count(&security, tables[3]).await, count(&owner, tables[3]).await);
    for (who, table) in [(&security, tables[4]), (&puller, tables[3]), (&puller, tables[4])] {
        assert_eq!(count(who, table).await, 0, "{table}");
    }
    // Whatever the query does, it starts from the rows that the caller may see.
    let findings = "securityresources | where type has 'subassessments'";
    for text in [
        format!("resources | join kind=fullouter ({findings}) on id"),
        format!("union ({findings}), (securityresources), (resources)"),
        format!("print a = toscalar({findings} | count) | where a > 0"),
        format!("let Hidden = {findings}; Hidden | union Hidden"),
        format!(
            "print id = '' | where id in (({findings} | project id)) or 1 == 1 | join kind=rightouter ({findings}) on id"
        ),
        "search 'CVE'".to_owned(),
    ] {
        let answer = query(&api, &stranger, &text, Value::Null).await;
        let rows = answer.body["data"].as_array().map_or(0, Vec::len);
        assert!(rows == 0 && answer.status != StatusCode::INTERNAL_SERVER_ERROR, "{text}: {}", answer.body);
    }
    // Who names a subscription of which he may see nothing is told so.
    let subscription = SUBSCRIPTION.trim_start_matches("/subscriptions/");
    query(&api, &stranger, "resources", json!([subscription])).await.is(403);
    query(&api, &owner, "resources", json!([subscription])).await.is(200);
}

#[tokio::test]
async fn roles_are_given_and_taken_away_and_count_at_once() {
    let api = Api::closed().await;
    let owner = somebody(&api, "owner", &[("Owner", SUBSCRIPTION)]).await;
    let contributor = somebody(&api, "contributor", &[("Contributor", SUBSCRIPTION)]).await;
    let ada = somebody(&api, "ada", &[]).await;
    let role = Role::named("Security Reader").unwrap().id;
    let body = json!({"properties": {
        "roleDefinitionId": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "principalId": Guid::derived(&["ada"]),
    }});
    let name = Guid::derived(&["assignment"]);
    let line = format!("{GROUP}/{ASSIGNMENTS}/{name}?{VERSION}");
    let put = async |token: &str, body: &Value| {
        let bearer = format!("Bearer {token}");
        send(&api, &format!("PUT {line}"), &[("authorization", &bearer)], body.clone()).await
    };
    ask(&api, &findings(GROUP), &ada).await.is(403);
    put(&contributor, &body).await.fails(403, "AuthorizationFailed");
    let made = put(&owner, &body).await.is(201).body;
    assert_eq!(made["id"], format!("{GROUP}/{ASSIGNMENTS}/{name}"));
    assert_eq!(made["properties"]["principalType"], "ServicePrincipal");
    assert_eq!(made["properties"]["scope"], GROUP);
    assert_eq!(made["properties"]["createdBy"], Guid::derived(&["owner"]).as_str());
    ask(&api, &findings(GROUP), &ada).await.is(200);
    ask(&api, &findings(SUBSCRIPTION), &ada).await.is(403);
    put(&owner, &body).await.is(200);
    assert_eq!(ask(&api, &format!("GET {line}"), &contributor).await.is(200).body, made);
    // The same under another name; another under the same name.
    let bearer = format!("Bearer {owner}");
    let other = format!("PUT {GROUP}/{ASSIGNMENTS}/{}?{VERSION}", Guid::derived(&["other"]));
    let answer = send(&api, &other, &[("authorization", &bearer)], body.clone()).await;
    answer.fails(409, "RoleAssignmentExists");
    let mut changed = body.clone();
    changed["properties"]["principalId"] = json!(Guid::derived(&["eve"]));
    put(&owner, &changed).await.fails(409, "RoleAssignmentUpdateNotPermitted");
    // Seen only at its own scope, and by who may.
    let above = format!("GET {SUBSCRIPTION}/{ASSIGNMENTS}/{name}?{VERSION}");
    ask(&api, &above, &owner).await.fails(404, "RoleAssignmentNotFound");
    ask(&api, &format!("DELETE {line}"), &contributor).await.is(403);
    assert_eq!(ask(&api, &format!("DELETE {line}"), &owner).await.is(200).body["name"], name.as_str());
    ask(&api, &format!("DELETE {line}"), &owner).await.is(204);
    ask(&api, &findings(GROUP), &ada).await.is(403);
}

#[tokio::test]
async fn an_assignment_that_is_not_one_is_refused() {
    let api = Api::closed().await;
    let owner = somebody(&api, "owner", &[("Owner", "/")]).await;
    let good = json!({"roleDefinitionId": Role::named("AcrPull").unwrap().id, "principalId": Guid::derived(&["ada"])});
    let with = |name: &str, value: Value| {
        let mut properties = good.clone();
        properties[name] = value;
        json!({"properties": properties})
    };
    let id = Guid::derived(&["id"]);
    let at = |scope: &str, id: &str| format!("PUT {scope}/{ASSIGNMENTS}/{id}?{VERSION}");
    let bearer = format!("Bearer {owner}");
    for (line, body, code) in [
        (at(REGISTRY, "x"), with("principalType", "User".into()), "InvalidRoleAssignmentId"),
        (at(REGISTRY, id.as_str()), with("principalId", "ada".into()), "InvalidPrincipalId"),
        (at(REGISTRY, id.as_str()), with("principalType", "Robot".into()), "InvalidPrincipalType"),
        (
            at(REGISTRY, id.as_str()),
            with("roleDefinitionId", id.as_str().into()),
            "RoleDefinitionDoesNotExist",
        ),
        (at(REGISTRY, id.as_str()), with("condition", "a == b".into()), "ConditionNotSupported"),
        (
            at(&format!("{REGISTRY}/repositories/A"), id.as_str()),
            with("condition", Value::Null),
            "InvalidScope",
        ),
        (at(REGISTRY, id.as_str()), json!({"properties": {}}), "InvalidRequestContent"),
        (at(REGISTRY, id.as_str()), json!([1]), "InvalidRequestContent"),
        (at(REGISTRY, id.as_str()), Value::Null, "InvalidRequestContent"),
    ] {
        send(&api, &line, &[("authorization", &bearer)], body).await.fails(400, code);
    }
    for scope in [
        String::new(),
        format!("{REGISTRY}/repositories/team/app"),
        format!("{REGISTRY}/repositories/team/*"),
    ] {
        let line = at(&scope, Guid::derived(&[&scope]).as_str());
        send(&api, &line, &[("authorization", &bearer)], with("principalType", "user".into())).await.is(201);
    }
    ask(&api, &format!("POST {REGISTRY}/{ASSIGNMENTS}/{id}?{VERSION}"), &owner).await.is(405);
}

#[tokio::test]
async fn assignments_are_listed_at_a_scope_by_filter_and_page() {
    let api = Api::closed().await;
    let roles = [("Owner", "/"), ("AcrPull", REGISTRY), ("Reader", "/subscriptions/another")];
    let owner = somebody(&api, "owner", &roles).await;
    somebody(&api, "ada", &[("AcrPush", REGISTRY), ("Reader", GROUP)]).await;
    let list = async |scope: &str, query: &str| {
        let line = format!("GET {scope}/{ASSIGNMENTS}?{VERSION}{query}");
        ask(&api, &line, &owner).await.is(200).body
    };
    let count = |page: &Value| page["value"].as_array().unwrap().len();
    assert_eq!(count(&list("", "").await), 5);
    assert_eq!(count(&list(SUBSCRIPTION, "").await), 4);
    assert_eq!(count(&list(GROUP, "&$filter=atScope()").await), 2);
    let ada = Guid::derived(&["ada"]);
    assert_eq!(count(&list(REGISTRY, &format!("&$filter=principalId%20eq%20'{ada}'")).await), 2);
    let both = format!("&$filter=atScope()%20and%20assignedTo('{ada}')");
    assert_eq!(count(&list(GROUP, &both).await), 1);
    let line = format!("GET {GROUP}/{ASSIGNMENTS}?{VERSION}&$filter=color%20eq%20'red'");
    ask(&api, &line, &owner).await.fails(400, "InvalidFilter");
    let mut names = BTreeSet::new();
    let mut page = list(SUBSCRIPTION, "&$top=3").await;
    loop {
        names
            .extend(page["value"].as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextLink"].as_str() else { break };
        let path = next.strip_prefix("http://quay.example:5000").unwrap();
        page = ask(&api, &format!("GET {path}"), &owner).await.is(200).body;
    }
    assert_eq!(names.len(), 4);
}

#[tokio::test]
async fn roles_are_told_with_azures_ids_and_the_callers_permissions() {
    let api = Api::closed().await;
    let puller = somebody(&api, "puller", &[("AcrPull", REGISTRY)]).await;
    let at = |rest: &str| format!("GET {SUBSCRIPTION}/providers/Microsoft.Authorization/{rest}");
    let all = ask(&api, &at(&format!("roleDefinitions?{VERSION}")), &puller).await.is(200).body;
    assert_eq!(all["value"].as_array().unwrap().len(), Role::ALL.len());
    let filter = format!("roleDefinitions?{VERSION}&$filter=roleName%20eq%20'AcrPull'");
    let one = ask(&api, &at(&filter), &puller).await.is(200).body;
    let id = "7f951dda-4ed3-4680-a7ca-43fe172d538d";
    assert_eq!(one["value"][0]["name"], id);
    assert_eq!(
        one["value"][0]["properties"]["permissions"][0]["actions"][0],
        "Microsoft.ContainerRegistry/registries/pull/read"
    );
    let again = ask(&api, &at(&format!("roleDefinitions/{id}?{VERSION}")), &puller).await.is(200).body;
    assert_eq!(again, one["value"][0]);
    let root = format!("GET /providers/Microsoft.Authorization/roleDefinitions/{id}?{VERSION}");
    assert_eq!(
        ask(&api, &root, &puller).await.is(200).body["id"],
        format!("/providers/Microsoft.Authorization/roleDefinitions/{id}")
    );
    ask(&api, &at(&format!("roleDefinitions/x?{VERSION}")), &puller)
        .await
        .fails(404, "RoleDefinitionDoesNotExist");
    ask(&api, &at(&format!("roleDefinitions?{VERSION}&$filter=x")), &puller)
        .await
        .fails(400, "InvalidFilter");
    let permissions = format!("GET {REGISTRY}/providers/Microsoft.Authorization/permissions?{VERSION}");
    let mine = ask(&api, &permissions, &puller).await.is(200).body;
    assert_eq!(mine["value"][0], one["value"][0]["properties"]["permissions"][0]);
    let elsewhere = ask(&api, &at(&format!("permissions?{VERSION}")), &puller).await.is(200).body;
    assert_eq!(elsewhere["value"], json!([]));
}

#[tokio::test]
async fn a_managed_identity_gets_a_token_and_resource_manager_takes_it() {
    let api = Api::closed().await;
    let reader = somebody(&api, "reader", &[("Security Reader", "/")]).await;
    let line = |resource: &str| format!("GET /msi/token?api-version=2019-08-01&resource={resource}");
    let ask_for = async |resource: &str, secret: &str| {
        send(&api, &line(resource), &[("x-identity-header", secret)], Value::Null).await
    };
    let answer = ask_for("https%3A%2F%2Fmanagement.core.windows.net%2F", &reader).await.is(200);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.body["resource"], "https://management.core.windows.net/");
    assert!(answer.body["expires_on"].as_str().unwrap().parse::<i64>().is_ok());
    let token = answer.body["access_token"].as_str().unwrap();
    assert_eq!(token.split('.').count(), 3);
    ask(&api, &findings(REGISTRY), token).await.is(200);
    let ours = ask_for("https://quay.example:5000", &reader).await.is(200).body;
    ask(&api, &findings(REGISTRY), ours["access_token"].as_str().unwrap()).await.is(200);
    for other in ["https://vault.azure.net", "https://containerregistry.azure.net"] {
        let token = ask_for(other, &reader).await.is(200).body;
        ask(&api, &findings(REGISTRY), token["access_token"].as_str().unwrap()).await.is(401);
    }
    ask_for("https://management.azure.com", "anything").await.fails(401, "InvalidAuthenticationToken");
    send(&api, &line("x"), &[], Value::Null).await.fails(400, "InvalidRequest");
    send(&api, "GET /msi/token", &[("x-identity-header", &reader)], Value::Null)
        .await
        .fails(400, "InvalidRequest");
    send(&api, "POST /msi/token", &[("x-identity-header", &reader)], Value::Null).await.is(401);
}
