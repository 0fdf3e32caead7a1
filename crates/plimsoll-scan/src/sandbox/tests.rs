use std::io::Write;
use std::path::Path;

use plimsoll_types::PackageType;
use plimsoll_types::inventory::{FileFact, HardLink};

use super::*;

/// A child that does what a shell script says, in place of the probe.
struct Fake {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

fn fake(script: &str) -> Fake {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("fake");
    let script = format!("#!/bin/sh\nPATH=/usr/bin:/bin\nhere={}\n{script}\n", folder.path().display());
    // Another process writes it: a child that some other test starts just now would inherit our descriptor, and nobody may
    // run what is open for writing (ETXTBSY).
    let mut writer = std::process::Command::new("/bin/sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(&program)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
    let limits = Limits { wall_seconds: 60, output_bytes: 10_000, ..Limits::default() };
    Fake { sandbox: Sandbox::new(limits, false, 2).with_program(program), folder }
}

impl Fake {
    fn with_record(self, record: &[u8]) -> Self {
        std::fs::write(self.folder.path().join("record"), record).unwrap();
        self
    }

    async fn only_problem(&self, input: Input) -> Problem {
        let inventory = self.sandbox.read_layer(input).await.unwrap();
        assert_eq!((inventory.files, inventory.problems.len()), (vec![], 1));
        inventory.problems[0].clone()
    }
}

fn bytes(content: &[u8]) -> Input {
    let chunks: Vec<_> = content.chunks(100_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    Input::Stream(Box::pin(futures_util::stream::iter(chunks)))
}

fn file(folder: &Path, content: &[u8], offset: u64, length: u64) -> Input {
    std::fs::write(folder.join("input"), content).unwrap();
    Input::File { file: File::open(folder.join("input")).unwrap(), offset, length }
}

fn inventory() -> LayerInventory {
    let package = Package::new(PackageType::Apk, "musl", "1.2.5-r0");
    let content = FileContent::Database(vec![package.into()]);
    LayerInventory {
        unpacked_bytes: 1024,
        entries: 3,
        files: vec![FileFact { path: "lib/apk/db/installed".to_owned(), content }],
        replaced: vec![1, 2],
        problems: vec![],
        ..nothing_but(implausible(""))
    }
}

fn record(inventory: LayerInventory) -> Vec<u8> {
    ProbeReply::Layer(Box::new(inventory)).encode()
}

#[tokio::test]
async fn each_way_to_die_is_told_apart() {
    use ProblemKind::{Crashed, LimitExceeded};
    for (script, kind, message) in [
        ("kill -SEGV $$", Crashed, "the probe died of signal 11"),
        ("kill -KILL $$", Crashed, "the probe was killed from outside"),
        ("kill -XCPU $$", LimitExceeded, "more than 600 seconds of CPU time"),
        ("echo memory allocation of 9 bytes failed >&2; kill -ABRT $$", LimitExceeded, "more than 1024 MiB"),
        ("echo >&2; echo why not >&2; kill -ABRT $$", Crashed, "signal 6: why not"),
        ("printf 'bo\\033[31mom' >&2; exit 3", Crashed, "exit status: 3: bo\\u{1b}[31mom"),
        ("echo nonsense", Crashed, "cannot be believed"),
        ("true", Crashed, "cannot be believed"),
        ("exec cat /dev/zero", LimitExceeded, "more than 10000 bytes"),
        ("cat /dev/zero >&2; exit 4", Crashed, "exit status: 4"),
    ] {
        let problem = fake(script).only_problem(bytes(b"layer")).await;
        assert!(problem.kind == kind && problem.message.contains(message), "{script}: {problem:?}");
    }
}

#[tokio::test]
async fn a_child_that_takes_too_long_is_killed() {
    let mut fake = fake("cat; exec sleep 100");
    fake.sandbox.limits.wall_seconds = 1;
    let problem = fake.only_problem(bytes(b"")).await;
    assert_eq!(problem.kind, ProblemKind::LimitExceeded);
    assert_eq!(problem.message, "reading it takes more than 1 seconds");
}

#[tokio::test]
async fn a_source_that_stalls_or_fails_is_not_the_layers_fault() {
    let mut fake = fake("exec cat").with_record(b"");
    fake.sandbox.limits.wall_seconds = 1;
    let stalled = Input::Stream(Box::pin(futures_util::stream::pending()));
    let failed = Input::Stream(Box::pin(futures_util::stream::iter([
        Ok(Bytes::from_static(b"some")),
        Err(io::Error::other("the line is cut")),
    ])));
    let short = file(fake.folder.path(), b"123", 1, 3);
    for (input, message) in [
        (stalled, "timed out"),
        (failed, "the line is cut"),
        (short, "ends at byte 3, but should reach to byte 4"),
    ] {
        let error = fake.sandbox.read_layer(input).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Source && error.to_string().contains(message), "{error}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error_of_the_machine() {
    let sandbox = Sandbox::new(Limits::default(), false, 1).with_program("/no/such/program");
    let error = sandbox.read_layer(bytes(b"")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Spawn);
}

#[tokio::test]
async fn a_probe_that_refuses_is_an_error_for_a_person() {
    let reply = ProbeReply::Refused("no seccomp".to_owned()).encode();
    let fake = fake("exec cat $here/record").with_record(&reply);
    let error = fake.sandbox.read_layer(bytes(b"")).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Walls && error.to_string().contains("no seccomp"), "{error}");
}

#[tokio::test]
async fn a_child_that_stops_reading_has_its_record_taken() {
    let fake = fake("exec cat $here/record").with_record(&record(inventory()));
    let large = vec![7; 8 << 20];
    let from_file = file(fake.folder.path(), &large, 0, 8 << 20);
    for input in [bytes(&large), from_file] {
        assert_eq!(fake.sandbox.read_layer(input).await.unwrap(), inventory());
    }
    // A source that has no end and no more bytes does not hold up an answer that is there.
    let stalled = Input::Stream(Box::pin(futures_util::stream::pending()));
    assert_eq!(fake.sandbox.read_layer(stalled).await.unwrap(), inventory());
}

#[tokio::test]
async fn the_child_gets_exactly_the_part_of_the_file() {
    // The bytes themselves are the record, between others that must not come along.
    let fake = fake("exec cat");
    let record = record(inventory());
    let content = [b"before".as_slice(), &record, b"after"].concat();
    let part = file(fake.folder.path(), &content, 6, record.len() as u64);
    assert_eq!(fake.sandbox.read_layer(part).await.unwrap(), inventory());
    assert_eq!(fake.sandbox.read_layer(bytes(&record)).await.unwrap(), inventory());
}

#[tokio::test]
async fn nobody_who_stops_waiting_leaves_a_child_behind() {
    let fake = fake("echo $$ > $here/writing; mv $here/writing $here/id; exec sleep 100");
    let id = fake.folder.path().join("id");
    let reading = fake.sandbox.read_layer(Input::Stream(Box::pin(futures_util::stream::pending())));
    let started = async {
        while !id.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = reading => panic!("nothing ends this reading"),
        () = started => {}
    }
    let stat = format!("/proc/{}/stat", std::fs::read_to_string(&id).unwrap().trim());
    for _ in 0..1000 {
        let gone = std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
        if gone {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the child lives on");
}

#[tokio::test]
async fn at_most_so_many_probes_run_at_once() {
    // Each child notes how many are there, itself among them, and stays until it was surely seen.
    let fake =
        fake("mkdir $here/run.$$; ls -d $here/run.* | wc -l >> $here/seen; sleep 0.05; rmdir $here/run.$$");
    let readings = (0..8).map(|_| fake.sandbox.read_layer(bytes(b"")));
    futures_util::future::join_all(readings).await;
    let seen = std::fs::read_to_string(fake.folder.path().join("seen")).unwrap();
    let seen: Vec<usize> = seen.lines().map(|line| line.trim().parse().unwrap()).collect();
    assert!(seen.len() == 8 && seen.iter().all(|count| *count <= 2), "{seen:?}");
}

#[test]
fn an_honest_inventory_is_taken_as_it_is() {
    assert_eq!(accept_layer(inventory(), &Limits::default()), inventory());
}

#[test]
fn lists_are_brought_into_the_order_that_merging_needs() {
    let mut lie = inventory();
    lie.replaced = vec![2, 1, 2];
    lie.directories = vec![9, 3];
    let again = FileFact { path: "a".to_owned(), content: FileContent::Packages(vec![]) };
    lie.files.extend([again.clone(), again]);
    let accepted = accept_layer(lie, &Limits::default());
    assert_eq!((accepted.replaced, accepted.directories), (vec![1, 2], vec![3, 9]));
    let paths: Vec<_> = accepted.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a", "lib/apk/db/installed"]);
}

#[test]
fn what_no_layer_can_say_is_not_believed() {
    let limits = Limits { path_bytes: 100, entries: 10, ..Limits::default() };
    let tell = |change: fn(&mut LayerInventory)| {
        let mut lie = inventory();
        change(&mut lie);
        accept_layer(lie, &limits).problems.first().map(|problem| problem.kind)
    };
    let crashed = Some(ProblemKind::Crashed);
    assert_eq!(tell(|_| ()), None);
    assert_eq!(tell(|lie| lie.files[0].path = "/etc/passwd".to_owned()), crashed);
    assert_eq!(tell(|lie| lie.files[0].path = "a/../b".to_owned()), crashed);
    assert_eq!(tell(|lie| lie.whiteouts = vec!["a".repeat(401)]), crashed);
    assert_eq!(tell(|lie| lie.opaque = vec!["a//b".to_owned()]), crashed);
    assert_eq!(
        tell(|lie| lie.links = vec![HardLink { path: "a".into(), target: "./b".into(), wanted: true }]),
        crashed
    );
    assert_eq!(tell(|lie| lie.replaced = (0..11).collect()), crashed);
}

#[test]
fn numbers_and_texts_stay_within_bounds() {
    let limits = Limits::default();
    let mut lie = inventory();
    (lie.entries, lie.unpacked_bytes) = (u64::MAX, u64::MAX);
    lie.files[0].content = FileContent::packages([
        Package::new(PackageType::Npm, "", "1"),
        Package::new(PackageType::Npm, "long", &"9".repeat(5000)),
        Package::new(PackageType::Npm, "good", "1"),
    ]);
    lie.problems = vec![Problem::new(ProblemKind::Unreadable, "é".repeat(5000)); 2000];
    let accepted = accept_layer(lie, &limits);
    assert_eq!((accepted.entries, accepted.unpacked_bytes), (limits.entries, limits.unpacked_bytes));
    assert_eq!(
        accepted.files[0].content,
        FileContent::packages([Package::new(PackageType::Npm, "good", "1")])
    );
    assert_eq!(accepted.problems.len(), PROBLEMS + 1);
    assert!(accepted.problems.iter().all(|problem| problem.message.chars().count() <= MESSAGE_CHARS + 1));
    assert!(accepted.problems[PROBLEMS].message.contains("1001 more problems"));
}

#[test]
fn a_distribution_of_megabytes_is_not_repeated_with_each_finding() {
    let distro = |id: usize, name: usize| Distro {
        id: "i".repeat(id),
        like: vec!["l".repeat(201), "like".into()],
        pretty_name: "\u{e9}".repeat(name),
        ..Distro::default()
    };
    let of = |distro: Distro| LayerInventory {
        files: vec![FileFact { path: "etc/os-release".into(), content: FileContent::Distro(distro) }],
        ..inventory()
    };
    let kept = accept_layer(of(distro(200, 1 << 20)), &Limits::default());
    let expected = Distro { pretty_name: "\u{e9}".repeat(100), like: vec!["like".into()], ..distro(200, 0) };
    assert_eq!((&kept.files[0].content, kept.problems.len()), (&FileContent::Distro(expected), 0));
    let dropped = accept_layer(of(distro(201, 1)), &Limits::default());
    assert_eq!((dropped.files.len(), dropped.problems.len()), (0, 1));
    let image = ImageInventory { distro: Some(distro(201, 1)), ..ImageInventory::default() };
    let image = accept_image(image, &Limits::default());
    assert_eq!((image.distro, image.problems.len()), (None, 1));
}
