//! Answers that may be as large as the store: lines of logs, packs made on the way, packs as they are kept.

use std::io::{self, Read, Write};

use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

use crate::backend::BackendError;
use crate::error::Kind;
use crate::pack::{PackError, PackId};
use crate::server::call::{Call, Shared};
use crate::server::problem::Problem;
use crate::server::stream::Sink;
use crate::sync::SyncError;
use crate::sync::wire::{
    Asks, Failure, ITEMS_TYPE, LinesItem, Needs, ObjectsItem, PACK_TYPE, PIECE_BYTES, PLAIN_ITEMS_TYPE,
    write_item,
};

/// How hard lines are compressed.
const LEVEL: i32 = 3;

pub(super) async fn lines(call: Call) -> Result<Response, Problem> {
    call.stream(ITEMS_TYPE, |shared: &Shared, asks: Asks, sink: Sink| {
        let mut sink = zstd::stream::write::Encoder::new(sink, LEVEL)?;
        let mut written = Ok(());
        let asked = shared.transport.lines(&asks.into_plain(), &mut |ask, told| {
            if written.is_ok() {
                written = match &told {
                    Ok(told) => {
                        let (item, lines) = LinesItem::of(ask, told);
                        write_item(&mut sink, &item).and_then(|()| sink.write_all(lines))
                    }
                    Err(error) => {
                        write_item(&mut sink, &LinesItem::Failed { ask, error: Failure::of(error) })
                    }
                };
            }
        });
        written?;
        let last = match asked {
            Ok(()) => LinesItem::End,
            Err(error) => LinesItem::Broken(told(&error)),
        };
        write_item(&mut sink, &last)?;
        sink.finish()?.flush()
    })
    .await
}

pub(super) async fn objects(call: Call) -> Result<Response, Problem> {
    call.stream(PLAIN_ITEMS_TYPE, |shared: &Shared, needs: Needs, mut sink: Sink| {
        let mut broke = None;
        let asked = shared.transport.objects(&needs.into_plain(), &mut |pack| {
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                // What is cut off, since whoever writes it failed, does not end as a pack does.
                let read = pack.read(&mut piece);
                let read = read.map_err(|error| BackendError::from(PackError::reading(error, 0)))?;
                let written = match read {
                    0 => write_item(&mut sink, &ObjectsItem::Pack),
                    _ => write_item(&mut sink, &ObjectsItem::Data(read as u64))
                        .and_then(|()| sink.write_all(&piece[..read])),
                };
                if let Err(error) = written {
                    let reason = error.to_string();
                    broke = Some(error);
                    return Err(SyncError::Stopped(reason));
                }
                if read == 0 {
                    return Ok(());
                }
            }
        });
        if let Some(error) = broke {
            return Err(error);
        }
        let last = match asked {
            Ok(()) => ObjectsItem::End,
            Err(error) => ObjectsItem::Broken(told(&error)),
        };
        write_item(&mut sink, &last)?;
        sink.flush()
    })
    .await
}

/// Why an answer that had begun ends here.
fn told(error: &SyncError) -> Failure {
    tracing::warn!(error = %error, "an answer had to be broken off");
    Failure::of(error)
}

/// The first byte that is asked for, and the one after the last; none when no part is asked for that can
/// be given.
fn asked_part(headers: &HeaderMap, size_bytes: u64) -> Option<(u64, u64)> {
    let range = headers.get(RANGE)?.to_str().ok()?.strip_prefix("bytes=")?;
    let (first, last) = range.split_once('-')?;
    let first = first.parse().ok()?;
    let end = match last {
        "" => size_bytes,
        last => last.parse::<u64>().ok()?.saturating_add(1).min(size_bytes),
    };
    (first >= size_bytes || first < end).then_some((first, end))
}

pub(super) async fn pack(Path(id): Path<String>, call: Call) -> Result<Response, Problem> {
    let headers = call.headers.clone();
    call.send(move |shared| {
        let id: PackId = id.parse().map_err(|_| Problem::malformed(format!("'{id}' is no id of a pack")))?;
        let packs = shared.transport.packs().map_err(|error| Problem::of(&error))?;
        let kept = packs.iter().find(|kept| kept.id == id);
        let size_bytes = kept.ok_or_else(|| Problem::of(&SyncError::NoSuchPack(id)))?.size_bytes;
        let part = asked_part(&headers, size_bytes);
        let (first, end) = part.unwrap_or((0, size_bytes));
        if first >= size_bytes {
            let message = format!("pack '{id}' has {size_bytes} bytes, and those from {first} on are wanted");
            return Err(Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, Kind::Usage, message));
        }
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PACK_TYPE));
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CONTENT_LENGTH, (end - first).into());
        if part.is_some() {
            let range = format!("bytes {first}-{}/{size_bytes}", end - 1);
            if let Ok(range) = HeaderValue::from_str(&range) {
                headers.insert(CONTENT_RANGE, range);
            }
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        Ok((response, move |shared: &Shared, sink| copy(shared, id, first, end - first, sink)))
    })
    .await
}

fn copy(shared: &Shared, id: PackId, first: u64, len: u64, mut sink: Sink) -> io::Result<()> {
    let copied = shared.transport.pack(&id, first, &mut |source| {
        let copied = io::copy(&mut source.take(len), &mut sink);
        copied.map(drop).map_err(|error| BackendError::from(PackError::Io(error)).into())
    });
    copied.map_err(|error| io::Error::other(error.to_string()))?;
    sink.flush()
}
