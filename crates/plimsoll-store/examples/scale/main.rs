//! A store of the size that the readers' limits are held against, and how long they take on it.
//!
//! ```sh
//! cargo run -p plimsoll-store --example scale -- make sqlite:/tmp/scale.db 100000
//! cargo run -p plimsoll-store --example scale -- measure sqlite:/tmp/scale.db
//! cargo run -p plimsoll-store --example scale -- affected sqlite:/tmp/million.db 1000000
//! ```
//!
//! The store has eight registries in four subscriptions, forty base images of 120 packages that most images share, and
//! 30,000 packages of applications; an image holds 130 package versions and shows 200 findings. The rows are made by SQL in
//! the tables that the migrations make. `affected` makes another store, of many more images, and tells one thing of it: when
//! a changed advisory is seen in the list of affected images.

mod affected;

use std::time::Instant;

use plimsoll_store::{CountBy, CountFilter, FindingFilter, RegistryId, Settings, Store};
use plimsoll_types::{Generation, Match, Scope, Severity, Status, Timestamp};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const REPOSITORIES: u64 = 2_000;
/// Images whose rows are made by one statement.
const AT_ONCE: u64 = 10_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", url, images] => make(url, images.parse()?).await,
        ["measure", url] => measure(url).await,
        ["affected", url, images] => affected::tell(url, images.parse()?).await,
        _ => Err("usage: scale make URL IMAGES | scale measure URL | scale affected URL IMAGES".into()),
    }
}

async fn open(url: &str) -> Result<Store, plimsoll_store::Error> {
    let blobs = format!("file:{}", std::env::temp_dir().join("plimsoll-scale-blobs").display());
    let settings = Settings { database: url.into(), blobs, blob_options: vec![], node: "scale".into() };
    Store::open(&settings).await
}

async fn make(url: &str, images: u64) -> Result<(), Box<dyn std::error::Error>> {
    fill(url, |is_postgres| statements(images, is_postgres)).await
}

/// Makes the tables and eight registries, and runs the statements for this database.
async fn fill(url: &str, statements: impl Fn(bool) -> Vec<String>) -> Result<(), Box<dyn std::error::Error>> {
    let store = open(url).await?;
    for number in 0..8 {
        let scope = Scope {
            subscription: format!("00000000-0000-0000-0000-00000000000{}", number % 4),
            resource_group: "scale".into(),
            registry: format!("registry{number}"),
            registry_host: format!("registry{number}.example"),
        };
        store.ensure_registry(&scope, &serde_json::json!({"location": "local"}), NOW).await?;
    }
    store.close().await;
    let statements = statements(!url.starts_with("sqlite:"));
    if url.starts_with("sqlite:") {
        let path = url.trim_start_matches("sqlite:");
        let mut db = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await?;
        for sql in std::iter::once("pragma synchronous = off; pragma cache_size = -1000000".to_owned())
            .chain(statements)
        {
            run(&mut db, sql).await?;
        }
        db.close().await?;
    } else {
        let mut db = sqlx::PgConnection::connect(url).await?;
        // Foreign keys need not be looked up for rows that are made to fit.
        let begin = "set session_replication_role = replica; set synchronous_commit = off".to_owned();
        for sql in std::iter::once(begin).chain(statements) {
            run(&mut db, sql).await?;
        }
        db.close().await?;
    }
    Ok(())
}

async fn run<'c, E: sqlx::Executor<'c>>(db: E, sql: String) -> Result<(), sqlx::Error> {
    let (start, head) = (Instant::now(), sql.chars().take(60).collect::<String>());
    db.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
    println!("{:>7.1} s  {head}", start.elapsed().as_secs_f64());
    Ok(())
}

/// The head of a `with` that has the numbers from one to another.
fn numbers(is_postgres: bool, from: u64, to: u64) -> String {
    if is_postgres {
        format!("n (i) as (select cast(generate_series({from}, {to}) as bigint))")
    } else {
        format!("recursive n (i) as (select {from} union all select i + 1 from n where i < {to})")
    }
}

/// A digest made of a number, and of a digit that tells what it is of.
fn digest(is_postgres: bool, number: &str, salt: &str) -> String {
    if is_postgres {
        format!("'sha256:' || lpad('{salt}' || lpad(to_hex({number}), 16, '0'), 64, '0')")
    } else {
        format!("'sha256:' || printf('%048d', 0{salt}) || printf('%016x', {number})")
    }
}

/// 32 bytes made of the number `i`.
fn identity(is_postgres: bool) -> &'static str {
    if is_postgres { "decode(lpad(to_hex(i), 64, '0'), 'hex')" } else { "unhex(printf('%064x', i))" }
}

/// The rows of repositories and images, each with its tag if it has one.
fn images_in_repositories(images: u64, is_postgres: bool) -> Vec<String> {
    let numbers = |to: u64| numbers(is_postgres, 1, to);
    let digest = |number: &str, salt: &str| digest(is_postgres, number, salt);
    let text = "text";
    let i = "cast(i as text)";
    let now = NOW.0;
    let media = "application/vnd.oci.image.manifest.v1+json";
    vec![
        format!(
            "with {} insert into repositories (key, registry, name, created_at) \
            select cast(1 + i % 8 as {text}) || '/team' || cast(i % 40 as {text}) || '/app' || {i}, 1 + i % 8, \
            'team' || cast(i % 40 as {text}) || '/app' || {i}, {now} from n order by i",
            numbers(REPOSITORIES)
        ),
        format!(
            "with {} insert into manifests (digest, kind, media_type, annotations, size, body) \
            select {}, 'image', '{media}', '{{}}', 2, {} from n order by i",
            numbers(images),
            digest("i", "1"),
            if is_postgres { "'\\x7b7d'::bytea" } else { "x'7b7d'" }
        ),
        format!(
            "with {} insert into repository_manifests \
            (repository, digest, media_type, pushed_at, first_pushed_at, changed_at) \
            select 1 + i % {REPOSITORIES}, {}, '{media}', {now} - i, {now} - i, {now} - i from n order by i",
            numbers(images),
            digest("i", "1")
        ),
        format!(
            "with {} insert into tags (repository, name, digest, moved_at, created_at, changed_at) \
            select 1 + i % {REPOSITORIES}, 'v' || {i}, {}, {now}, {now}, {now} from n where i % 5 < 3 order by i",
            numbers(images),
            digest("i", "1")
        ),
        format!(
            "with {} insert into images (digest, state, verdict, platform, distro, layers, coverage, complete, \
            assessed_at, first_assessed_at) select {}, 'done', 'done', '{{\"os\":\"linux\",\"architecture\":\"amd64\"}}', \
            '{{\"id\":\"debian\",\"like\":[],\"version_id\":\"12\",\"codename\":\"bookworm\",\"pretty_name\":\"Debian 12\"}}', \
            '[\"' || {} || '\"]', '{{\"conclusion\":{{\"complete\":true}}}}', 1, {now}, {now} from n order by i",
            numbers(images),
            digest("i", "1"),
            digest("i % 40", "2")
        ),
    ]
}

fn statements(images: u64, is_postgres: bool) -> Vec<String> {
    let numbers = |from: u64, to: u64| numbers(is_postgres, from, to);
    let identity = identity(is_postgres);
    let text = "text";
    let i = "cast(i as text)";
    let mut all = images_in_repositories(images, is_postgres);
    all.extend([
        format!(
            "with {} insert into packages (identity, package_type, name, version, ecosystem, purl, ecosystem_name, \
            lookup_name, version_key, generation) select {identity}, 'deb', 'lib' || cast((i - 1) % 120 as {text}), \
            '1.' || cast((i - 1) / 120 as {text}), 'Debian:12', 'pkg:deb/debian/lib' || {i}, 'Debian', \
            'lib' || cast((i - 1) % 120 as {text}), {identity}, 1 from n order by i",
            numbers(1, 4_800)
        ),
        format!(
            "with {} insert into packages (identity, package_type, name, version, ecosystem, purl, ecosystem_name, \
            lookup_name, version_key, generation) select {identity}, 'npm', 'mod' || cast(i % 6000 as {text}), \
            '2.' || cast(i / 6000 as {text}), 'npm', 'pkg:npm/mod' || {i}, 'npm', \
            'mod' || cast(i % 6000 as {text}), {identity}, 1 from n order by i",
            numbers(4_801, 34_800)
        ),
        format!(
            "with {} insert into vulnerabilities (name) select 'CVE-2024-' || cast(10000 + i as {text}) from n order by i",
            numbers(1, 40_000)
        ),
        matches(&numbers(1, 5)),
    ]);
    all.push("drop index image_packages_by_package".into());
    let mut first = 1;
    while first <= images {
        let last = (first + AT_ONCE - 1).min(images);
        all.push(links(&numbers(first, last), is_postgres));
        first = last + 1;
    }
    all.push("create index image_packages_by_package on image_packages (package, image)".into());
    all.push("analyze".into());
    first = 1;
    while first <= images {
        let last = (first + AT_ONCE - 1).min(images);
        all.push(summaries(first, last));
        first = last + 1;
    }
    all.push("analyze".into());
    if is_postgres {
        all.push("vacuum".into());
    }
    all
}

/// A flaw is in all versions of a package: five in each fifth library, three in each fifth, four in each third module.
fn matches(numbers: &str) -> String {
    let severity =
        "case when v % 100 < 5 then {5} when v % 100 < 25 then {4} when v % 100 < 65 then {3} else {2} end";
    let rank = severity.replace(['{', '}'], "");
    let word = severity
        .replace("{5}", "'critical'")
        .replace("{4}", "'high'")
        .replace("{3}", "'medium'")
        .replace("{2}", "'low'");
    let now = NOW.0;
    format!(
        "with {numbers}, f (package, v) as (select p.id, case when p.id <= 4800 \
        then 1 + (((p.id - 1) % 120) * 31 + n.i * 7) % 5000 else 5001 + ((p.id % 6000) * 5 + n.i) % 35000 end \
        from packages p cross join n where n.i <= case when p.id > 4800 then case when p.id % 3 = 0 then 4 else 0 end \
        when ((p.id - 1) % 120) % 5 = 0 then 5 when ((p.id - 1) % 120) % 5 = 1 then 3 else 0 end) \
        insert into matches (package, vulnerability, status, severity, fixed_version, listed, doc, first_seen, since) \
        select package, v, 'affected', {rank}, case when v % 3 = 0 then null else '9.9' end, 1, \
        '{{\"vulnerability\":\"CVE-2024-' || cast(10000 + v as text) || '\",\"advisories\":[\"DSA-' || cast(v as text) \
        || '\"],\"aliases\":[],\"status\":\"affected\",\"fixedVersion\":' \
        || case when v % 3 = 0 then 'null' else '\"9.9\"' end || ',\"severity\":\"' || {word} || \
        '\",\"cvss\":[],\"summary\":\"A flaw of the generator\",\"description\":\"{}\",\"published\":null,\
        \"modified\":null,\"references\":[],\"weak\":false}}', {now}, {now} from f",
        "An example of the length that descriptions of advisories have. ".repeat(6)
    )
}

/// An image holds 100 of the 120 packages of its base, and 30 modules. Six bases are those of most images.
fn links(numbers: &str, is_postgres: bool) -> String {
    let slots = if is_postgres {
        "k (s) as (select cast(generate_series(0, 149) as bigint))"
    } else {
        "k (s) as (select 0 union all select s + 1 from k where s < 149)"
    };
    format!(
        "with {numbers}, {slots} insert into image_packages (image, package, path, layer) \
        select i, case when s < 120 then (case when i % 7 = 0 then (i / 7) % 40 else i % 7 end) * 120 + s + 1 \
        else 4801 + (i * 37 + s * 1009) % 30000 end, \
        case when s < 120 then 'var/lib/dpkg/status' else 'app/node_modules/package.json' end, 0 \
        from n cross join k where s >= 120 or (s + i) % 6 <> 0"
    )
}

/// As the migration does it.
fn summaries(first: u64, last: u64) -> String {
    let sums: Vec<String> = (0..6)
        .map(|rank| format!("coalesce(sum(case when m.severity = {rank} then 1 else 0 end), 0)"))
        .chain((0..6).map(|rank| {
            format!("coalesce(sum(case when m.severity = {rank} and m.fixed_version is not null then 1 else 0 end), 0)")
        }))
        .collect();
    format!(
        "insert into image_summaries (image, content, registry, repository, since, state, first_assessed_at, \
        assessed_at, changed_at, c0, c1, c2, c3, c4, c5, f0, f1, f2, f3, f4, f5) \
        select l.id, i.id, r.registry, r.id, l.pushed_at, 1, i.first_assessed_at, i.assessed_at, i.assessed_at, {} \
        from repository_manifests l join repositories r on r.id = l.repository join images i on i.digest = l.digest \
        left join image_packages ip on ip.image = i.id left join matches m on m.package = ip.package and m.listed = 1 \
        where l.id between {first} and {last} \
        group by l.id, i.id, r.registry, r.id, l.pushed_at, i.first_assessed_at, i.assessed_at",
        sums.join(", ")
    )
}

async fn measure(url: &str) -> Result<(), Box<dyn std::error::Error>> {
    let store = open(url).await?;
    let generation = Generation::Second;
    let image = store.images_with("CVE-2024-10008", None, 50_000, 1).await?.remove(0).1;
    let filter = FindingFilter { image: Some(image.digest), ..FindingFilter::default() };
    time("an image's findings", async || Ok(store.findings(&filter, None, 1000).await?.len())).await?;
    for (what, flaw) in [("in most images", "CVE-2024-10008"), ("in few", "CVE-2024-20001")] {
        let what = format!("which images have a CVE that is {what}, first 1,000");
        time(&what, async || Ok(store.images_with(flaw, None, 0, 1000).await?.len())).await?;
        let filter = CountFilter { vulnerability: Some(flaw.into()), ..CountFilter::default() };
        let what = "how many findings are of it, by registry";
        let by = CountBy { registry: true, ..CountBy::default() };
        time(what, async || Ok(store.count_findings(by, &filter).await?.values().sum::<u64>() as usize))
            .await?;
    }
    let registry = store.in_registry(RegistryId(3));
    time("a registry's summary by severity", async || {
        Ok(registry.registry_summary(generation).await?.findings.len())
    })
    .await?;
    let subscription =
        CountFilter { registries: Some(vec![RegistryId(1), RegistryId(5)]), ..CountFilter::default() };
    let by = CountBy { severity: true, ..CountBy::default() };
    time("a subscription's summary by severity", async || {
        Ok(store.count_findings(by, &subscription).await?.len())
    })
    .await?;
    time("the secure score of a subscription: two registries, both recommendations", async || {
        let mut unhealthy = 0;
        for registry in [1, 5] {
            for generation in Generation::ALL {
                let worst = store.worst_of_registry(RegistryId(registry), generation).await?;
                unhealthy += usize::from(worst == plimsoll_store::Worst::Unhealthy);
            }
        }
        Ok(unhealthy)
    })
    .await?;
    time("all findings by severity", async || {
        Ok(store.count_findings(by, &CountFilter::default()).await?.values().sum::<u64>() as usize)
    })
    .await?;
    time("a page of 1,000 findings of one registry", async || {
        let filter = FindingFilter { registry: Some(RegistryId(3)), ..FindingFilter::default() };
        Ok(store.findings(&filter, None, 1000).await?.len())
    })
    .await?;
    delta(&store).await
}

/// A new generation in which 1,000 package names have one advisory more: 5 libraries of the bases and 995 modules.
async fn delta(store: &Store) -> Result<(), Box<dyn std::error::Error>> {
    let generation = store.matched_generation().await?.max(1) + 1;
    let names: Vec<(String, String)> = (0..5)
        .map(|number| ("Debian".to_owned(), format!("lib{}", number * 24)))
        .chain((0..995).map(|number| ("npm".to_owned(), format!("mod{}", number * 6))))
        .collect();
    let start = (Instant::now(), cpu());
    let mut touched = 0;
    for names in names.chunks(5000) {
        let mut after = plimsoll_store::PackageId(0);
        loop {
            let packages = store.packages_to_rematch(generation, Some(names), after, 10_000).await?;
            let Some(last) = packages.last() else { break };
            after = last.id;
            let mut matches = Vec::new();
            for package in &packages {
                matches.push((package.id, matches_of(package.id.0, generation)));
            }
            touched += matches.len();
            store.save_matches(&matches, generation, NOW.plus_millis(1)).await?;
        }
    }
    store.set_matched_generation(generation).await?;
    println!(
        "{:>8.1} ms wall {:>8.1} ms CPU here  a delta of 1,000 advisories ({touched} package versions)",
        start.0.elapsed().as_secs_f64() * 1e3,
        (cpu() - start.1) * 1e3,
    );
    Ok(())
}

/// What matching would give: the flaws that the generator gave the package version, and a new one.
fn matches_of(package: i64, generation: u64) -> Vec<Match> {
    let flaws: Vec<i64> = if package <= 4800 {
        let library = (package - 1) % 120;
        let count = [5, 3, 0, 0, 0][usize::try_from(library % 5).unwrap_or_default()];
        (1..=count).map(|n| 1 + (library * 31 + n * 7) % 5000).collect()
    } else if package % 3 == 0 {
        (1..=4).map(|n| 5001 + ((package % 6000) * 5 + n) % 35000).collect()
    } else {
        vec![]
    };
    let make = |v: i64| {
        let severity = match v % 100 {
            0..5 => Severity::Critical,
            5..25 => Severity::High,
            25..65 => Severity::Medium,
            _ => Severity::Low,
        };
        Match {
            vulnerability: format!("CVE-2024-{}", 10_000 + v),
            advisories: vec![format!("DSA-{v}")],
            aliases: vec![],
            status: Status::Affected,
            fixed_version: (v % 3 != 0).then(|| "9.9".to_owned()),
            severity,
            cvss: vec![],
            summary: "A flaw of the generator".into(),
            description: "An example of the length that descriptions of advisories have. ".repeat(6),
            published: None,
            modified: None,
            references: vec![],
            weak: false,
            evidence: Default::default(),
        }
    };
    let newest = Match { vulnerability: format!("CVE-2026-{generation}"), ..make(4) };
    flaws.into_iter().map(make).chain([newest]).collect()
}

/// The best of five.
async fn time(
    what: &str,
    ask: impl AsyncFn() -> Result<usize, plimsoll_store::Error>,
) -> Result<(), plimsoll_store::Error> {
    let (mut wall, mut work, mut rows) = (f64::MAX, f64::MAX, 0);
    for _ in 0..5 {
        let start = (Instant::now(), cpu());
        rows = ask().await?;
        wall = wall.min(start.0.elapsed().as_secs_f64() * 1e3);
        work = work.min((cpu() - start.1) * 1e3);
    }
    println!("{wall:>8.1} ms wall {work:>8.1} ms CPU here  {what} ({rows})");
    Ok(())
}

/// Seconds of processor time that this process took; of PostgreSQL's server it says nothing.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}
