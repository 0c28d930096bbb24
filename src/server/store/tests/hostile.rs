//! What a stranger may send: nothing of it changes the store, and each refusal says why.

use std::sync::Arc;

use super::{START_MS, agents, author, create, in_memory, records, sound};
use crate::access::{Book, NewGrant, Role};
use crate::backend::script::{block, handle, name};
use crate::backend::{Head, Transaction};
use crate::clock::Time;
use crate::log::{Change, Record, StoreId};
use crate::object::{Kind, Object, ObjectId};
use crate::refs::{RefName, Target};
use crate::repo::Repo;
use crate::server::tests::Running;
use crate::server::{Limits, Options};
use crate::sync::wire::write_operations;

/// An operation on the agent as it is, by Ana.
fn moving(repo: &Repo, moves: &[(&str, Option<ObjectId>)]) -> Transaction {
    let backend = repo.backend();
    let support = handle("support");
    let Head { agent, record, .. } = backend.head(&support).expect("read").expect("there");
    let change = |(at, to): &(&str, Option<ObjectId>)| {
        let from = crate::backend::script::current(backend, &support, &name(at));
        Change::new(name(at), from, to.map(Target::Id))
    };
    let record = Record {
        prev: Some(record),
        store: backend.store_id(),
        agent: Some(agent),
        nonce: [7; 16],
        kind: "test".to_owned(),
        actor: author("Ana"),
        via: "test".to_owned(),
        time: Time::from_ms(START_MS).expect("a time"),
        changes: moves.iter().map(change).collect(),
        cites: Vec::new(),
        note: String::new(),
        sig: None,
        ext: serde_json::Map::new(),
    };
    Transaction::new(support, record)
}

fn body(transaction: &Transaction) -> Vec<u8> {
    let mut body = Vec::new();
    write_operations(&mut body, [transaction], true).expect("written");
    zstd::bulk::compress(&body, 3).expect("compressed")
}

fn post(server: &Running, token: &str, route: &str, body: &[u8]) -> String {
    let head = format!(
        "POST /api/v1/store/{route} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/vnd.recto.items+zstd\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut bytes = head.into_bytes();
    bytes.extend(body);
    server.raw(&bytes)
}

/// A store with an agent, its V1, a draft's commit, and tokens by role.
struct Scene {
    repo: Arc<Repo>,
    server: Running,
    version: ObjectId,
    draft: ObjectId,
    tokens: Vec<(Role, String)>,
}

impl Scene {
    fn new() -> Self {
        let repo = in_memory();
        let ana = agents(&repo, "Ana");
        create(&ana, "support");
        let draft = ana.new_draft(&handle("support"), &handle("tone"), &crate::agent::DraftSource::Default);
        let draft = draft.expect("forked").0.commit;
        let list = repo.backend().list(&handle("support"), &RefName::versions(), 0, 1).expect("read");
        let book = Book::new(Arc::clone(repo.disk()), repo.shared_clock(), repo.root());
        let token = |(name, role): (&str, Role), agents: &str| {
            let agents = vec![agents.parse().expect("a pattern")];
            let grant = NewGrant { name: name.to_owned(), role, agents, expires: None, per_minute: None };
            book.create(grant).expect("made").1.text().to_owned()
        };
        let roles = [("reader", Role::Reader), ("editor", Role::Editor), ("Ana", Role::Publisher)];
        let mut tokens: Vec<_> = roles.into_iter().map(|named| (named.1, token(named, "*"))).collect();
        tokens.push((Role::Admin, token(("some", Role::Admin), "support*")));
        let limits = Limits { push_bytes: 1 << 20, ..Limits::default() };
        let server = Running::new(&repo, Options { limits, ..Options::default() });
        Self { repo, server, version: list[0].id, draft, tokens }
    }

    fn token(&self, role: Role) -> &str {
        &self.tokens.iter().find(|(of, _)| *of == role).expect("made").1
    }

    /// Sends as Ana, who publishes; sees that it is refused with these words, and nothing happened.
    fn refused(&self, transaction: &Transaction, says: &str) {
        self.refused_as(Role::Publisher, &body(transaction), says);
    }

    fn refused_as(&self, role: Role, body: &[u8], says: &str) {
        let before = records(&self.repo, "support");
        let answer = post(&self.server, self.token(role), "commit", body);
        assert!(answer.contains(says), "{says}: {answer}");
        assert_eq!(records(&self.repo, "support"), before, "{says}");
    }
}

#[test]
fn who_says_what_is_not_so_is_refused() {
    let scene = Scene::new();
    let pin = format!("pins/{}", scene.version);
    let good = moving(&scene.repo, &[(&pin, Some(scene.version))]);
    let spoilt = |spoil: &dyn Fn(&mut Record)| {
        let mut bad = good.clone();
        spoil(&mut bad.records[0]);
        bad
    };
    scene.refused(&spoilt(&|bad| bad.actor = author("Bo")), "'Bo' acts, and the token is of 'Ana'");
    scene.refused(&spoilt(&|bad| bad.store = StoreId([9; 16])), "another store or agent");
    scene.refused(&spoilt(&|bad| bad.prev = bad.agent), "{\"outcomes\":[\"head\"]}");
    let elsewhere = crate::log::RecordId::from_digest(crate::encoding::Digest::from_bytes([4; 32]));
    scene.refused(&spoilt(&|bad| bad.agent = Some(elsewhere)), "another agent");
    let time = |ms| Time::from_ms(START_MS + ms).expect("a time");
    scene.refused(&spoilt(&|bad| bad.time = time(3_600_000)), "3600 s ahead of the store's clock");
    scene.refused(&spoilt(&|bad| bad.time = time(-1)), "before that of the last operation");
    let mut two = good.clone();
    let second = Record { prev: Some(two.records[0].id()), changes: Vec::new(), ..two.records[0].clone() };
    two.records[0].changes = moving(&scene.repo, &[("ACTIVE", None)]).records[0].changes.clone();
    two.records.push(Record { prev: Some(two.records[0].id()), ..second });
    scene.refused(&two, "another record than the last");
    let answer = post(&scene.server, scene.token(Role::Publisher), "commit", &body(&good));
    assert!(answer.contains("\"committed\""), "{answer}");
    sound(&scene.repo);
}

#[test]
fn refs_are_led_to_nothing_that_does_not_belong_there() {
    let scene = Scene::new();
    let absent = block("absent").id();
    let draft = |to| moving(&scene.repo, &[("drafts/tone", Some(to))]);
    scene.refused(&draft(absent), "is missing from what was sent");
    let mut wrong = draft(block("text").id());
    wrong.objects.push(block("text"));
    scene.refused(&wrong, "names an object of another kind");
    let mut malformed = draft(scene.draft);
    malformed.objects.push(Object { kind: Kind::Commit, payload: b"no commit".to_vec() });
    scene.refused(&malformed, "is damaged");
    scene.refused(&moving(&scene.repo, &[("ACTIVE", Some(scene.draft))]), "no version");
    scene.refused(&moving(&scene.repo, &[("environments/live", Some(scene.draft))]), "no version");
    scene.refused(&moving(&scene.repo, &[("versions", Some(scene.version))]), "one number");
    let mut renamed = moving(&scene.repo, &[]);
    renamed.rename_to = Some(handle("sales"));
    scene.refused(&renamed, "does not call it 'sales'");
    let mut meta = moving(&scene.repo, &[("meta", Some(block("{}").id()))]);
    meta.objects.push(block("{}"));
    scene.refused(&meta, "no metadata");
    // A document that the sender made up is not taken.
    let mut lying = moving(&scene.repo, &[("ACTIVE", None)]);
    lying.derived.push(crate::backend::Derived {
        name: "ACTIVE.json".to_owned(),
        content: Some(b"{\"config\":\"mine\"}".to_vec()),
    });
    let answer = post(&scene.server, scene.token(Role::Publisher), "commit", &body(&lying));
    assert!(answer.contains("\"committed\""), "{answer}");
    let document = scene.repo.backend().derived(&handle("support"), "ACTIVE.json").expect("read");
    let document = String::from_utf8(document.expect("there")).expect("text");
    assert!(document.contains("\"config\":null"), "{document}");
    sound(&scene.repo);
}

#[test]
fn a_role_that_does_not_suffice_is_refused() {
    let scene = Scene::new();
    let by = |who: &str, moves: &[(&str, Option<ObjectId>)]| {
        let mut transaction = moving(&scene.repo, moves);
        transaction.records[0].actor = author(who);
        body(&transaction)
    };
    let pin = format!("pins/{}", scene.version);
    let check = format!("checks/{}", scene.version);
    for name in ["ACTIVE", pin.as_str(), check.as_str()] {
        scene.refused_as(Role::Editor, &by("editor", &[(name, None)]), "needs the role publisher");
    }
    scene.refused_as(Role::Publisher, &by("Ana", &[("accepted", None)]), "needs the role admin");
    scene.refused_as(Role::Reader, &by("reader", &[("drafts/tone", None)]), "needs the role editor");
    scene.refused_as(Role::Admin, &by("some", &[("drafts/tone", None)]), "a token for some agents");
    let none = post(&scene.server, "x", "commit", &by("Ana", &[("drafts/tone", None)]));
    assert!(none.starts_with("HTTP/1.1 401"), "{none}");
    let edited = by("editor", &[("drafts/other", Some(scene.draft))]);
    let answer = post(&scene.server, scene.token(Role::Editor), "commit", &edited);
    assert!(answer.contains("\"committed\""), "{answer}");
    sound(&scene.repo);
}

#[test]
fn bodies_that_are_too_much_or_too_little_are_refused() {
    let scene = Scene::new();
    let bomb = zstd::bulk::compress(&vec![b' '; 64 << 20], 3).expect("compressed");
    scene.refused_as(Role::Publisher, &bomb, "HTTP/1.1 4");
    let good = body(&moving(&scene.repo, &[("drafts/other", Some(scene.draft))]));
    scene.refused_as(Role::Publisher, &good[..good.len() - 4], "HTTP/1.1 400");
    let mut large = moving(&scene.repo, &[("drafts/other", Some(scene.draft))]);
    large.objects = (0..40u8)
        .map(|byte| block(&String::from(char::from(b'a' + byte % 26)).repeat(50_000 + usize::from(byte))))
        .collect();
    scene.refused_as(Role::Publisher, &body(&large), "1048576 bytes");
    let mut more = Vec::new();
    write_operations(&mut more, [&moving(&scene.repo, &[("drafts/other", Some(scene.draft))])], false)
        .expect("written");
    more.extend(b"more");
    let more = zstd::bulk::compress(&more, 3).expect("compressed");
    scene.refused_as(Role::Publisher, &more, "goes on after its end");
    for text in [&b"{\"end\":1}\n"[..], b"{}\n", b"\"end\"\n", b"{\"objects\":[]}\n\"end\"\n"] {
        let text = zstd::bulk::compress(text, 3).expect("compressed");
        scene.refused_as(Role::Publisher, &text, "HTTP/1.1 400");
    }
    sound(&scene.repo);
}
