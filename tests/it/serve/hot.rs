//! What answers calls: from memory, and never what served before.

use std::process::Command;

use serde_json::Value;

use super::served::{at, publish, team};
use super::wire::Served;

/// Asks for what serves; gives status, head and body.
fn active(server: &Served, path: &str, headers: &str) -> (u16, String, String) {
    let answer = server.raw(
        format!(
            "GET /api/v1/agents/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n"
        )
        .as_bytes(),
    );
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, head.to_owned(), body.to_owned())
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

fn metric(server: &Served, name: &str) -> u64 {
    let told = server.raw(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let line = told.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{told}"));
    line.trim().parse().expect("a number")
}

#[test]
fn what_another_process_activates_is_served_at_once() {
    let place = team(1);
    let mut server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let first = active(&server, "agent0/active", "");
    assert_eq!(first.0, 200);
    for round in 2..12 {
        publish(&place, "team", "agent0", &round.to_string());
        at(&place, "team", &["activate", "agent0@latest"]);
        let (status, head, body) = active(&server, "agent0/active", "");
        let config: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((status, config["voice"]["speed"].as_u64()), (200, Some(round)));
        let id = at(&place, "team", &["show", "agent0", "--json"]);
        assert!(id.contains(header(&head, "recto-version")), "{head} {id}");
    }
    // Long enough ago that it is kept.
    std::thread::sleep(std::time::Duration::from_millis(120));
    active(&server, "agent0/active", "");
    let hits = metric(&server, "recto_active_hits_total");
    let (_, kept, body) = active(&server, "agent0/active", "");
    assert_eq!(metric(&server, "recto_active_hits_total"), hits + 1);
    let in_memory = metric(&server, "recto_cache_bytes{cache=\"active\"}");
    assert!(in_memory > body.len() as u64, "{in_memory}");
    assert!(in_memory < metric(&server, "recto_cache_max_bytes{cache=\"active\"}"), "{in_memory}");
    assert!(metric(&server, "recto_cache_bytes{cache=\"objects\"}") > 0);
    at(&place, "team", &["activate", "agent0@V1"]);
    let (_, head, body) = active(&server, "agent0/active", "");
    assert!(header(&head, "etag") != header(&kept, "etag") && body == first.2, "{head}");
    at(&place, "team", &["unpublish", "agent0"]);
    let (status, _, body) = active(&server, "agent0/active", "");
    assert!(status == 404 && body.contains("serves no version"), "{body}");
    assert_eq!(server.terminate(), 0);
}

#[test]
fn who_has_it_is_told_that_nothing_changed() {
    let place = team(1);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    for _ in 0..2 {
        let (_, head, body) = active(&server, "agent0/active", "");
        let etag = header(&head, "etag").to_owned();
        assert_eq!(etag, format!("\"{}\"", header(&head, "recto-version")));
        for tags in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
            let (status, head, rest) =
                active(&server, "agent0/active", &format!("if-none-match: {tags}\r\n"));
            assert_eq!((status, rest.as_str()), (304, ""), "{tags}");
            assert_eq!(header(&head, "etag"), etag);
        }
        let (status, _, again) = active(&server, "agent0/active", "if-none-match: \"other\"\r\n");
        assert_eq!((status, again), (200, body));
        // The second time from memory.
        std::thread::sleep(std::time::Duration::from_millis(120));
        active(&server, "agent0/active", "");
    }
}

#[test]
fn an_environment_serves_what_it_has() {
    let place = team(1);
    publish(&place, "team", "agent0", "2");
    at(&place, "team", &["env", "set", "agent0@V2", "staging"]);
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let (status, _, body) = active(&server, "agent0/environments/staging/active", "");
    let config: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &config["voice"]["speed"]), (200, &Value::from(2)));
    at(&place, "team", &["env", "set", "agent0@V1", "staging"]);
    let (_, _, body) = active(&server, "agent0/environments/staging/active", "");
    assert!(body.contains("\"speed\":1"), "{body}");
    // Bound to what serves, it is that.
    for _ in 0..2 {
        assert_eq!(active(&server, "agent0/environments/production/active", "").0, 404);
        at(&place, "team", &["config", "environments.active", "production"]);
        let (status, _, body) = active(&server, "agent0/environments/production/active", "");
        assert!(status == 200 && body.contains("\"speed\":1"), "{body}");
        std::thread::sleep(std::time::Duration::from_millis(120));
        active(&server, "agent0/environments/production/active", "");
        at(&place, "team", &["config", "--unset", "environments.active"]);
    }
    for nowhere in ["production", "moon", "..", "%00"] {
        let (status, _, body) = active(&server, &format!("agent0/environments/{nowhere}/active"), "");
        assert_eq!(status, 404, "{nowhere}: {body}");
    }
}

#[test]
fn a_token_that_is_revoked_gets_nothing_from_memory() {
    let place = team(2);
    let told =
        at(&place, "team", &["token", "create", "phone", "--role", "reader", "--agents", "agent0", "--json"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    let server = Served::new(&place, "team", "127.0.0.1:0", &[]);
    let shown = format!("authorization: Bearer {}\r\n", told["token"].as_str().expect("a token"));
    std::thread::sleep(std::time::Duration::from_millis(60));
    for _ in 0..3 {
        assert_eq!(active(&server, "agent0/active", &shown).0, 200);
        assert_eq!(active(&server, "agent1/active", &shown).0, 404);
        assert_eq!(active(&server, "agent0/active", "").0, 401);
    }
    at(&place, "team", &["token", "revoke", "phone"]);
    assert_eq!(active(&server, "agent0/active", &shown).0, 401);
}

#[test]
fn a_certificate_makes_it_speak_tls() {
    let place = team(1);
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(place.path("."))
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for (cert, key, says) in [
        ("absent.pem", "key.pem", "absent.pem"),
        ("key.pem", "key.pem", "certificate"),
        ("cert.pem", "cert.pem", "private key"),
    ] {
        let refused = place.recto(["--store", "team", "serve", "--tls-cert", cert, "--tls-key", key]);
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    let args = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let server = Served::new(&place, "team", "127.0.0.1:0", &args);
    let url = format!("https://localhost:{}/api/v1/agents/agent0/active", server.address.port());
    let curl = |args: &[&str]| {
        Command::new("curl")
            .args(["-sS"])
            .args(args)
            .arg(&url)
            .current_dir(place.path("."))
            .output()
            .expect("curl")
    };
    let trusted = curl(&["--cacert", "cert.pem"]);
    assert!(String::from_utf8_lossy(&trusted.stdout).contains("Be kind"), "{trusted:?}");
    assert!(!curl(&[]).status.success(), "nobody vouches for it");
    // Who speaks without is not understood, and others are served meanwhile.
    let plain = server.raw(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!(!plain.contains("200 OK"), "{plain}");
    assert!(curl(&["--cacert", "cert.pem"]).status.success());
}
