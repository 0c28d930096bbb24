//! Tokens are found by their text, in the present state of the file, and by nothing else.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::clock::{Clock as _, StepClock, Time};
use crate::disk::SimDisk;
use crate::error::Classify as _;

fn book() -> (Arc<SimDisk>, Arc<StepClock>, Book) {
    let disk = Arc::new(SimDisk::new(1));
    let clock = Arc::new(StepClock::new(Time::from_ms(1_000_000).expect("a time"), 1));
    let book = Book::new(disk.clone(), clock.clone(), Path::new("/store"));
    (disk, clock, book)
}

fn new(name: &str) -> NewGrant {
    let agents = vec!["support-*".parse().expect("a pattern")];
    NewGrant { name: name.to_owned(), role: Role::Editor, agents, expires: None, per_minute: None }
}

#[test]
fn a_token_is_found_by_its_text_and_its_text_is_kept_nowhere() {
    let (disk, clock, book) = book();
    assert!(!book.is_used().expect("read"));
    let (grant, secret) = book.create(new("ci")).expect("made");
    assert!(book.is_used().expect("read"));
    assert_eq!(book.find(secret.text()).expect("read").as_deref(), Some(&grant));
    assert_eq!(book.find(&secret.text()[1..]).expect("read"), None);
    assert_eq!(book.find(&grant.hash.to_string()).expect("read"), None, "a hash is no token");
    let file = crate::disk::Disk::read(&*disk, Path::new("/store/tokens.json"), 1 << 20).expect("there");
    let file = String::from_utf8(file).expect("text");
    assert!(file.contains(&grant.hash.to_string()) && !file.contains(&secret.text()[6..]), "{file}");
    let other = Book::new(disk, clock, Path::new("/store"));
    assert_eq!(other.find(secret.text()).expect("read").as_deref(), Some(&grant));
}

#[test]
fn what_another_process_revokes_counts_at_once() {
    let (disk, clock, book) = book();
    let (grant, secret) = book.create(new("ci")).expect("made");
    assert!(book.find(secret.text()).expect("read").is_some());
    let other = Book::new(disk, clock, Path::new("/store"));
    assert!(other.revoke("ci").expect("there").revoked.is_some());
    assert_eq!(book.find(secret.text()).expect("read"), None);
    assert!(book.is_used().expect("read"), "a store whose tokens are revoked is not open to all");
    assert!(matches!(book.revoke("ci"), Err(AccessError::NoSuch(_))));
    assert!(book.revoke(&grant.id).is_ok(), "it stays revoked");
    book.create(new("ci")).expect("the name is free again");
}

#[test]
fn tokens_end_and_names_are_not_given_twice() {
    let (_, clock, book) = book();
    let expires = Time::from_ms(2_000_000);
    let (_, secret) = book.create(NewGrant { expires, ..new("guest") }).expect("made");
    let taken = book.create(new("guest")).expect_err("it is taken");
    assert!(matches!(&taken, AccessError::Taken(name) if name == "guest"));
    // The token may be in use: that is not what is hinted at first.
    assert!(taken.hint().is_some_and(|hint| hint.starts_with("take another name;")), "{:?}", taken.hint());
    assert!(book.find(secret.text()).expect("read").is_some());
    clock.set(Time::from_ms(2_000_000).expect("a time"));
    assert_eq!(book.find(secret.text()).expect("read"), None);
    for bad in ["", " ci", "a\nb", "<x>"] {
        assert!(matches!(book.create(new(bad)), Err(AccessError::BadName { .. })), "{bad:?}");
    }
}

#[test]
fn a_name_that_is_another_tokens_id_is_refused() {
    let (_, _, book) = book();
    let (grant, _) = book.create(new("ci")).expect("made");
    let refused = book.create(new(&grant.id));
    assert!(matches!(&refused, Err(AccessError::BadName { name, .. }) if *name == grant.id), "{refused:?}");
    book.revoke("ci").expect("there");
    assert!(book.create(new(&grant.id)).is_err(), "what is revoked is named by it, too");
}

#[test]
fn tokens_in_memory_are_fresh_until_the_file_is_another_one() {
    let (disk, clock, book) = book();
    assert!(book.fresh().is_some_and(|tokens| !tokens.are_used()), "there is no file");
    let other = Book::new(disk, clock.clone(), Path::new("/store"));
    let (_, secret) = other.create(new("ci")).expect("made");
    assert!(book.fresh().is_none(), "it has to be read");
    book.current().expect("read");
    let tokens = book.fresh().expect("it was read");
    assert!(tokens.find(secret.text(), clock.now()).is_some());
    other.revoke("ci").expect("there");
    assert!(book.fresh().is_none());
}

#[test]
fn the_last_use_is_noted_once_a_minute() {
    let (_, clock, book) = book();
    let (grant, _) = book.create(new("ci")).expect("made");
    assert_eq!(book.list().expect("read")[0].1, None);
    book.note_use(&grant.id).expect("noted");
    let first = book.list().expect("read")[0].1.expect("noted");
    clock.set(Time::from_ms(first.as_ms() + 59_000).expect("a time"));
    book.note_use(&grant.id).expect("noted");
    assert_eq!(book.list().expect("read")[0].1, Some(first));
    clock.set(Time::from_ms(first.as_ms() + 60_000).expect("a time"));
    book.note_use(&grant.id).expect("noted");
    assert!(book.list().expect("read")[0].1 > Some(first));
}

#[test]
fn a_damaged_file_lets_nobody_in() {
    let (disk, _, book) = book();
    let (_, secret) = book.create(new("ci")).expect("made");
    let path = Path::new("/store/tokens.json");
    for text in ["", "{}", "{\"format\":2,\"tokens\":[]}", "{\"format\":1,\"tokens\":[{\"id\":\"x\"}]}"] {
        crate::disk::Disk::write_atomic(&*disk, path, text.as_bytes()).expect("written");
        assert!(matches!(book.find(secret.text()), Err(AccessError::Damaged { .. })), "{text:?}");
        assert!(matches!(book.is_used(), Err(AccessError::Damaged { .. })), "{text:?}");
    }
}

#[test]
fn patterns_match_whole_handles() {
    let check = |pattern: &str, handle: &str, expected: bool| {
        let parsed: Pattern = pattern.parse().expect("a pattern");
        assert_eq!(parsed.matches(handle), expected, "{pattern} {handle}");
    };
    check("support", "support", true);
    check("support", "support-2", false);
    check("support-*", "support-2", true);
    check("support-*", "support", false);
    check("*", "anything", true);
    check("a*b", "ab", true);
    check("a*b", "aXb", true);
    check("a*b", "aXbc", false);
    check("a*b*c", "a1b2b3c", true);
    check("a*aa", "aa", false);
    check("*-eu", "support-eu", true);
    for bad in ["", "A", "a/b", "a b"] {
        assert!(bad.parse::<Pattern>().is_err(), "{bad:?}");
    }
}

#[test]
fn roles_are_ordered_and_only_known_words_are_roles() {
    assert!(Role::Reader < Role::Editor && Role::Editor < Role::Publisher && Role::Publisher < Role::Admin);
    for role in Role::ALL {
        assert_eq!(role.name().parse::<Role>().ok(), Some(role));
    }
    assert!(matches!("root".parse::<Role>(), Err(AccessError::BadRole(_))));
}

#[test]
fn more_than_the_limit_has_to_wait() {
    let limiter = Limiter::default();
    let start = Instant::now();
    for n in 0..60 {
        assert_eq!(limiter.take("a", 60, start), Ok(()), "{n}");
    }
    let wait = limiter.take("a", 60, start).expect_err("over");
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
    assert_eq!(limiter.take("b", 60, start), Ok(()), "each has its own");
    assert_eq!(limiter.take("a", 60, start + wait), Ok(()));
    assert!(limiter.take("a", 60, start + wait).is_err());
}

#[test]
fn that_there_were_tokens_is_not_forgotten_when_their_file_goes() {
    let (disk, clock, writer) = book();
    let path = Path::new("/store/tokens.json");
    for damaged in [false, true] {
        if damaged {
            crate::disk::Disk::write_atomic(&*disk, path, b"{").expect("written");
        } else {
            writer.create(new("ci")).expect("made");
        }
        let book = Book::new(disk.clone(), clock.clone(), Path::new("/store"));
        assert!(!book.was_used(), "nobody looked yet");
        assert_eq!(book.is_used().is_err(), damaged);
        crate::disk::Disk::remove_file(&*disk, path).expect("removed");
        assert!(!book.is_used().expect("read") && book.was_used(), "{damaged}");
        let other = Book::new(disk.clone(), clock.clone(), Path::new("/store"));
        assert!(!other.is_used().expect("read") && !other.was_used());
    }
}
