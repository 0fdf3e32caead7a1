//! `kill -9` at any moment between the first byte of a push and its verdict: what was acknowledged is there afterwards,
//! every image ends with a verdict, and nothing dangles.

use std::time::{Duration, Instant};

use plimsoll_testkit::image::{Image, Layer, Packing};

use crate::server::{self, Backend, House, NEWER, Server};

#[test]
fn nothing_acknowledged_is_lost_on_sqlite_and_a_folder() {
    kill_it(House::new(Backend::Embedded), kills());
}

#[test]
fn nothing_acknowledged_is_lost_on_postgres_and_s3() {
    let Some(backend) = Backend::distributed() else { return };
    kill_it(House::new(backend), kills());
}

/// How often the process is killed; `PLIMSOLL_KILLS` makes it more.
fn kills() -> u64 {
    std::env::var("PLIMSOLL_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(100)
}

fn kill_it(house: House, times: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let house = house.with_feed(&server::small_feed(folder.path()));
    house.update_advisories();
    let mut server = house.serve();
    let whole = time_of_a_push(&server);
    // A fixed sequence of moments (Knuth's MMIX generator), so that a failure can be had again.
    let mut random = 42_u64;
    let mut acknowledged = Vec::new();
    let mut cut_short = 0;
    for number in 0..times {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = whole.mul_f64((random >> 33) as f64 / f64::from(1_u32 << 31) * 1.3);
        let image = image(number);
        let address = server.address.clone();
        let pushed = std::thread::scope(|scope| {
            let push = scope.spawn(|| push(&address, &image));
            std::thread::sleep(moment);
            server.kill();
            push.join().expect("the pusher ends")
        });
        server = house.serve();
        for blob in image.blobs().take(pushed.blobs) {
            let path = format!("/v2/killed/blobs/{}", blob.digest);
            let answer = server::request(&server.address, "GET", &path, &[], b"").expect("it answers");
            assert_eq!(
                (answer.status, &answer.body),
                (200, &blob.bytes),
                "kill {number}: an acknowledged blob"
            );
        }
        if pushed.manifest {
            acknowledged.push(image);
        } else {
            cut_short += 1;
        }
    }
    for image in &acknowledged {
        let path = format!("/v2/killed/manifests/{}", image.digest());
        let answer = server::request(&server.address, "GET", &path, &[], b"").expect("it answers");
        assert_eq!((answer.status, &answer.body), (200, &image.manifest.bytes), "an acknowledged manifest");
        let rows = server.verdict(NEWER, image.digest().as_str(), Duration::from_secs(30));
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0]["properties"]["status"]["code"], "Unhealthy", "{:?}", rows[0]);
    }
    server.stop();
    let check = house.fsck();
    assert!(
        check.status.success(),
        "{}{}",
        String::from_utf8_lossy(&check.stdout),
        String::from_utf8_lossy(&check.stderr)
    );
    println!(
        "killed {times} times: {} pushes were acknowledged, {cut_short} were cut short",
        acknowledged.len()
    );
    assert!(cut_short > 0, "no kill came before the end of a push, so nothing was tried");
}

/// A little image of its own with one finding: zlib is too old.
fn image(number: u64) -> Image {
    let base = Layer::new().alpine("3.18.4", &[("zlib", "1.2.13-r1"), ("musl", "1.2.4-r2")]).tar();
    let filling: Vec<u8> = (0..200_000_u64).map(|i| (i.wrapping_mul(number + 7) >> 3) as u8).collect();
    let app = Layer::new().file(&format!("srv/{number}"), filling).tar();
    Image::of(&[base, app], Packing::Gzip)
}

/// What of a push was acknowledged.
struct Pushed {
    blobs: usize,
    manifest: bool,
}

fn push(address: &str, image: &Image) -> Pushed {
    let mut pushed = Pushed { blobs: 0, manifest: false };
    for blob in image.blobs() {
        if server::push_blob(address, "killed", blob).is_err() {
            return pushed;
        }
        pushed.blobs += 1;
    }
    pushed.manifest = server::push_manifest(address, "killed", "latest", &image.manifest).is_ok();
    pushed
}

/// From the first byte to the verdict.
fn time_of_a_push(server: &Server) -> Duration {
    let image = image(1_000_000);
    let begin = Instant::now();
    assert!(push(&server.address, &image).manifest);
    server.verdict(NEWER, image.digest().as_str(), Duration::from_secs(30));
    begin.elapsed()
}
