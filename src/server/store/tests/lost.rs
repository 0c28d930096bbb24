//! Requests and answers that are lost on the way: what happened is found out, and nothing happens twice.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{afar, agents, create, in_memory, records, sound};
use crate::agent::{DraftSource, Edit};
use crate::backend::script::handle;
use crate::server::Options;
use crate::server::tests::Running;

/// What becomes of commits on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// They do not arrive.
    Request,
    /// Their answer does not.
    Answer,
}

/// A way to a server that loses so many commits.
fn lossy(to: SocketAddr, loss: Loss, count: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(to)) else { return };
            let count = Arc::clone(&count);
            std::thread::spawn(move || carry(client, server, loss, &count));
        }
    });
    format!("http://{address}")
}

/// Carries requests one after the other: each in one go, and its answer as it comes.
fn carry(mut client: TcpStream, mut server: TcpStream, loss: Loss, count: &AtomicUsize) {
    let (mut back, mut into) = (server.try_clone().expect("cloned"), client.try_clone().expect("cloned"));
    let dropping = Arc::new(AtomicUsize::new(0));
    let drops = Arc::clone(&dropping);
    std::thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = back.read(&mut piece) {
            if drops.load(Ordering::SeqCst) > 0 || into.write_all(&piece[..read]).is_err() {
                break;
            }
        }
        let _ = into.shutdown(Shutdown::Both);
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut piece = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = client.read(&mut piece) {
        let commits = piece[..read].starts_with(b"POST /api/v1/store/commit ");
        let take = |left: usize| left.checked_sub(1);
        if commits && count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            if loss == Loss::Request {
                break;
            }
            dropping.store(1, Ordering::SeqCst);
        }
        if server.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    if dropping.load(Ordering::SeqCst) == 0 {
        let _ = server.shutdown(Shutdown::Both);
    }
}

#[test]
fn what_became_of_an_operation_whose_answer_was_lost_is_found_out() {
    let store = in_memory();
    let server = Running::new(&store, Options::default());
    create(&agents(&store, "Ana"), "support");
    let (support, tone) = (handle("support"), handle("tone"));
    agents(&store, "Ana").new_draft(&support, &tone, &DraftSource::Default).expect("forked");
    let mut number = 1;
    for loss in [Loss::Answer, Loss::Request] {
        for losses in [1, 2] {
            let count = Arc::new(AtomicUsize::new(losses));
            let agents = afar(&lossy(server.address, loss, Arc::clone(&count)), "Bo");
            number += 1;
            let edit = Edit::Patch(json!({"voice": {"speed": number}}));
            let before = records(&store, "support").len();
            let (_, receipt) = agents.edit(&support, &tone, None, &[edit], "").expect("it is found out");
            let after = records(&store, "support");
            assert_eq!(after.len(), before + 1, "{loss:?} {losses}: it happened once");
            assert_eq!(after.last().copied(), receipt.operation, "{loss:?} {losses}");
            // An answer that is lost is looked for, and found before the operation is sent again.
            let left = count.load(Ordering::SeqCst);
            assert_eq!(left, if loss == Loss::Answer { losses - 1 } else { 0 }, "{loss:?} {losses}");
        }
    }
    // An agent that is made has no record before it.
    let count = Arc::new(AtomicUsize::new(1));
    create(&afar(&lossy(server.address, Loss::Answer, count), "Bo"), "sales");
    assert_eq!(records(&store, "sales").len(), 1);
    sound(&store);
}

#[test]
fn what_cannot_be_found_out_is_said_to_be_unknown() {
    let store = in_memory();
    let server = Running::new(&store, Options::default());
    create(&agents(&store, "Ana"), "support");
    let count = Arc::new(AtomicUsize::new(usize::MAX));
    let agents = afar(&lossy(server.address, Loss::Request, count), "Bo");
    let before = records(&store, "support");
    let lost = agents.new_draft(&handle("support"), &handle("tone"), &DraftSource::Default);
    let lost = lost.expect_err("no commit gets through").to_string();
    assert!(lost.contains("unknown whether the operation"), "{lost}");
    assert_eq!(records(&store, "support"), before);
}
