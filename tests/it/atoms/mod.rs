//! The Atoms API of `recto serve`: its endpoints and refusals as requests see them, the vendor's own client, and
//! the walkthrough of the vendor's guide.

mod access;
mod agents;
mod clients;
mod drafts;
mod imported;
mod refusals;
mod versions;

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::Place;
use crate::serve::wire::Served;

/// A store behind the API.
struct Api {
    place: Place,
    served: Served,
    /// What is shown as a token.
    token: String,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Answer {
    /// Demands a status, and gives what was answered.
    #[track_caller]
    fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.body["status"], json!(true), "{self:?}");
        self.body["data"].clone()
    }

    /// Demands a refusal that says this, in the only form that there is.
    #[track_caller]
    fn refused(self, status: u16, text: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.body["status"], json!(false), "{self:?}");
        let errors: Vec<&str> =
            self.body["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert!(errors.iter().any(|error| error.contains(text)), "{text}: {self:?}");
    }
}

impl Api {
    /// An empty store.
    fn new() -> Self {
        Self::of(Place::with_store())
    }

    fn of(place: Place) -> Self {
        let served = Served::started(&mut timed(&place, &["serve", "--listen", "127.0.0.1:0"]));
        Self { place, served, token: "any".to_owned() }
    }

    /// The same server, for who shows another token.
    fn with(&self, token: &str) -> Caller<'_> {
        Caller { api: self, token: token.to_owned() }
    }

    fn base(&self) -> String {
        format!("{}/atoms/v1", self.served.url())
    }

    /// Runs recto on the store.
    #[track_caller]
    fn recto(&self, args: &[&str]) -> String {
        self.place.run(&mut timed(&self.place, args)).ok()
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body))
    }

    fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, Some(body))
    }

    fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None)
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.with(&self.token).send(method, path, body)
    }

    /// Makes an agent; gives its id and its version's.
    #[track_caller]
    fn agent(&self, name: &str) -> (String, String) {
        let id = text(&self.post("/agent", &json!({"name": name})).ok(201));
        let version = text(&self.get(&format!("/agent/{id}")).ok(200)["activeVersionId"]);
        (id, version)
    }

    /// Forks a draft with a change; gives its id.
    #[track_caller]
    fn draft(&self, agent: &str, version: &str, config: &Value) -> String {
        let draft =
            self.post(&format!("/agent/{agent}/drafts"), &json!({"sourceVersionId": version})).ok(201);
        let draft = text(&draft["draftId"]);
        self.patch(&format!("/agent/{agent}/drafts/{draft}/config"), config).ok(200);
        draft
    }

    /// Publishes a change of a version; gives the new one's id.
    #[track_caller]
    fn version(&self, agent: &str, from: &str, config: &Value) -> String {
        let draft = self.draft(agent, from, config);
        let published = self.post(&format!("/agent/{agent}/drafts/{draft}/publish"), &json!({})).ok(201);
        text(&published["_id"])
    }
}

/// Somebody with a token.
struct Caller<'a> {
    api: &'a Api,
    token: String,
}

impl Caller<'_> {
    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} /atoms/v1{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {}\r\n",
            self.token
        );
        let request =
            format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let answer = self.api.served.raw(request.as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        assert_ne!(status, 409, "clients repeat what is answered so: {answer}");
        let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        Answer { status, head: head.to_owned(), body }
    }
}

/// A command whose clock goes on by itself.
fn timed(place: &Place, args: &[&str]) -> Command {
    let mut command = place.command(args);
    command.env_remove("RECTO_TIME");
    command
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Whether a text is an id as this API has them.
fn is_id(value: &Value) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
    value.as_str().is_some_and(|text| text.len() == 24 && digits(text))
}
