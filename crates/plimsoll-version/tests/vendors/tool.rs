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
/// Answers all pairs.
type AskAll = dyn Fn(&[Pair]) -> Vec<Answer>;

/// What can be asked about pairs.
pub(crate) enum Tool {
    /// A program that reads pairs, tabs between, and writes `<`, `=`, `>` or `?`, a line each.
    Script { command: Box<Command>, folder: Option<TempDir> },
    /// A program that is started for each pair.
    Each(Box<Ask>),
    /// A program that has its own way to be asked.
    All(Box<AskAll>),
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
            Tool::All(ask) => Ok(ask(pairs)),
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
fn go(source: &str, beside: &[(&str, PathBuf)], fetched: &[&str]) -> Result<Tool, String> {
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
    if !fetched.is_empty() {
        let mut get = Command::new("go");
        get.arg("get").args(fetched).current_dir(folder.path()).env("GOTOOLCHAIN", "local");
        let output = get.output().map_err(|_| "go is not installed")?;
        if !output.status.success() {
            return Err(format!("go cannot fetch {}", fetched.join(" ")));
        }
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
    go(&format!("{source}{GO_MAIN}"), &[("semver", library)], &[])
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
    go(&format!("{source}{GO_MAIN}"), &[], &[])
}

/// Debian's Python has Debian's libraries; another one may stand before it in the path.
const PYTHON: &str = "/usr/bin/python3";

const PYTHON_ANSWER: &str = r#"
def answer(a, b):
    try:
        a, b = parse(a), parse(b)
    except ValueError:
        return "?"
    return "<" if a < b else ">" if a > b else "="
"#;

const PYTHON_MAIN: &str = r#"
for line in sys.stdin.buffer.read().decode().split("\n")[:-1]:
    print(answer(*line.split("\t")))
"#;

/// A script that defines `parse`, which gives something to compare or raises ValueError.
fn python(parse: &str) -> Result<Tool, String> {
    let source = format!("import sys\n{parse}\n{PYTHON_ANSWER}\n{PYTHON_MAIN}");
    script(PYTHON, &["-W", "ignore", "-c", &source])
}

/// The same with the libraries of `tests/requirements-versions.txt`, for which `./test` makes an environment.
fn vendors_python(library: &str, source: &str) -> Result<Tool, String> {
    let python = std::env::var("PLIMSOLL_TEST_VENDORS_PYTHON").unwrap_or_else(|_| PYTHON.to_owned());
    let imported = format!(
        "import sys\ntry:\n    {library}\nexcept ImportError:\n    \
         sys.exit(print('PLIMSOLL_TEST_VENDORS_PYTHON has no such library', file=sys.stderr) or 77)\n"
    );
    script(&python, &["-W", "ignore", "-c", &format!("{imported}{source}\n{PYTHON_MAIN}")])
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
    let library = "from packaging.version import LegacyVersion, parse";
    vendors_python(library, PYTHON_ANSWER)
}

pub(crate) fn portage() -> Result<Tool, String> {
    let answer = r#"
def answer(a, b):
    sign = vercmp(a, b)
    return "?" if sign is None or not ververify(a) else "<" if sign < 0 else ">" if sign > 0 else "="
"#;
    vendors_python("from portage.versions import vercmp, ververify", answer)
}

pub(crate) fn conan() -> Result<Tool, String> {
    vendors_python("from conan.internal.model.version import Version as parse", PYTHON_ANSWER)
}

/// Conda's order in its second implementation, which can be installed without Conda.
pub(crate) fn conda() -> Result<Tool, String> {
    let answer = r#"
def answer(a, b):
    try:
        a, b = parse(a), parse(b)
    except Exception:
        return "?"
    return "<" if a < b else ">" if a > b else "="
"#;
    vendors_python("from rattler import Version as parse", answer)
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

/// The library behind `vercmp`, which Debian leaves out.
pub(crate) fn pacman() -> Result<Tool, String> {
    let source = r#"
import ctypes, sys
for name in ["libalpm.so", "libalpm.so.13", "libalpm.so.14", "libalpm.so.15"]:
    try:
        compare = ctypes.CDLL(name).alpm_pkg_vercmp
        break
    except OSError:
        pass
else:
    sys.exit(print("libalpm is not installed", file=sys.stderr) or 77)
def answer(a, b):
    sign = compare(a.encode(), b.encode())
    return "<" if sign < 0 else ">" if sign > 0 else "="
"#;
    script(PYTHON, &["-c", &format!("{source}\n{PYTHON_MAIN}")])
}

const PHP_MAIN: &str = r#"
    while (($line = fgets(STDIN)) !== false) {
        [$a, $b] = explode("\t", rtrim($line, "\n"));
        echo answer($a, $b), "\n";
    }
"#;

pub(crate) fn php() -> Result<Tool, String> {
    let answer = r#"function answer($a, $b) { return "<=>"[version_compare($a, $b) + 1]; }"#;
    script("php", &["-r", &format!("{answer}{PHP_MAIN}")])
}

/// Composer's form of a version, and what it does with two of them. A branch has no place among them.
pub(crate) fn composer() -> Result<Tool, String> {
    let answer = r#"
        $library = "/usr/share/php/Composer/Semver/autoload.php";
        if (!is_file($library)) { fwrite(STDERR, "php-composer-semver is not installed"); exit(77); }
        require $library;
        function answer($a, $b) {
            $parser = new Composer\Semver\VersionParser();
            try {
                [$a, $b] = [$parser->normalize($a), $parser->normalize($b)];
            } catch (UnexpectedValueException $refused) {
                return "?";
            }
            $isBranch = str_starts_with($a, "dev-") || str_starts_with($b, "dev-");
            return $isBranch ? "?" : "<=>"[version_compare($a, $b) + 1];
        }
    "#;
    script("php", &["-r", &format!("{answer}{PHP_MAIN}")])
}

/// Which texts Composer takes for a branch (`<`), a version (`=`), or neither.
pub(crate) fn composer_kind() -> Result<Tool, String> {
    let answer = r#"
        $library = "/usr/share/php/Composer/Semver/autoload.php";
        if (!is_file($library)) { fwrite(STDERR, "php-composer-semver is not installed"); exit(77); }
        require $library;
        function answer($a, $b) {
            try {
                return str_starts_with((new Composer\Semver\VersionParser())->normalize($a), "dev-") ? "<" : "=";
            } catch (UnexpectedValueException $refused) {
                return "?";
            }
        }
    "#;
    script("php", &["-r", &format!("{answer}{PHP_MAIN}")])
}

/// The class that Maven itself uses, by its own main method: it compares each argument with the one before it.
pub(crate) fn maven() -> Result<Tool, String> {
    const PAIRS_AT_ONCE: usize = 2_000;
    let places = ["/usr/share/java/maven3-artifact.jar", "/usr/share/maven/lib/maven-artifact-3.x.jar"];
    let own = std::env::var("PLIMSOLL_TEST_MAVEN_ARTIFACT").ok();
    let jar = own.into_iter().chain(places.map(str::to_owned)).find(|jar| Path::new(jar).exists());
    let jar = jar.ok_or("Maven's libraries are not installed")?;
    Command::new("java").arg("-version").output().map_err(|_| "java is not installed")?;
    Ok(Tool::All(Box::new(move |pairs| {
        let mut answers = Vec::with_capacity(pairs.len());
        for pairs in pairs.chunks(PAIRS_AT_ONCE) {
            let mut java = Command::new("java");
            java.args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-cp", &jar]);
            java.arg("org.apache.maven.artifact.versioning.ComparableVersion");
            java.args(pairs.iter().flat_map(|(a, b)| [a, b]));
            let output = run(&mut java);
            assert!(output.status.success(), "java failed: {}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8_lossy(&output.stdout);
            let comparisons: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("   ")).collect();
            assert_eq!(comparisons.len(), 2 * pairs.len() - 1, "java must answer every pair");
            for ((a, b), line) in pairs.iter().zip(comparisons.iter().step_by(2)) {
                let sign = line.strip_prefix(a.as_str()).and_then(|line| line.strip_suffix(b.as_str()));
                let sign = sign.unwrap_or_else(|| panic!("java answered {line:?} to {a:?} and {b:?}")).trim();
                answers.push(crate::order(if sign == "==" { "=" } else { sign }));
            }
        }
        answers
    })))
}

/// `Runtime.Version`, without what it calls optional. A Java without compiler cannot be asked.
pub(crate) fn java_runtime() -> Result<Tool, String> {
    let source = r#"
        import java.io.*;
        import java.lang.Runtime.Version;
        public class Exam {
            public static void main(String[] arguments) throws IOException {
                var in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
                var out = new PrintWriter(new OutputStreamWriter(System.out, "UTF-8"));
                for (String line; (line = in.readLine()) != null;) {
                    String[] pair = line.split("\t", -1);
                    try {
                        int sign = Version.parse(pair[0]).compareToIgnoreOptional(Version.parse(pair[1]));
                        out.println(sign < 0 ? "<" : sign > 0 ? ">" : "=");
                    } catch (IllegalArgumentException refused) {
                        out.println("?");
                    }
                }
                out.flush();
            }
        }
    "#;
    Command::new("javac").arg("-version").output().map_err(|_| "javac is not installed")?;
    let folder = TempDir::new().expect("a temporary folder can be made");
    let file = folder.path().join("Exam.java");
    fs::write(&file, source).expect("a file can be written");
    let mut command = Command::new("java");
    command.arg(file);
    Ok(Tool::Script { command: Box::new(command), folder: Some(folder) })
}

/// R's `compareVersion`.
pub(crate) fn r() -> Result<Tool, String> {
    let source = r#"
        lines <- strsplit(readLines(file("stdin")), "\t", fixed = TRUE)
        signs <- vapply(lines, function(pair) compareVersion(pair[1], pair[2]), numeric(1))
        writeLines(c("<", "=", ">")[signs + 2])
    "#;
    script("Rscript", &["--vanilla", "-e", source])
}

/// `Data.Version` as GHC brings it.
pub(crate) fn haskell() -> Result<Tool, String> {
    let source = r#"
        import Data.Version (Version, parseVersion)
        import Text.ParserCombinators.ReadP (readP_to_S)
        parse :: String -> Maybe Version
        parse text = case [version | (version, "") <- readP_to_S parseVersion text] of
            [] -> Nothing
            found -> Just (last found)
        answer :: String -> String
        answer line = case (parse a, parse (drop 1 b)) of
            (Just x, Just y) -> case compare x y of { LT -> "<"; EQ -> "="; GT -> ">" }
            _ -> "?"
          where (a, b) = break (== '\t') line
        main :: IO ()
        main = interact (unlines . map answer . lines)
    "#;
    let folder = TempDir::new().expect("a temporary folder can be made");
    let file = folder.path().join("Exam.hs");
    let source: Vec<_> = source.lines().map(|line| line.strip_prefix("        ").unwrap_or(line)).collect();
    fs::write(&file, source.join("\n")).expect("a file can be written");
    let mut command = Command::new("runghc");
    command.arg(file).env("LANG", "C.UTF-8");
    Ok(Tool::Script { command: Box::new(command), folder: Some(folder) })
}

/// Elixir's `Version`, which is Hex's.
pub(crate) fn elixir() -> Result<Tool, String> {
    let source = r#"
        for line <- IO.stream(:stdio, :line) do
          [a, b] = line |> String.trim_trailing("\n") |> String.split("\t")
          with {:ok, a} <- Version.parse(a), {:ok, b} <- Version.parse(b) do
            IO.puts(%{lt: "<", eq: "=", gt: ">"}[Version.compare(a, b)])
          else
            _ -> IO.puts("?")
          end
        end
    "#;
    let mut command = Command::new("elixir");
    command.args(["-e", source]).env("LANG", "C.UTF-8");
    Ok(Tool::Script { command: Box::new(command), folder: None })
}

/// Bitnami's own library, where Go can fetch it.
pub(crate) fn bitnami() -> Result<Tool, String> {
    let source = r#"
        package main
        import ("bufio"; "fmt"; "os"; "strings"; "github.com/bitnami/go-version/pkg/version")
        func valid(v string) bool { _, err := version.Parse(v); return err == nil }
        func compare(a, b string) int {
            x, _ := version.Parse(a)
            y, _ := version.Parse(b)
            return x.Compare(y)
        }
    "#;
    go(
        &format!("{source}{GO_MAIN}"),
        &[],
        &["github.com/bitnami/go-version/pkg/version@v0.0.0-20250505154626-452e8c5ee607"],
    )
}
