//! A million images over 200,000 package versions: how long a changed advisory takes into the list of affected images.
//!
//! One package version is in three of ten images. The advisory that changes is for its package, and is matched and
//! recorded as the server does it when a feed has news.

use std::time::Instant;

use plimsoll_store::PackageId;

use super::{
    AT_ONCE, NOW, cpu, fill, identity, images_in_repositories, matches_of, numbers, open, summaries,
};

/// Package versions: ten of each package.
const PACKAGES: u64 = 200_000;
/// Package versions that an image holds beside the one.
const HELD: u64 = 24;

pub(super) async fn tell(url: &str, images: u64) -> Result<(), Box<dyn std::error::Error>> {
    let store = open(url).await?;
    let is_new = store.images(None, 1).await?.is_empty();
    store.close().await;
    if is_new {
        fill(url, |is_postgres| statements(images, is_postgres)).await?;
    }
    let store = open(url).await?;
    let generation = store.matched_generation().await?.max(1) + 1;
    let start = (Instant::now(), cpu());
    let names = [("Debian".to_owned(), "lib0".to_owned())];
    let packages = store.packages_to_rematch(generation, Some(&names), PackageId(0), 10_000).await?;
    let matches: Vec<_> =
        packages.iter().map(|package| (package.id, matches_of(package.id.0 * 3, generation))).collect();
    store.save_matches(&matches, generation, NOW.plus_millis(1)).await?;
    let saved = (start.0.elapsed(), cpu() - start.1);
    let flaw = format!("CVE-2026-{generation}");
    let first = store.images_with(&flaw, None, 0, 1_000).await?;
    println!(
        "{:>8.1} ms wall {:>8.1} ms CPU here  matched and recorded ({} package versions)",
        saved.0.as_secs_f64() * 1e3,
        saved.1 * 1e3,
        matches.len()
    );
    println!(
        "{:>8.1} ms wall {:>8.1} ms CPU here  and its first {} images listed",
        start.0.elapsed().as_secs_f64() * 1e3,
        (cpu() - start.1) * 1e3,
        first.len()
    );
    store.set_matched_generation(generation).await?;
    let (mut all, mut after) = (0, 0);
    loop {
        let page = store.images_with(&flaw, None, after, 10_000).await?;
        let Some((last, _)) = page.last() else { break };
        (after, all) = (*last, all + page.len());
    }
    println!("{all} images of {images} have it");
    Ok(())
}

fn statements(images: u64, is_postgres: bool) -> Vec<String> {
    let identity = identity(is_postgres);
    let slots = numbers(is_postgres, 0, HELD).replace("recursive n (i)", "k (s)").replace("n (i)", "k (s)");
    let slots = slots.replace("select i + 1 from n where i", "select s + 1 from k where s");
    let mut all = images_in_repositories(images, is_postgres);
    all.push(format!(
        "with {} insert into packages (identity, package_type, name, version, ecosystem, purl, ecosystem_name, \
        lookup_name, version_key, generation) select {identity}, 'deb', 'lib' || cast((i - 1) / 10 as text), \
        '1.' || cast(i % 10 as text), 'Debian:12', 'pkg:deb/debian/lib' || cast(i as text), 'Debian', \
        'lib' || cast((i - 1) / 10 as text), {identity}, 1 from n order by i",
        numbers(is_postgres, 1, PACKAGES)
    ));
    all.push("drop index image_packages_by_package".into());
    let mut first = 1;
    while first <= images {
        let last = (first + AT_ONCE - 1).min(images);
        all.push(format!(
            "with {}, {slots} insert into image_packages (image, package, path, layer) \
            select i, case when s = 0 then 1 else 11 + (i * 37 + s * 8009) % {} end, 'var/lib/dpkg/status', 0 \
            from n cross join k where s > 0 or i % 10 < 3",
            numbers(is_postgres, first, last),
            PACKAGES - 10
        ));
        all.push(summaries(first, last));
        first = last + 1;
    }
    all.push("create index image_packages_by_package on image_packages (package, image)".into());
    all.push("analyze".into());
    if is_postgres {
        all.push("vacuum".into());
    }
    all
}
