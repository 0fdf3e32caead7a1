//! Throwaway.
use futures_util::StreamExt;
use plimsoll_store::*;
use plimsoll_types::*;
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) * 10.0
}
#[tokio::main]
async fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let store = Store::open(&Settings {
        database: format!("sqlite:{dir}/db"),
        blobs: format!("file:{dir}/blobs"),
        blob_options: vec![],
        node: "x".into(),
    })
    .await
    .unwrap();
    let repo: RepositoryName = "app".parse().unwrap();
    let now = Timestamp(1);
    let chunk_size: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let base: Vec<u8> = (0..chunk_size).map(|i| (i * 2654435761) as u8).collect();
    let n = (100 << 20) / chunk_size;
    for round in 0..5u8 {
        let mut first = base.clone();
        first[0] = round;
        let first = bytes::Bytes::from(first);
        let rest = bytes::Bytes::from(base.clone());
        let t = cpu();
        let mut h = Hasher::new(Algorithm::Sha256);
        h.update(&first);
        for _ in 1..n {
            h.update(&rest);
        }
        let digest = h.finish();
        let hashing = cpu() - t;
        let t = cpu();
        let s = futures_util::stream::iter(0..n)
            .map(move |i| Ok(if i == 0 { first.clone() } else { rest.clone() }));
        store.put_blob(&repo, &digest, Box::pin(s), now).await.unwrap();
        println!("100 MiB: hash {hashing} ms, put {} ms", cpu() - t);
    }
    // small things
    let digest = Digest::sha256(b"{}");
    store
        .put_blob(
            &repo,
            &digest,
            Box::pin(futures_util::stream::once(async { Ok(bytes::Bytes::from_static(b"{}")) })),
            now,
        )
        .await
        .unwrap();
    let text = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{digest}","size":2}},"layers":[]}}"#
    );
    let manifest = Manifest::parse(manifest::media::OCI_MANIFEST, text.as_bytes()).unwrap();
    let md = Digest::sha256(text.as_bytes());
    let tags = ["v1".parse().unwrap()];
    let put = |body: &str| ManifestPut {
        repository: &repo,
        tags: &tags,
        digest: &md,
        body: bytes::Bytes::from(body.to_owned()),
        manifest: &manifest,
        now,
    };
    store.put_manifest(put(&text)).await.unwrap();
    let t = cpu();
    for _ in 0..2000 {
        store.blob(&repo, &digest).await.unwrap().unwrap();
    }
    println!("blob: {} ms each", (cpu() - t) / 2000.0);
    let by: Reference = "v1".parse().unwrap();
    let t = cpu();
    for _ in 0..2000 {
        store.manifest(&repo, &by).await.unwrap().unwrap();
    }
    println!("manifest: {} ms each", (cpu() - t) / 2000.0);
    let t = cpu();
    for _ in 0..500 {
        store.put_manifest(put(&text)).await.unwrap();
    }
    println!("put_manifest again: {} ms each", (cpu() - t) / 500.0);
    let t = cpu();
    for i in 0..300u32 {
        let b = i.to_le_bytes().to_vec();
        let d = Digest::sha256(&b);
        store
            .put_blob(
                &repo,
                &d,
                Box::pin(futures_util::stream::once(async { Ok(bytes::Bytes::from(b)) })),
                now,
            )
            .await
            .unwrap();
    }
    println!("put small blob: {} ms each", (cpu() - t) / 300.0);
    let blob = store.blob(&repo, &digest).await.unwrap().unwrap();
    let t = cpu();
    for _ in 0..2000 {
        let mut s = store.read_blob(&blob, None).await.unwrap();
        while s.next().await.is_some() {}
    }
    println!("read small blob: {} ms each", (cpu() - t) / 2000.0);
    // verdict of 3000 packages, 2000 matches
    let packages: Vec<(InstalledPackage, Vec<Match>)> = (0..3000)
        .map(|n| {
            let p = Package::new(PackageType::Npm, &format!("package-{n}"), "1.2.3");
            let i = InstalledPackage {
                purl: p.purl(None).to_string(),
                ecosystem: Some(Ecosystem::of("npm")),
                path: format!("app/node_modules/package-{n}/package.json"),
                layer: Some(md.clone()),
                package: p,
            };
            let m = if n % 3 != 2 {
                vec![Match {
                    vulnerability: format!("CVE-2024-{n}"),
                    advisories: vec![format!("GHSA-{n}")],
                    aliases: vec![],
                    status: Status::Affected,
                    fixed_version: None,
                    severity: Severity::High,
                    cvss: vec![],
                    summary: "s".repeat(80),
                    description: "d".repeat(1500),
                    published: None,
                    modified: None,
                    references: vec!["https://example.org/x".into(); 5],
                    weak: false,
                }]
            } else {
                vec![]
            };
            (i, m)
        })
        .collect();
    let inventory =
        ImageInventory { packages: packages.iter().map(|p| p.0.clone()).collect(), ..Default::default() };
    for round in 0..4 {
        let t = cpu();
        store
            .save_verdict(Verdict {
                image: &md,
                platform: None,
                inventory: &inventory,
                state: ImageState::Done,
                coverage: serde_json::Value::Null,
                matches: if round < 3 { packages.clone() } else { vec![] },
                generation: 1,
                now,
            })
            .await
            .unwrap();
        println!("save_verdict {round}: {} ms", cpu() - t);
    }
    let t = cpu();
    let all = store.stored_packages(&inventory.packages).await.unwrap();
    println!("stored_packages: {} ms, {}", cpu() - t, all.len());
    let t = cpu();
    let rows = store.findings(&Default::default(), None, 1000).await.unwrap();
    println!("findings {}: {} ms", rows.len(), cpu() - t);
}
