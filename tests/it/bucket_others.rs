//! Stores with other services than S3: Azurite, which is Azure's own stand-in, and s3rver, which ignores
//! conditions and must be refused. `tests/run.sh` installs both below `target/npm`; without them these fail.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use tempfile::TempDir;

use crate::bucket::{a_life_begins, names};
use crate::harness::{Place, Run};

const ACCOUNT: &str = "desk";
const STORE: &str = "az://agents/team/prod";
/// How long a service may take to answer.
const START_MAX: Duration = Duration::from_mins(1);

/// A service on a port of its own, which ends with the test.
struct Service {
    data: TempDir,
    port: u16,
    child: Child,
}

impl Service {
    /// Runs a script of Node with the words that it gives for a directory and a port. `sign` is in its answers.
    fn start(
        script: &str,
        sign: &str,
        words: impl Fn(&Path, &str) -> Vec<String>,
        envs: &[(&str, String)],
    ) -> Self {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/npm/node_modules").join(script);
        assert!(script.exists(), "no '{}': tests/run.sh installs it", script.display());
        let data = tempfile::tempdir().expect("a temporary directory");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let child = Command::new("node")
            .arg(script)
            .args(words(data.path(), &port.to_string()))
            .envs(envs.iter().map(|(name, value)| (name, value)))
            .current_dir(data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("node runs");
        let mut service = Self { data, port, child };
        let start = Instant::now();
        // Another may have taken the port in between: then this one ends, and what answers is not it.
        while !service.ask("GET / HTTP/1.1\r\n").to_ascii_lowercase().contains(sign) {
            let ended = service.child.try_wait().expect("looked at");
            assert!(ended.is_none() && start.elapsed() < START_MAX, "the service does not start: {ended:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        service
    }

    /// What it answers to a request without a body.
    fn ask(&self, head: &str) -> String {
        let ask = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            write!(stream, "{head}Host: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok::<_, std::io::Error>(answer)
        };
        ask().unwrap_or_default()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Azurite with an account and a container.
struct Azure {
    service: Service,
    key: String,
}

impl Azure {
    fn start() -> Self {
        let key = STANDARD.encode("a key for nothing but these tests");
        let words = |data: &Path, port: &str| {
            let location = data.to_string_lossy();
            let words = ["--location", &*location, "--blobHost", "127.0.0.1", "--blobPort", port];
            let flags = ["--skipApiVersionCheck", "--disableTelemetry", "--silent"];
            words.into_iter().chain(flags).map(str::to_owned).collect()
        };
        let accounts = [("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{key}"))];
        let azure = Self {
            service: Service::start(
                "azurite/dist/src/blob/main.js",
                "server: azurite-blob",
                words,
                &accounts,
            ),
            key,
        };
        azure.make_container("agents");
        azure
    }

    /// Makes a container, with a request that is signed with the shared key of the account.
    fn make_container(&self, name: &str) {
        let now = jiff::Timestamp::now();
        let date =
            jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).expect("a date");
        let headers = format!("x-ms-date:{date}\nx-ms-version:2021-08-06\n");
        let signed = format!("PUT{}{headers}/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container", "\n".repeat(12));
        let secret = STANDARD.decode(&self.key).expect("base64");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
        let tag = STANDARD.encode(tag);
        let answer = self.service.ask(&format!(
            "PUT /{ACCOUNT}/{name}?restype=container HTTP/1.1\r\nx-ms-date: {date}\r\nx-ms-version: 2021-08-06\r\nAuthorization: SharedKey {ACCOUNT}:{tag}\r\n"
        ));
        assert!(answer.contains(" 201 "), "{answer}");
    }

    fn command(&self, place: &Place, args: &[&str]) -> Command {
        let mut command = place.command(args);
        command
            .env_remove("RECTO_TIME")
            .env("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
            .env("AZURE_STORAGE_ACCOUNT_KEY", &self.key)
            .env("AZURE_STORAGE_ENDPOINT", format!("http://127.0.0.1:{}/{ACCOUNT}", self.service.port))
            .env("AZURE_ALLOW_HTTP", "true");
        command
    }

    fn run(&self, place: &Place, args: &[&str]) -> Run {
        let args: Vec<&str> = ["--store", STORE].iter().chain(args).copied().collect();
        place.run(&mut self.command(place, &args))
    }
}

#[test]
fn a_store_at_azure_is_worked_on_cloned_and_pushed_to() {
    let azure = Azure::start();
    let (here, there) = (Place::empty(), Place::empty());
    azure.run(&here, &["init"]).ok();
    a_life_begins(|place, words| azure.run(place, words), &here, &there);
    there.run(&mut azure.command(&there, &["clone", STORE, "desk"])).ok();
    for words in [
        &["draft", "new", "support@offline"][..],
        &["set", "support@offline", "prompt=Bye"],
        &["publish", "support@offline", "-m", "parts"],
    ] {
        let words: Vec<&str> = ["-C", "desk"].iter().chain(words).copied().collect();
        there.run(&mut azure.command(&there, &words)).ok();
    }
    there.run(&mut azure.command(&there, &["-C", "desk", "push"])).ok();
    assert!(azure.run(&here, &["log", "support"]).ok().contains("published V3 'parts'"));
    azure.run(&here, &["fsck"]).ok();
    // The key is in no text, whatever is wrong.
    for (store, expected) in
        [("az://nowhere/x", "there is no such bucket"), ("az://agents/other", "is not a recto store")]
    {
        let run = here.run(&mut azure.command(&here, &["--store", store, "agent", "list"]));
        assert!(run.code == 1 && run.stderr.contains(expected), "{store}: {run:?}");
        assert!(!run.stderr.contains(&azure.key) && !run.stdout.contains(&azure.key), "{run:?}");
    }
}

#[test]
fn of_many_processes_that_race_at_azure_each_happens_once() {
    const WRITERS: usize = 6;
    let azure = Azure::start();
    let place = Place::empty();
    azure.run(&place, &["init"]).ok();
    let race = |words: &dyn Fn(usize) -> String| -> usize {
        let start = |writer| {
            let words = words(writer);
            let args: Vec<&str> = ["--store", STORE].into_iter().chain(words.split(' ')).collect();
            let mut command = azure.command(&place, &args);
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary runs")
        };
        let children: Vec<Child> = (0..WRITERS).map(start).collect();
        let ended = children.into_iter().map(|mut child| child.wait().expect("it ends"));
        ended.filter(std::process::ExitStatus::success).count()
    };
    assert_eq!(race(&|_| "agent new support --profile generic".to_owned()), 1);
    assert_eq!(race(&|writer| format!("draft new support@w{writer}")), WRITERS);
    assert_eq!(race(&|writer| format!("set support@w{writer} prompt={writer}")), WRITERS);
    let published = race(&|writer| format!("publish support@w{writer} -m by-{writer} --anyway"));
    let listed = azure.run(&place, &["version", "list", "support"]).ok();
    assert_eq!(names(&listed).len(), 1 + published, "{listed}");
    azure.run(&place, &["fsck"]).ok();
}

#[test]
fn a_service_that_ignores_conditions_is_refused_before_anything_is_written() {
    let words = |data: &Path, port: &str| {
        let data = data.to_string_lossy();
        let words = ["-d", &*data, "-a", "127.0.0.1", "-p", port, "--configure-bucket", "agents"];
        words.into_iter().map(str::to_owned).collect()
    };
    let service = Service::start("s3rver/bin/s3rver.js", "s3rver</displayname>", words, &[]);
    let place = Place::with_store();
    for (args, expected) in [
        (["--store", "s3://agents/team", "init"].as_slice(), "If-None-Match is ignored"),
        (["remote", "add", "b", "s3://agents/team"].as_slice(), "is not a recto store"),
    ] {
        let mut command = place.command(args);
        command
            .env("AWS_ENDPOINT", format!("http://127.0.0.1:{}", service.port))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "S3RVER")
            .env("AWS_SECRET_ACCESS_KEY", "S3RVER");
        let run = place.run(&mut command);
        assert!(run.code == 1 && run.stderr.contains(expected), "{args:?}: {run:?}");
    }
    let left: Vec<_> = walkdir::WalkDir::new(service.data.path().join("agents"))
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().display().to_string())
        .filter(|path| path.contains("recto.json"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}
