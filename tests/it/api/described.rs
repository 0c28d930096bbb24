//! `docs/reference/openapi.json` is what the server says about itself, and programs that read it find no fault.
//! `RECTO_BLESS=1` writes it anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::client::Api;

#[test]
fn the_reference_has_what_the_server_sends() {
    let description = recto::server::api_description();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/openapi.json");
    if std::env::var_os("RECTO_BLESS").is_some() {
        std::fs::write(&path, description).expect("it can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == description,
        "docs/reference/openapi.json is out of date: RECTO_BLESS=1 writes it anew"
    );
    let api = Api::new();
    let sent = api.get("/openapi.json").is(200);
    assert_eq!(sent.body, serde_json::from_str::<serde_json::Value>(description).expect("JSON"));
    assert_eq!(sent.body["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
}

#[test]
fn schemathesis_finds_no_fault_of_the_server() {
    let api = Api::new();
    api.draft("d");
    // Names that are there: what it makes up on its own is nowhere.
    let names =
        "[parameters]\n\"path.agent\" = \"support\"\n\"path.draft\" = \"d\"\n\"path.version\" = \"V1\"\n";
    api.place.write("schemathesis.toml", names);
    let program = std::env::var_os("RECTO_SCHEMATHESIS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/schemathesis/bin/schemathesis"),
        PathBuf::from,
    );
    let output = Command::new(&program)
        .args(["run", &format!("{}/api/v1/openapi.json", api.server.url())])
        .args(["--checks", "not_a_server_error,content_type_conformance,response_schema_conformance"])
        .args(["--phases", "examples,fuzzing", "--max-examples", "8", "--seed", "7", "--workers", "4"])
        .args(["--exclude-path", "/api/v1/events", "--request-timeout", "20", "--max-time", "60"])
        .current_dir(api.place.path(""))
        .output();
    let output =
        output.unwrap_or_else(|error| panic!("{} ({error}): tests/run.sh installs it", program.display()));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        api.server.log()
    );
    api.place.recto(["--store", "team", "fsck"]).ok();
}
