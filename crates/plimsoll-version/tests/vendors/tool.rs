//! The vendors' tools: how each is asked about many pairs, and why one cannot be asked.

use std::cmp::Ordering;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::feeds;
use crate::generate::Pair;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Order(Ordering),
    /// The tool does not take one of the texts for a version.
    Refused,
}

/// Answers one pair; called from two threads.
type Ask = dyn Fn(&str, &str) -> Answer + Sync;

/// What can be asked about pairs.
pub(crate) enum Tool {
    /// A program that reads pairs, tabs between, and writes `<`, `=`, `>` or `?`, a line each.
    Script { command: Box<Command>, folder: Option<TempDir> },
    /// A program that is started for each pair.
    Each(Box<Ask>),
}

/// The exit status by which a script says that the library it needs is missing.
const MISSING: i32 = 77;

impl Tool {
    pub(crate) fn judge(self, pairs: &[Pair]) -> Result<Vec<Answer>, String> {
        match self {
            Tool::Script { command, folder } => {
                let answers = run_script(*command, pairs);
                drop(folder);
                answers
            }
            Tool::Each(ask) => Ok(ask_in_two_threads(&*ask, pairs)),
        }
    }
}

fn run_script(mut command: Command, pairs: &[Pair]) -> Result<Vec<Answer>, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|_| format!("{name} is not installed"))?;
    let input: String = pairs.iter().map(|(a, b)| format!("{a}\t{b}\n")).collect();
    let mut stdin = child.stdin.take().expect("the input is a pipe");
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("the output can be read");
    writer.join().expect("the writer does not panic").ok();

    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(MISSING) {
        return Err(errors.trim().to_owned());
    }
    assert!(output.status.success(), "{name} failed: {errors}");
    let answers: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().map(crate::order).collect();
    assert_eq!(answers.len(), pairs.len(), "{name} must answer every pair: {errors}");
    Ok(answers)
}

fn ask_in_two_threads(ask: &Ask, pairs: &[Pair]) -> Vec<Answer> {
    let all = |pairs: &[Pair]| pairs.iter().map(|(a, b)| ask(a, b)).collect::<Vec<_>>();
    let (left, right) = pairs.split_at(pairs.len() / 2);
    thread::scope(|scope| {
        let left = scope.spawn(|| all(left));
        let right = all(right);
        [left.join().expect("the tool can be started"), right].concat()
    })
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the tool can be started")
}

fn script(program: &str, arguments: &[&str]) -> Result<Tool, String> {
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(Tool::Script { command: Box::new(command), folder: None })
}

pub(crate) fn dpkg() -> Result<Tool, String> {
    Command::new("dpkg").arg("--version").output().map_err(|_| "dpkg is not installed")?;
    let holds = |a: &str, relation: &str, b: &str| {
        run(Command::new("dpkg").args(["--compare-versions", "--", a, relation, b])).status.code()
    };
    Ok(Tool::Each(Box::new(move |a, b| match (a.is_empty() || b.is_empty(), holds(a, "lt", b)) {
        (false, Some(0)) => Answer::Order(Ordering::Less),
        (false, Some(1)) if holds(a, "eq", b) == Some(0) => Answer::Order(Ordering::Equal),
        (false, Some(1)) => Answer::Order(Ordering::Greater),
        _ => Answer::Refused,
    })))
}

pub(crate) fn dpkg_validate() -> Result<Tool, String> {
    Command::new("dpkg").arg("--version").output().map_err(|_| "dpkg is not installed")?;
    Ok(Tool::Each(Box::new(|text, _| {
        let output = run(Command::new("dpkg").args(["--validate-version", "--", text]));
        valid(output.status.success())
    })))
}

fn valid(valid: bool) -> Answer {
    if valid { Answer::Order(Ordering::Equal) } else { Answer::Refused }
}

/// The files of an Alpine root file system with apk-tools 2.14, unpacked for the time of the test.
pub(crate) fn apk_root() -> Result<TempDir, String> {
    let archive =
        feeds::shared().join(format!("images/alpine-minirootfs-3.20.3-{}.tar.gz", std::env::consts::ARCH));
    if !archive.exists() {
        return Err("no Alpine root file system at hand".to_owned());
    }
    let folder = TempDir::new().expect("a temporary folder can be made");
    let unpacked = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(folder.path()).output();
    match unpacked {
        Ok(output) if output.status.success() => Ok(folder),
        _ => Err("tar cannot unpack the Alpine root file system".to_owned()),
    }
}

/// apk as its own loader starts it, which needs neither root nor Alpine.
fn apk_command(root: &Path) -> Command {
    let loader = format!("ld-musl-{}.so.1", std::env::consts::ARCH);
    let mut command = Command::new(root.join("lib").join(loader));
    command
        .arg("--library-path")
        .arg(root.join("lib"))
        .arg(root.join("sbin/apk"))
        .args(["version", "--quiet"]);
    command
}

pub(crate) fn apk(root: &TempDir) -> Result<Tool, String> {
    let root = root.path().to_owned();
    Ok(Tool::Each(Box::new(move |a, b| {
        let output = run(apk_command(&root).args(["--test", a, b]));
        let sign = String::from_utf8_lossy(&output.stdout);
        assert!(matches!(sign.trim(), "<" | "=" | ">"), "apk said {sign:?} to {a:?} and {b:?}: {output:?}");
        crate::order(sign.trim())
    })))
}

pub(crate) fn apk_validate(root: &TempDir) -> Result<Tool, String> {
    let root = root.path().to_owned();
    Ok(Tool::Each(Box::new(move |text, _| {
        valid(run(apk_command(&root).args(["--check", text])).status.success())
    })))
}

pub(crate) fn node_semver() -> Result<Tool, String> {
    script(
        "node",
        &[
            "-e",
            r#"
        let semver;
        const { dirname, join } = require("path");
        const npm = join(dirname(process.execPath), "../lib/node_modules/npm/node_modules/semver");
        for (const place of ["/usr/share/nodejs/semver", npm, "/usr/lib/node_modules/npm/node_modules/semver"]) {
            try { semver = semver || require(place); } catch {}
        }
        if (!semver) { console.error("node-semver is not installed"); process.exit(77); }
        const lines = require("fs").readFileSync(0, "utf8").split("\n").slice(0, -1);
        console.log(lines.map((line) => {
            const [a, b] = line.split("\t");
            return semver.valid(a) && semver.valid(b) ? "<=>"[semver.compare(a, b) + 1] : "?";
        }).join("\n"));
    "#,
        ],
    )
}

/// A Go program, built where the library lies beside it.
fn go(source: &str, beside: &[(&str, PathBuf)]) -> Result<Tool, String> {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file can be written");
    write("go.mod", "module exam\n\ngo 1.21\n");
    write("main.go", source);
    for (package, file) in beside {
        let text = fs::read_to_string(file).map_err(|_| format!("{package} does not come with this Go"))?;
        fs::create_dir(folder.path().join(package)).expect("a folder can be made");
        write(&format!("{package}/{package}.go"), &text);
    }
    let mut build = Command::new("go");
    build
        .args(["build", "-o", "exam", "."])
        .current_dir(folder.path())
        .env("GOFLAGS", "-mod=mod")
        .env("GOTOOLCHAIN", "local");
    let output = build.output().map_err(|_| "go is not installed")?;
    if !output.status.success() {
        return Err(format!(
            "this Go cannot build the exam: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    let exam = Command::new(folder.path().join("exam"));
    Ok(Tool::Script { command: Box::new(exam), folder: Some(folder) })
}

const GO_MAIN: &str = r#"
    func main() {
        in := bufio.NewScanner(os.Stdin)
        out := bufio.NewWriter(os.Stdout)
        defer out.Flush()
        for in.Scan() {
            a, b, _ := strings.Cut(in.Text(), "\t")
            if valid(a) && valid(b) {
                fmt.Fprintln(out, "<=>"[compare(a, b)+1:][:1])
            } else {
                fmt.Fprintln(out, "?")
            }
        }
    }
"#;

/// `golang.org/x/mod/semver`, of which every Go distribution has a copy for its own command.
pub(crate) fn go_semver() -> Result<Tool, String> {
    let output = Command::new("go").args(["env", "GOROOT"]).output().map_err(|_| "go is not installed")?;
    let goroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let library = goroot.join("src/cmd/vendor/golang.org/x/mod/semver/semver.go");
    let source = r#"
        package main
        import ("bufio"; "fmt"; "os"; "strings"; "exam/semver")
        func withV(v string) string { return "v" + strings.TrimPrefix(v, "v") }
        func valid(v string) bool { return semver.IsValid(withV(v)) }
        func compare(a, b string) int { return semver.Compare(withV(a), withV(b)) }
    "#;
    go(&format!("{source}{GO_MAIN}"), &[("semver", library)])
}

/// `go/version`, which comes with Go since 1.22.
pub(crate) fn go_toolchain() -> Result<Tool, String> {
    let source = r#"
        package main
        import ("bufio"; "fmt"; "os"; "strings"; "go/version")
        // A language version such as go1.21 has another meaning for Go than for advisories.
        func valid(v string) bool {
            bare, _, _ := strings.Cut(v, "-")
            isLanguage := version.Lang(v) == bare && version.Compare(bare, "go1.21") >= 0
            return version.IsValid(v) && !isLanguage
        }
        func compare(a, b string) int { return version.Compare(a, b) }
    "#;
    go(&format!("{source}{GO_MAIN}"), &[])
}

/// Debian's Python has Debian's libraries; another one may stand before it in the path.
const PYTHON: &str = "/usr/bin/python3";

/// A script that defines `parse`, which gives something to compare or raises ValueError.
fn python(parse: &str) -> Result<Tool, String> {
    let main = r#"
def answer(a, b):
    try:
        a, b = parse(a), parse(b)
    except ValueError:
        return "?"
    return "<" if a < b else ">" if a > b else "="
for line in sys.stdin.buffer.read().decode().split("\n")[:-1]:
    print(answer(*line.split("\t")))
"#;
    script(PYTHON, &["-W", "ignore", "-c", &format!("import sys\n{parse}\n{main}")])
}

const IMPORT_PACKAGING: &str = r#"
try:
    from packaging import version
except ImportError:
    sys.exit(print("python3-packaging is not installed", file=sys.stderr) or 77)
"#;

pub(crate) fn packaging() -> Result<Tool, String> {
    python(&format!("{IMPORT_PACKAGING}\nparse = version.Version"))
}

/// Texts outside PEP 440 had an order until packaging 22.
pub(crate) fn packaging_legacy() -> Result<Tool, String> {
    let since = r#"
if not hasattr(version, "LegacyVersion"):
    sys.exit(print("packaging 22 and later have no order for them", file=sys.stderr) or 77)
"#;
    python(&format!("{IMPORT_PACKAGING}\n{since}\nparse = version.parse"))
}

pub(crate) fn rpm() -> Result<Tool, String> {
    python(
        r#"
try:
    import rpm
except ImportError:
    sys.exit(print("python3-rpm is not installed", file=sys.stderr) or 77)
parse = rpm.ver
"#,
    )
}

const RUBY_MAIN: &str = r#"
    STDIN.set_encoding("UTF-8")
    STDIN.each_line(chomp: true) { |line| puts answer(*line.split("\t", -1)) }
"#;

pub(crate) fn rubygems() -> Result<Tool, String> {
    let answer = r#"
        def answer(a, b)
          return "?" unless Gem::Version.correct?(a) && Gem::Version.correct?(b)
          "<=>"[(Gem::Version.new(a) <=> Gem::Version.new(b)) + 1]
        end
    "#;
    script("ruby", &["-e", &format!("{answer}{RUBY_MAIN}")])
}
