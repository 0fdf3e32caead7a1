//! Resource Graph, asked as its clients ask, on both databases.

#[path = "graph/published.rs"]
mod published;

use std::sync::LazyLock;

use plimsoll_store::RegistryId;
use plimsoll_testkit::servers::Postgres;
use plimsoll_web::GraphSettings;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;

static POSTGRES: LazyLock<Option<Postgres>> = LazyLock::new(Postgres::start);

const SUB: &str = "00000000-1111-2222-3333-444444444444";
const PATH: &str = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01";

/// A server whose store has two registries with images in all states.
struct Graph {
    router: axum::Router,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Graph {
    async fn embedded(settings: GraphSettings) -> Self {
        Self::over(None, settings).await
    }

    /// On SQLite, and on PostgreSQL where the machine has it.
    async fn everywhere(settings: GraphSettings) -> Vec<Self> {
        let mut all = vec![Self::over(None, settings).await];
        if let Some(postgres) = POSTGRES.as_ref() {
            let database = tokio::task::spawn_blocking(|| postgres.database()).await.unwrap().unwrap();
            all.push(Self::over(Some(database), settings).await);
        }
        all
    }

    async fn over(database: Option<String>, settings: GraphSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let kept = Settings {
            database: database.unwrap_or_else(|| format!("sqlite:{at}/store.db")),
            blobs: format!("file:{at}/blobs"),
            blob_options: Vec::new(),
            node: "test".into(),
        };
        let store = Store::open(&kept).await.unwrap();
        let scope = |registry: &str| Scope {
            subscription: SUB.into(),
            resource_group: "Harbour".into(),
            registry: registry.into(),
            registry_host: format!("{}.example:5000", registry.to_ascii_lowercase()),
        };
        fill(&store, &scope("Quay"), &["team/app", "team/clean", "team/damaged"]).await;
        fill(&store, &scope("Pier"), &["team/app", "other/app"]).await;
        let clock: plimsoll_access::Clock = std::sync::Arc::new(instant);
        let mode = plimsoll_access::Settings { mode: Mode::Off, tenant: Guid::nil(), oidc: None };
        let web = Web {
            access: Access::open(store.clone(), clock, mode).await.unwrap(),
            store: store.clone(),
            clock: std::sync::Arc::new(instant),
            scope: scope("Quay"),
            connection: Connection::default(),
            login_server_suffix: "example:5000".into(),
        };
        let router = plimsoll_web::router_with(web, settings);
        Self { router, store, _folder: folder }
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, HeaderMap, Value) {
        self.request(Method::POST, path, body).await
    }

    async fn request(&self, method: Method, path: &str, body: Value) -> (StatusCode, HeaderMap, Value) {
        let request = Request::builder().method(method).uri(path).header("host", "quay.example:5000");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn ask(&self, query: &str) -> Value {
        let (status, _, body) = self.post(PATH, json!({"query": query, "subscriptions": [SUB]})).await;
        assert_eq!(status, StatusCode::OK, "{query}\n{body}");
        body
    }

    /// The rows, as objects.
    async fn rows(&self, query: &str) -> Vec<Value> {
        self.ask(query).await["data"].as_array().unwrap().clone()
    }

    async fn fault(&self, query: &str) -> Value {
        let (status, _, body) = self.post(PATH, json!({"query": query})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}\n{body}");
        body["error"].clone()
    }
}

/// Images in these repositories, in each state that there is.
async fn fill(store: &Store, scope: &Scope, repositories: &[&str]) {
    let id: RegistryId = store.ensure_registry(scope, &json!({}), instant()).await.unwrap();
    let store = store.in_registry(id);
    let severities = [Severity::Critical, Severity::High, Severity::High, Severity::Medium, Severity::Low];
    for (n, repository) in repositories.iter().enumerate() {
        let image = image_with(&format!("{} {repository}", scope.registry), "linux", "amd64");
        push(&store, repository, "1.0", &image).await;
        let complete = json!({"conclusion": {"complete": !repository.ends_with("damaged"), "reason": "layer 1 is damaged"}});
        let findings: Vec<Match> = match repository.ends_with("clean") || repository.ends_with("damaged") {
            true => Vec::new(),
            false => severities
                .iter()
                .enumerate()
                .map(|(at, severity)| Match {
                    fixed_version: (at % 2 == 0).then(|| "2.0".to_owned()),
                    ..found(&format!("CVE-2024-{:04}", at + 3 * n), *severity)
                })
                .collect(),
        };
        let package = format!("package-{}-{n}", scope.registry);
        judge(&store, &image, &package, findings, ImageState::Done, &complete).await;
    }
    push(
        &store,
        "team/waiting",
        "1.0",
        &image_with(&format!("{} waiting", scope.registry), "linux", "amd64"),
    )
    .await;
}

const FINDINGS: &str = "securityresources | where type == 'microsoft.security/assessments/subassessments'";

/// The same query over rows of which nothing can be known before they are read.
fn opaque(query: &str) -> String {
    let columns = ["id", "name", "type", "subscriptionId", "resourceGroup", "location", "tenantId", "kind"];
    let columns: Vec<String> = columns.iter().map(|name| format!("{name} = strcat({name}, '')")).collect();
    let opened = format!(
        "let Opaque = securityresources | extend {}, properties = parse_json(tostring(properties));\n",
        columns.join(", ")
    );
    format!("{opened}{}", query.replace("securityresources", "Opaque"))
}

fn sorted(rows: &[Value]) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn findings_are_rows_as_rest_shows_them() {
    for graph in Graph::everywhere(GraphSettings::default()).await {
        let rows = graph.rows(&format!("{FINDINGS} | order by id asc")).await;
        // Three images with five findings each, two without.
        assert_eq!(rows.len(), 17);
        let of_quay: Vec<&Value> =
            rows.iter().filter(|row| row["id"].as_str().unwrap().contains("/registries/Quay/")).collect();
        let path = format!("{REGISTRY}/{}?{OLD}", of_key(SECOND));
        let (_, _, listed) = graph.request(Method::GET, &path, Value::Null).await;
        let listed = listed["value"].as_array().unwrap();
        assert_eq!(of_quay.len(), listed.len());
        for shown in listed {
            let row = of_quay.iter().find(|row| row["id"] == shown["id"]).unwrap();
            assert_eq!(row["properties"], shown["properties"]);
            assert_eq!(row["name"], shown["name"]);
            assert_eq!(row["type"], "microsoft.security/assessments/subassessments");
            assert_eq!(
                (&row["location"], &row["kind"], &row["sku"]),
                (&json!("global"), &json!(""), &Value::Null)
            );
            assert_eq!(row["resourceGroup"], "harbour");
            assert_eq!(row["subscriptionId"], SUB);
        }
    }
}

#[tokio::test]
async fn findings_are_counted_by_severity() {
    for graph in Graph::everywhere(GraphSettings::default()).await {
        let query = format!(
            "{FINDINGS} | summarize count() by severity = tostring(properties.status.severity) | order by severity asc"
        );
        let expected = json!([
            {"severity": "", "count_": 2}, {"severity": "Critical", "count_": 3}, {"severity": "High", "count_": 6},
            {"severity": "Low", "count_": 3}, {"severity": "Medium", "count_": 3},
        ]);
        assert_eq!(graph.ask(&query).await["data"], expected);
        assert_eq!(graph.ask(&opaque(&query)).await["data"], expected);
    }
}

#[tokio::test]
async fn what_the_database_does_changes_no_answer() {
    let settings = GraphSettings { both_generations: true };
    let queries = [
        "| summarize count() by tostring(properties.status.severity), tostring(properties.status.code)",
        "| summarize count() by type, tostring(properties.additionalData.assessedResourceType)",
        "| summarize n = count() by repo = tostring(properties.additionalData.artifactDetails.repositoryName), tostring(properties.status.code)",
        "| summarize n = count() by tostring(properties.additionalData.repositoryName), tostring(properties.additionalData.imageDigest)",
        "| summarize count() by tostring(properties.additionalData.artifactDetails.digest), severity = tolower(properties.status.severity)",
        "| where properties.additionalData.artifactDetails.repositoryName == 'team/app' | summarize count(), dcount(tostring(properties.status.severity))",
        "| where properties.additionalData.artifactDetails.repositoryName =~ 'TEAM/APP' | project id",
        "| where properties.additionalData.repositoryName in ('team/app', 'other/app') | count",
        "| where properties.additionalData.artifactDetails.registryHost == 'pier.example:5000' | count",
        "| where properties.id == 'CVE-2024-0003' | project id, properties.status.severity",
        "| where properties.additionalData.vulnerabilityDetails.cveId in ('CVE-2024-0003', 'CVE-2024-0001') | project id",
        "| where properties.id == 'CVE-2024-0003' | summarize count() by tostring(properties.additionalData.artifactDetails.repositoryName), tostring(properties.status.code)",
        "| where properties.id == 'CVE-2024-0001' | summarize n = count() by tostring(properties.additionalData.artifactDetails.digest), tostring(properties.status.severity), subscriptionId",
        "| where properties.additionalData.vulnerabilityDetails.cveId == 'CVE-2024-0003' | summarize count() by tostring(properties.id), type",
        "| where properties.id == 'CVE-2024-0001' and properties.additionalData.artifactDetails.registryHost == 'quay.example:5000' | count",
        "| where properties.id == 'CVE-1999-0001' | summarize count() by type",
        "| where properties.status.severity in ('High', 'Critical') | count",
        "| where isempty(properties.status.severity) and type has 'subassessments' | project name, properties.status.code",
        "| where properties.status.code != 'Unhealthy' | project id, type",
        "| where resourceGroup =~ 'HARBOUR' and location == 'global' | summarize count() by type",
        "| where resourceGroup == 'elsewhere' | count",
        "| where type !has 'subassessments' | project id, type, properties.displayName",
        "| where kind == '' and tenantId != '' | summarize by type",
        "| distinct tostring(properties.additionalData.vulnerabilityDetails.severity)",
        "| summarize countif(properties.status.severity == 'High'), max(tostring(properties.status.severity)) by subscriptionId",
        "| count",
        "| where properties.timeGenerated > ago(1h) | count",
        "| summarize make_set(tostring(properties.status.code)) by resourceGroup",
        "| join kind=inner (securityresources | where type has 'subassessments' | summarize n = count() by t = tostring(properties.status.severity)) \
            on $left.name == $right.t | count",
        "| where id in ((securityresources | where properties.status.severity == 'Low' | project id)) | count",
        "| where properties.status has 'High' | mv-expand cve = properties.additionalData.cve | summarize count()",
    ];
    let mut answers: Vec<Vec<Vec<String>>> = Vec::new();
    for graph in Graph::everywhere(settings).await {
        let rule = json!({"properties": {"criteria": {"cves": "CVE-2024-0001"}, "reason": "not reachable", "author": "ada"}});
        let path = format!(
            "/subscriptions/{SUB}/providers/Plimsoll.Security/disableRules/one?api-version=2026-11-01"
        );
        let (status, _, shown) = graph.request(Method::PUT, &path, rule).await;
        assert_eq!(status, StatusCode::CREATED, "{shown}");
        let mut of_this = Vec::new();
        for query in queries {
            let query = format!("securityresources {query}");
            let (plain, opaque) = (graph.rows(&query).await, graph.rows(&opaque(&query)).await);
            assert_eq!(sorted(&plain), sorted(&opaque), "{query}");
            of_this.push(sorted(&plain));
        }
        answers.push(of_this);
    }
    if let [embedded, distributed] = &answers[..] {
        assert_eq!(embedded, distributed, "the two databases");
    }
}

fn generated() -> impl Strategy<Value = String> {
    let text = || {
        prop::sample::select(vec![
            "type",
            "subscriptionId",
            "resourceGroup",
            "tostring(properties.status.severity)",
            "tostring(properties.status.code)",
            "tostring(properties.additionalData.assessedResourceType)",
            "tostring(properties.id)",
            "name",
            "tostring(properties.additionalData.artifactDetails.repositoryName)",
            "tostring(properties.additionalData.repositoryName)",
            "tostring(properties.additionalData.artifactDetails.digest)",
            "tolower(properties.Status.Severity)",
            "tostring(properties.additionalData.vulnerabilityDetails.severity)",
            "tostring(properties.additionalData.patchable)",
        ])
    };
    let literal = || {
        prop::sample::select(vec![
            "'High'",
            "'low'",
            "''",
            "'team/app'",
            "'Team/App'",
            "'CVE-2024-0003'",
            "'Healthy'",
            "'harbour'",
            "'AzureContainerRegistryVulnerability'",
            "'microsoft.security/assessments/subassessments'",
            "'assess'",
        ])
    };
    let how = prop::sample::select(vec![
        "==",
        "!=",
        "=~",
        "!~",
        "contains",
        "!has",
        "startswith",
        "in",
        "in~",
        "!in",
    ]);
    let condition = (text(), how, literal(), literal()).prop_map(|(text, how, a, b)| {
        match how.contains("in") && !how.contains("con") {
            true => format!("{text} {how} ({a}, {b})"),
            false => format!("{text} {how} {a}"),
        }
    });
    let conditions = prop::collection::vec((condition, any::<bool>()), 0..3).prop_map(|all| {
        all.into_iter()
            .map(|(c, negated)| if negated { format!("| where not({c}) ") } else { format!("| where {c} ") })
            .collect::<String>()
    });
    let ending = prop_oneof![
        Just("| count".to_owned()),
        text().prop_map(|by| format!("| summarize count() by k = {by}")),
        (text(), text())
            .prop_map(|(a, b)| format!("| summarize n = count(), dcount({a}) by k = {b}, j = {a}")),
        text().prop_map(|by| format!("| project id, x = {by}")),
        text().prop_map(|by| format!("| summarize by x = {by}")),
        text().prop_map(|by| format!("| order by id asc | take 4 | project id, x = {by}")),
    ];
    (conditions, ending).prop_map(|(conditions, ending)| format!("securityresources {conditions}{ending}"))
}

#[tokio::test]
async fn generated_queries_answer_alike_in_the_database_and_here() {
    let graphs = Graph::everywhere(GraphSettings { both_generations: true }).await;
    let mut runner = TestRunner::deterministic();
    for _ in 0..60 {
        let query = generated().new_tree(&mut runner).unwrap().current();
        let mut answers = Vec::new();
        for graph in &graphs {
            answers.push((sorted(&graph.rows(&query).await), sorted(&graph.rows(&opaque(&query)).await)));
        }
        for (plain, opaque) in &answers {
            assert_eq!(plain, opaque, "{query}");
            assert_eq!(plain, &answers[0].0, "{query}");
        }
    }
}

/// One query for each operator and function of the published subset and of the standard ones beyond it, over rows of the
/// store. What each means is tested in `plimsoll-query`; here it must mean the same wherever it is computed.
const EACH: &[&str] = &[
    // Operators on tables.
    "| count",
    "| distinct type, tostring(properties.status.code)",
    "| extend severity = tostring(properties.status.severity) | project id, severity",
    "| join (securityresources | where type has 'assessments' | project id, other = type) on id | project id, other",
    "| join kind=inner (securityresources | summarize n = count() by type) on type | project id, n",
    "| join kind=leftouter (securityresources | where name startswith 'd' | project id, found = name) on id | project id, found",
    "| join kind=fullouter (securityresources | where type !has 'subassessments' | project id, found = name) on id | count",
    "| join kind=leftsemi (securityresources | where type !has 'subassessments') on id | project id",
    "| join kind=leftanti (securityresources | where type !has 'subassessments') on id | project id",
    "| order by id asc | limit 3 | project id",
    "| order by tostring(properties.status.severity) desc, id asc | take 5 | project id",
    "| sort by id desc nulls last | take 2 | project id",
    "| mvexpand part = split(type, '/') | project id, tostring(part)",
    "| mv-expand part = split(type, '/') to typeof(string) limit 2 | summarize count() by part",
    "| parse type with provider '/' rest | project id, provider, rest",
    "| project id, properties.status.code",
    "| project-away properties, tags | project id, type",
    "| project-rename kept = id | project kept",
    "| project-keep id, type",
    "| project-reorder type, id | project id, type",
    "| summarize count() by type",
    "| summarize by type, kind",
    "| top 3 by id asc | project id",
    "| union (securityresources | where type !has 'subassessments') | count",
    "| union kind=outer withsource=origin (resources | project id, type, location) | summarize count() by origin, type",
    "| where type has 'subassessments' and (kind == '' or not(isempty(id))) | count",
    "| where * contains 'high' | project id",
    "| lookup (securityresources | summarize n = count() by type) on type | project id, n",
    "| search 'high' | project id",
    "| sample 1000 | count",
    "| where type !has 'subassessments' | serialize | as Kept | project id",
    "| parse-where type with provider '/' rest | project provider, rest",
    "| union (print id = 'x'), (datatable (id: string) ['y', 'z']), (range id from 1 to 3 step 1) | count",
    "| getschema | project ColumnName, ColumnType",
    // Texts.
    "| project id, a = tolower(name), b = toupper(type), c = tostring(properties.status)",
    "| project id, extract(@'registries/(\\w+)', 1, id), split(type, '/')[0], split(type, '/').[1]",
    "| project id, strcat(name, '-', type), substring(type, 2, 5), indexof(type, '/'), strlen(name)",
    "| project id, replace_string(type, 'assess', '-'), trim('m', type), replace_regex(type, '[aeiou]', '')",
    "| where isnotempty(properties.status.severity) | project id, isempty(kind)",
    "| project id, strcat_array(split(type, '/'), '+'), reverse(name), countof(type, 's')",
    "| where type matches regex '(?i)SUB.*?assess' | project id",
    "| project id, extract_all(@'([a-z]+)', type), base64_encode_tostring(name), url_encode(type)",
    // Dynamic values.
    "| project id, parse_json(tostring(properties)).status.code, todynamic('[1,2]')[1]",
    "| project id, pack('a', type), bag_pack('b', name), array_length(split(type, '/')), properties['status']['code']",
    "| project id, bag_keys(properties.status), array_concat(split(type, '/'), dynamic([1])), set_has_element(split(type, '/'), 'assessments')",
    "| project id, array_slice(split(type, '/'), 0, 1), array_sort_asc(split(type, '/')), pack_array(type, 1)",
    "| project id, gettype(properties), properties.['status'].severity, bag_merge(properties.status, dynamic({'k': 1}))",
    // Numbers.
    "| project id, tolong(strlen(id)), toint('7'), todouble('1.5'), round(strlen(name) / 7.0, 2), floor(2.7, 1), abs(-3), bin(strlen(id), 10)",
    "| project id, iff(type has 'subassessments', 'one', 'other'), case(kind == '', 1, 2), coalesce(tostring(properties.none), 'x')",
    "| project id, isnull(properties.none), isnotnull(properties.status), tobool('true'), max_of(1, strlen(name)), min_of(1, 2)",
    "| where strlen(name) + 1 > 4 and strlen(id) * 2 >= 10 and strlen(type) - 1 < 1000 and strlen(name) / 2 <= 500 | count",
    "| where strlen(name) % 2 == 0 | project id",
    "| where strlen(id) between (10 .. 10000) | count",
    // Times.
    "| where properties.timeGenerated > ago(1h) or properties.timeGenerated <= now() | count",
    "| where todatetime(properties.timeGenerated) > datetime(2020-01-01) | project id",
    "| where now() - ago(7d) == 7d and 1h < 1d | count",
    "| project id, startofday(todatetime(properties.timeGenerated)), format_datetime(todatetime(properties.timeGenerated), 'yyyy-MM')",
    "| project id, datetime_diff('day', datetime(2024-02-01), datetime(2024-01-01)), dayofweek(datetime(2024-02-01)), totimespan('1.00:00:00')",
    // Aggregates.
    "| summarize count(), n = count(properties.status.severity), countif(type has 'subassessments'), dcount(type) by kind",
    "| summarize sum(strlen(name)), avg(strlen(name)), min(id), max(id), sumif(1, type has 'subassessments')",
    "| summarize make_bag(pack(type, 1)), make_set(type), dcountif(id, type has 'subassessments')",
    "| order by id asc | summarize make_list(id), make_list(name, 2)",
    "| summarize arg_max(id, type), arg_min(id, name)",
    "| where id has 'CVE' or id has 'quay' | summarize any(type), take_any(kind) by type, kind",
    "| summarize stdev(strlen(id)), variance(strlen(id)), percentile(strlen(id), 50)",
    // Comparisons.
    "| where type == 'x' or type != 'x' | count",
    "| where type =~ 'MICROSOFT.SECURITY/ASSESSMENTS' or type !~ 'x' | count",
    "| where type contains 'SUB' and type !contains 'zz' and type contains_cs 'sub' | count",
    "| where type has 'assessments' and type !has 'zz' and type has_cs 'subassessments' | count",
    "| where type startswith 'MICRO' and type !startswith 'zz' and type endswith 'MENTS' and type !endswith 'x' | count",
    "| where type in ('microsoft.security/assessments') or type in~ ('MICROSOFT.SECURITY/SUBASSESSMENTS') | count",
    "| where type !in ('x') and type !in~ ('y') | count",
    "| where id has_any ('quay', 'pier') and type has_all ('security', 'assessments') | count",
    // Statements and literals.
    "| where type has \"subassessments\" // a comment\n| where type has @'subassessments' and type has @\"subassessments\" | count",
];

#[tokio::test]
async fn every_operator_and_function_answers_alike_everywhere() {
    // A server takes so many queries in a while from one caller.
    for some in EACH.chunks(50) {
        let graphs = Graph::everywhere(GraphSettings { both_generations: true }).await;
        for query in some {
            let query = format!("securityresources {query}");
            let mut first = None;
            for graph in &graphs {
                let (plain, opaque) = (graph.rows(&query).await, graph.rows(&opaque(&query)).await);
                assert!(!plain.is_empty(), "finds nothing, so shows nothing: {query}");
                assert_eq!(sorted(&plain), sorted(&opaque), "{query}");
                let first = first.get_or_insert_with(|| sorted(&plain));
                assert_eq!(first, &sorted(&plain), "{query}");
            }
        }
    }
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end() {
    let graph = Graph::embedded(GraphSettings::default()).await;
    for query in [format!("{FINDINGS} | project id"), format!("{FINDINGS} | order by id desc | project id")] {
        let mut ids = Vec::new();
        let mut options = json!({"$top": 5});
        loop {
            let (status, headers, body) = graph.post(PATH, json!({"query": query, "options": options})).await;
            assert_eq!(status, StatusCode::OK, "{body}");
            assert!(headers.contains_key("x-ms-user-quota-remaining"));
            assert!(headers["x-ms-user-quota-resets-after"].to_str().unwrap().starts_with("00:00:0"));
            assert_eq!((&body["totalRecords"], &body["resultTruncated"]), (&json!(17), &json!("false")));
            let page = body["data"].as_array().unwrap();
            assert_eq!(body["count"], page.len());
            ids.extend(page.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            match body.get("$skipToken") {
                Some(token) => options = json!({"$skipToken": token}),
                None => break,
            }
        }
        assert_eq!(ids.len(), 17, "{query}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 17, "no row comes twice");
    }
    // A query that says itself how many rows it gives has no further page.
    let (_, _, body) =
        graph.post(PATH, json!({"query": format!("{FINDINGS} | take 7"), "options": {"$top": 3}})).await;
    assert_eq!((&body["count"], &body["totalRecords"]), (&json!(3), &json!(7)));
    assert_eq!((&body["resultTruncated"], body.get("$skipToken")), (&json!("true"), None));
    let (_, _, body) = graph
        .post(PATH, json!({"query": format!("{FINDINGS} | project properties"), "options": {"$top": 3}}))
        .await;
    assert_eq!((&body["resultTruncated"], body.get("$skipToken")), (&json!("true"), None), "only documents");
    let (_, _, body) =
        graph.post(PATH, json!({"query": FINDINGS, "options": {"$top": 3, "$skip": 15}})).await;
    assert_eq!(body["count"], 2);
}

#[tokio::test]
async fn rows_are_objects_or_a_table() {
    let graph = Graph::embedded(GraphSettings::default()).await;
    let query =
        "print a = 1, b = 'x', c = 1.5, d = true, e = datetime(2024-05-02), f = dynamic({'k': [1]}), g = 1h";
    let objects = graph.ask(query).await;
    assert_eq!(objects["facets"], json!([]));
    assert_eq!(
        objects["data"],
        json!([{"a": 1, "b": "x", "c": 1.5, "d": true, "e": "2024-05-02T00:00:00.0000000Z", "f": {"k": [1]}, "g": "01:00:00"}])
    );
    let table = |version: &str, options: Value| {
        let path = format!("/providers/Microsoft.ResourceGraph/resources?api-version={version}");
        let graph = &graph;
        async move { graph.post(&path, json!({"query": query, "options": options})).await.2["data"].clone() }
    };
    let data = table("2022-10-01", json!({"resultFormat": "table"})).await;
    let kinds: Vec<&str> =
        data["columns"].as_array().unwrap().iter().map(|c| c["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["integer", "string", "number", "boolean", "datetime", "object", "string"]);
    assert_eq!(data["rows"][0][5], json!({"k": [1]}));
    assert_eq!(table("2021-03-01", json!({"resultFormat": "table"})).await["columns"][4]["type"], "string");
    assert!(table("2019-04-01", Value::Null).await["rows"].is_array(), "the older default");
    assert!(table("2021-03-01", Value::Null).await.is_array(), "the newer default");
}

#[tokio::test]
async fn facets_count_the_answer_by_its_columns() {
    let graph = Graph::embedded(GraphSettings::default()).await;
    let body = json!({
        "query": format!("{FINDINGS} | project id, location, severity = tostring(properties.status.severity), properties // all"),
        "facets": [
            {"expression": "location"},
            {"expression": "severity", "options": {"$top": 2, "sortBy": "severity", "sortOrder": "asc"}},
            {"expression": "properties.status.code", "options": {"filter": "severity == 'High'"}},
            {"expression": "nothing"},
            {"expression": "1 | take 5"},
        ],
    });
    let (status, _, body) = graph.post(PATH, body).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let facets = &body["facets"];
    assert_eq!(
        facets[0],
        json!({"expression": "location", "resultType": "FacetResult", "totalRecords": 1, "count": 1,
            "data": [{"location": "global", "count": 17}]})
    );
    assert_eq!((&facets[1]["totalRecords"], &facets[1]["count"]), (&json!(5), &json!(2)));
    assert_eq!(
        facets[1]["data"],
        json!([{"severity": "", "count": 2}, {"severity": "Critical", "count": 3}])
    );
    assert_eq!(facets[2]["data"], json!([{"properties_status_code": "Unhealthy", "count": 6}]));
    for facet in [&facets[3], &facets[4]] {
        assert_eq!(facet["resultType"], "FacetError");
        assert_eq!(facet["errors"][0]["code"], "NoValidColumns");
        assert_eq!(facet["errors"][1]["code"], "InvalidColumnNames");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_where_it_is() {
    let graph = Graph::embedded(GraphSettings::default()).await;
    let fault = graph.fault("Resources |\n where name = 'a'").await;
    assert_eq!(fault["code"], "BadRequest");
    assert_eq!(fault["details"][0]["code"], "InvalidQuery");
    let detail = &fault["details"][1];
    assert_eq!(detail["code"], "ParserFailure");
    assert_eq!(
        (&detail["line"], &detail["characterPositionInLine"], &detail["token"]),
        (&json!(2), &json!(12), &json!("="))
    );
    let detail = graph.fault("resources | render piechart").await["details"][1].clone();
    assert_eq!(
        (&detail["code"], &detail["line"], &detail["token"]),
        (&json!("InvalidQueryLanguage"), &json!(-1), &json!("render"))
    );
    let detail = graph.fault("resources | where nme == 'a'").await["details"][1].clone();
    assert!(detail["message"].as_str().unwrap().contains("did you mean 'name'?"), "{detail}");
    let detail = graph
        .fault("range x from 1 to 1000000 step 1 | extend s = strrep('a', 1000) | sort by s")
        .await["details"][1]
        .clone();
    assert_eq!(detail["code"], "LimitExceeded");
    let detail = graph.fault(&"a".repeat(200_000)).await["details"][1].clone();
    assert_eq!(detail["code"], "QueryTooLarge");
    // Ten megabytes are not even read.
    let (status, _, body) = graph.post(PATH, json!({"query": "a".repeat(10 << 20)})).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &json!("RequestContentTooLarge"))
    );
}

#[tokio::test]
async fn bodies_of_wrong_types_name_what_is_wrong() {
    let graph = Graph::embedded(GraphSettings::default()).await;
    for (body, part) in [
        (json!({}), "query"),
        (json!({"query": ""}), "empty"),
        (json!({"query": 5}), "query"),
        (json!({"query": "resources", "subscriptions": "a"}), "subscriptions"),
        (json!({"query": "resources", "subscriptions": [1]}), "subscriptions[0]"),
        (json!({"query": "resources", "subscriptions": ["a"], "managementGroups": ["b"]}), "not both"),
        (json!({"query": "resources", "options": {"$top": 0}}), "$top"),
        (json!({"query": "resources", "options": {"$top": 1001}}), "$top"),
        (json!({"query": "resources", "options": {"$top": "many"}}), "$top"),
        (json!({"query": "resources", "options": {"$skip": -1}}), "$skip"),
        (json!({"query": "resources", "options": {"resultFormat": "xml"}}), "resultFormat"),
        (json!({"query": "resources", "options": {"$skipToken": "rubbish"}}), "skipToken"),
        (json!({"query": "resources", "facets": [{}]}), "facets[0]"),
    ] {
        let (status, _, answer) = graph.post(PATH, body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(part), "{body}: {answer}");
    }
    // A token of another query.
    let (_, _, first) = graph.post(PATH, json!({"query": FINDINGS, "options": {"$top": 3}})).await;
    let other = json!({"query": "resources", "options": {"$skipToken": first["$skipToken"]}});
    let (status, _, answer) = graph.post(PATH, other).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("InvalidSkipToken")));
    let (status, _, answer) =
        graph.post(PATH, json!({"query": "resources", "subscriptions": ["nobody"]})).await;
    assert_eq!((status, &answer["error"]["code"]), (StatusCode::FORBIDDEN, &json!("AccessDenied")));
}

#[tokio::test]
async fn a_caller_who_asks_too_often_is_told_when_to_come_back() {
    let graph = Graph::embedded(GraphSettings::default()).await;
    for left in (0..150).rev() {
        let (status, headers, _) = graph.post(PATH, json!({"query": "print 1"})).await;
        assert_eq!(
            (status, headers["x-ms-user-quota-remaining"].to_str().unwrap()),
            (StatusCode::OK, &*left.to_string())
        );
    }
    let (status, headers, body) = graph.post(PATH, json!({"query": "print 1"})).await;
    assert_eq!((status, &body["error"]["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("RateLimiting")));
    assert_eq!(headers["retry-after"], "5");
}

#[tokio::test]
async fn queries_are_kept_changed_named_and_forgotten() {
    let graph = Graph::embedded(GraphSettings::default()).await;
    let list = format!("{GROUP}/providers/Microsoft.ResourceGraph/queries");
    let at = |name: &str| format!("{list}/{name}?api-version=2024-04-01");
    let body = json!({"location": "global", "tags": {"team": "a"}, "properties": {
        "query": format!("{FINDINGS} | project id"), "description": "All findings"}});
    let (status, _, query) = graph.request(Method::PUT, &at("Mine"), body.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{query}");
    assert_eq!(query["id"], format!("{list}/Mine"));
    assert_eq!((&query["name"], &query["properties"]["resultKind"]), (&json!("Mine"), &json!("basic")));
    assert_eq!(query["properties"]["timeModified"], "2026-08-21T10:00:00Z");
    let (status, _, _) = graph.request(Method::PUT, &at("mine"), body).await;
    assert_eq!(status, StatusCode::OK, "the case of a name says nothing");
    let rows = graph.rows(&format!("{{{{{list}/Mine}}}} | where id contains 'Pier' | count")).await;
    assert_eq!(rows, [json!({"Count": 10})]);
    let change = json!({"properties": {"description": "Fewer"}});
    let (status, _, query) = graph.request(Method::PATCH, &at("mine"), change).await;
    assert_eq!((status, &query["tags"]["team"]), (StatusCode::OK, &json!("a")));
    assert!(query["properties"]["query"].as_str().unwrap().contains("subassessments"));
    for scope in [SUBSCRIPTION, GROUP] {
        let path = format!("{scope}/providers/Microsoft.ResourceGraph/queries?api-version=2021-03-01");
        let (_, _, listed) = graph.request(Method::GET, &path, Value::Null).await;
        assert_eq!(listed["value"].as_array().unwrap().len(), 1, "{scope}");
    }
    let rows = graph.rows("resources | where type == 'microsoft.resourcegraph/queries' | project name").await;
    assert_eq!(rows, [json!({"name": "Mine"})]);
    for (body, part) in [
        (json!({"properties": {"query": "resources | where"}}), "line 1"),
        (json!({"properties": {}}), "properties.query"),
        (json!({"properties": {"query": "resources"}, "location": "moon"}), "location"),
        (json!({"properties": {"query": "resources"}, "tags": {"a": 1}}), "tags"),
    ] {
        let (status, _, answer) = graph.request(Method::PUT, &at("bad"), body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(answer["error"]["message"].as_str().unwrap().contains(part), "{answer}");
    }
    let stale = json!({"etag": "0000", "properties": {"query": "resources"}});
    let (status, _, _) = graph.request(Method::PUT, &at("mine"), stale).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    let (status, _, _) = graph.request(Method::DELETE, &at("mine"), Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _, _) = graph.request(Method::DELETE, &at("mine"), Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _, _) = graph.request(Method::GET, &at("mine"), Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let path = "/providers/Microsoft.ResourceGraph/operations?api-version=2021-03-01";
    let (status, _, operations) = graph.request(Method::GET, path, Value::Null).await;
    assert_eq!((status, operations["value"].as_array().unwrap().len()), (StatusCode::OK, 3));
}

#[tokio::test]
async fn subscriptions_and_registries_have_their_tables() {
    let graph = Graph::embedded(GraphSettings::default()).await;
    let rows = graph
        .rows("ResourceContainers | where type == 'microsoft.resources/subscriptions' | project subscriptionId, state = properties.state, \
            root = properties.managementGroupAncestorsChain[0].displayName")
        .await;
    assert_eq!(rows, [json!({"subscriptionId": SUB, "state": "Enabled", "root": "Tenant Root Group"})]);
    let assessments = graph
        .rows("securityresources | where type == 'microsoft.security/assessments' | project name, properties.status.code, \
            source = properties.resourceDetails.Source, link = properties.links.azurePortal")
        .await;
    assert!(!assessments.is_empty());
    for row in &assessments {
        assert_eq!(
            (&row["name"], &row["source"]),
            (&json!(SECOND), &json!("Azure")),
            "the newer generation's alone"
        );
        assert!(row["link"].as_str().unwrap().starts_with("http"));
    }
    assert!(graph.store.registries().await.unwrap().len() == 2);
}

#[tokio::test]
async fn resource_logs_are_tables() {
    use plimsoll_types::log::{Event, Operation, Repository, What};

    for graph in Graph::everywhere(GraphSettings::default()).await {
        let registry = graph.store.registry_by_host("quay.example:5000").await.unwrap().unwrap();
        let event = |seconds: i64, identity: &str, what: What| Event {
            at: instant().plus_millis(1000 * seconds),
            correlation: format!("c{seconds}"),
            login_server: "quay.example:5000".into(),
            identity: identity.into(),
            address: "203.0.113.9".into(),
            user_agent: "skopeo/1".into(),
            duration_ms: 12,
            status: 200,
            what,
        };
        let of = |operation: Operation, repository: &str| {
            What::Repository(Repository {
                operation,
                repository: repository.into(),
                tag: Some("1.0".into()),
                digest: None,
                media_type: None,
                artifact_type: None,
                size: Some(7),
            })
        };
        let mut events: Vec<_> = (0..1200)
            .map(|n| {
                (
                    registry.id,
                    event(n, if n % 3 == 0 { "scanner" } else { "ada" }, of(Operation::Pull, "team/app")),
                )
            })
            .collect();
        events.push((registry.id, event(1200, "ada", of(Operation::Push, "team/other"))));
        events.push((registry.id, event(1201, "ada", What::Login { token: "t".into() })));
        graph.store.log_events(&events).await.unwrap();

        let counted = graph
            .rows("ContainerRegistryRepositoryEvents | summarize count() by Identity, OperationName | order by count_ asc")
            .await;
        assert_eq!(
            json!(counted),
            json!([
                {"Identity": "ada", "OperationName": "Push", "count_": 1},
                {"Identity": "scanner", "OperationName": "Pull", "count_": 400},
                {"Identity": "ada", "OperationName": "Pull", "count_": 800},
            ])
        );
        let at = |seconds: i64| instant().plus_millis(1000 * seconds).to_string();
        let between = format!(
            "containerregistryrepositoryevents | where TimeGenerated > datetime({}) and TimeGenerated <= datetime({}) \
            | where Identity == 'ada' and Repository =~ 'TEAM/APP' | project TimeGenerated, Tag, Size, LoginServer",
            at(3),
            at(6)
        );
        let rows = graph.rows(&between).await;
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert_eq!((&rows[0]["Tag"], &rows[0]["Size"]), (&json!("1.0"), &json!(7)));
        let logins = graph.rows("ContainerRegistryLoginEvents | project JwtId, _ResourceId").await;
        assert_eq!(logins.len(), 1);
        assert_eq!(logins[0]["JwtId"], "t");
        assert!(logins[0]["_ResourceId"].as_str().unwrap().ends_with("/registries/quay"), "{logins:?}");
    }
}
