//! Payloads to bodies and back: zstd, by itself or with another payload as its prefix. A frame is
//! kept without its magic number, which says the same in every record.

use std::cell::RefCell;

use zstd::zstd_safe::{self, CCtx, CParameter, DCtx, ErrorCode};

use super::PackError;

/// The four bytes with which every zstd frame begins.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Payloads below this are kept as they are unless there is something to build on, in bytes.
const PLAIN_BELOW_BYTES: usize = 64;
/// From here on, payload and prefix together in bytes, the window is widened by hand to span both,
/// and matches are also looked for far away: below, every level does so by itself.
const WIDEN_FROM_BYTES: usize = 128 * 1024;
/// Widest window, as a power of two: an object and its prefix at their largest.
const WINDOW_MAX_LOG: u32 = 25;

/// How much time to spend on making bodies small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effort {
    /// For a pack that is made, sent and thrown away.
    Fast,
    /// For a pack that is kept.
    #[default]
    Small,
}

impl Effort {
    /// The zstd level. On the histories of docs/benchmarks.md level 3 was 1 % smaller than 1 in 1.2
    /// times the time; 9 under 0.5 % smaller than 6 in 1.3 to 2 times the time, and 19 took seven times
    /// as long for 1 % more.
    fn level(self) -> i32 {
        match self {
            Self::Fast => 1,
            Self::Small => 6,
        }
    }
}

/// Makes bodies. Its answers depend on nothing but what it is asked.
pub(super) struct Encoder {
    effort: Effort,
    context: CCtx<'static>,
    frame: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(effort: Effort) -> Self {
        Self { effort, context: CCtx::default(), frame: Vec::new() }
    }

    /// The payload by itself, if that makes it smaller.
    pub(super) fn plain(&mut self, payload: &[u8]) -> Result<Option<Vec<u8>>, PackError> {
        if payload.len() < PLAIN_BELOW_BYTES {
            return Ok(None);
        }
        self.begin(payload);
        self.context.compress(&mut self.frame, payload, self.effort.level()).map_err(failed)?;
        Ok(self.body(payload))
    }

    /// The payload as what it adds to `base`, if that makes it smaller.
    pub(super) fn delta(&mut self, payload: &[u8], base: &[u8]) -> Result<Option<Vec<u8>>, PackError> {
        self.begin(payload);
        let level = self.effort.level();
        // A prefix is a dictionary that is nothing but content. Given so, the context can be used again: to
        // make one takes longer than most bodies do.
        if payload.len() + base.len() <= WIDEN_FROM_BYTES && !base.starts_with(&DICTIONARY_MAGIC) {
            self.context.compress_using_dict(&mut self.frame, payload, base, level).map_err(failed)?;
        } else {
            self.wide_delta(payload, base)?;
        }
        Ok(self.body(payload))
    }

    /// With a context of its own, because a prefix must outlive the context that refers to it.
    fn wide_delta(&mut self, payload: &[u8], base: &[u8]) -> Result<(), PackError> {
        let mut context = CCtx::try_create().ok_or(PackError::Compress("no memory for it"))?;
        context.set_parameter(CParameter::CompressionLevel(self.effort.level())).map_err(failed)?;
        let span = payload.len() + base.len();
        if span > WIDEN_FROM_BYTES {
            let log = usize::BITS - (span - 1).leading_zeros();
            context.set_parameter(CParameter::WindowLog(log.min(WINDOW_MAX_LOG))).map_err(failed)?;
            context.set_parameter(CParameter::EnableLongDistanceMatching(true)).map_err(failed)?;
        }
        context.ref_prefix(base).map_err(failed)?;
        context.compress2(&mut self.frame, payload).map_err(failed)?;
        Ok(())
    }

    fn begin(&mut self, payload: &[u8]) {
        self.frame.clear();
        self.frame.reserve(zstd_safe::compress_bound(payload.len()));
    }

    /// What the frame keeps, if that is less than the payload.
    fn body(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let body = self.frame.strip_prefix(&ZSTD_MAGIC).expect("every frame begins with it");
        (body.len() < payload.len()).then(|| body.to_vec())
    }
}

fn failed(code: ErrorCode) -> PackError {
    PackError::Compress(zstd_safe::get_error_name(code))
}

thread_local! {
    /// With room for a frame.
    static DECODER: RefCell<(DCtx<'static>, Vec<u8>)> = RefCell::default();
}

/// Room for longer frames than this is not kept, in bytes.
const FRAME_KEPT_BYTES: usize = 1024 * 1024;

/// The bytes with which dictionaries in zstd's own format begin, and no valid text does.
const DICTIONARY_MAGIC: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];

/// The payload of `payload_bytes` that a body stands for, on a base or by itself. Allocates no more
/// than that and the body's length; what is wrong with the body is said in the error.
pub(super) fn decode(
    body: &[u8],
    base: Option<&[u8]>,
    payload_bytes: usize,
) -> Result<Vec<u8>, &'static str> {
    DECODER.with_borrow_mut(|(context, frame)| {
        frame.clear();
        frame.shrink_to(FRAME_KEPT_BYTES);
        frame.extend_from_slice(&ZSTD_MAGIC);
        frame.extend_from_slice(body);
        decode_frame(context, frame, base, payload_bytes)
    })
}

fn decode_frame(
    context: &mut DCtx<'static>,
    frame: &[u8],
    base: Option<&[u8]>,
    payload_bytes: usize,
) -> Result<Vec<u8>, &'static str> {
    if zstd_safe::find_frame_compressed_size(frame) != Ok(frame.len()) {
        return Err("its body is not one zstd frame");
    }
    let mut payload = Vec::with_capacity(payload_bytes);
    // The vector may hold more than was asked of it, so the length is compared as well.
    let decoded = match base {
        None => context.decompress(&mut payload, frame),
        // A prefix is a dictionary that is nothing but content. Asked so, the context can be used again, and
        // making one costs more than decoding most bodies.
        Some(base) if !base.starts_with(&DICTIONARY_MAGIC) => {
            context.decompress_using_dict(&mut payload, frame, base)
        }
        Some(base) => {
            let mut context = DCtx::try_create().ok_or("no memory to decode it")?;
            context.ref_prefix(base).and_then(|_| context.decompress(&mut payload, frame))
        }
    };
    match decoded {
        Ok(_) if payload.len() == payload_bytes => Ok(payload),
        Ok(_) => Err("its body decodes to another length than its head says"),
        Err(_) => Err("its zstd frame does not decode"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_that_looks_like_a_dictionary_is_content_all_the_same() {
        let words = b"the same words again and again, ".repeat(40);
        let payload = [&words[..], b"and some"].concat();
        let like = |first: &[u8]| [first, &words[..]].concat();
        for base in [like(&DICTIONARY_MAGIC), like(b"7"), like(&[0; 8]), words.clone()] {
            let body = Encoder::new(Effort::Fast).delta(&payload, &base).expect("made").expect("it helps");
            // One after the other, so that nothing of one base is left for the next body.
            assert_eq!(decode(&body, Some(&base), payload.len()).as_deref(), Ok(&payload[..]));
            let plain = Encoder::new(Effort::Fast).plain(&payload).expect("made").expect("it helps");
            assert_eq!(decode(&plain, None, payload.len()).as_deref(), Ok(&payload[..]));
            assert!(decode(&body, None, payload.len()).is_err());
            assert!(decode(&body, Some(b"another base"), payload.len()).as_deref() != Ok(&payload[..]));
        }
    }
}
