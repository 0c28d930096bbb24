//! Clients that were written for the vendor: its Python package, and the commands of its guide.

use std::process::Command;

use super::Api;

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/sdk/bin/python");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/atoms/sdk.py");
const WALKTHROUGH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/atoms/walkthrough.sh");

#[test]
fn the_vendors_python_client_works_with_every_method_sync_and_async() {
    let api = Api::new();
    let version = Command::new(PYTHON)
        .args(["-c", "import importlib.metadata as m; print(m.version('smallestai'))"])
        .output()
        .expect("tests/run.sh installs smallestai into target/sdk");
    assert_eq!(String::from_utf8_lossy(&version.stdout).trim(), "4.4.7", "another client is installed");
    // 'localhost', as people write it.
    let base = api.base().replace("127.0.0.1", "localhost");
    let output = Command::new(PYTHON).args([SCRIPT, &base]).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.trim() == "48 methods",
        "{told}\n{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        api.served.log()
    );
    api.recto(&["fsck"]);
}

#[test]
fn the_walkthrough_of_the_guide_runs_as_it_stands() {
    let api = Api::new();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", WALKTHROUGH])
        .env("BASE", api.base())
        .env("SMALLEST_API_KEY", "any")
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = told.lines().collect();
    let [agent, message, held] = lines.as_slice() else { panic!("{told}") };
    assert_eq!(*message, "\"Hello, this is the lifecycle demo agent.\"");
    let words: Vec<&str> = held.split(' ').collect();
    let [first, draft, second, call] = words.as_slice() else { panic!("{held}") };
    for id in [agent.trim_start_matches("agent: "), first, draft, second] {
        assert!(super::is_id(&id.into()), "{told}");
    }
    assert!(first != second && call.starts_with("CALL-"), "{told}");
    let list = api.recto(&["version", "list", "lifecycle-demo"]);
    assert!(list.contains("v2 - greeting added") && list.contains("V2"), "{list}");
}
