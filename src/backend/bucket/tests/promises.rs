//! A service that does not keep its promises is refused, with the one that it breaks.

use std::sync::Arc;

use object_store::memory::InMemory;

use crate::backend::bucket::{BucketBackend, BucketError, BucketOptions};
use crate::backend::script::{STORE, handle, moving};
use crate::backend::{Backend as _, BackendError, Outcome};

use super::faulty::{Faulty, Manner};
use super::scheduled::Chance;

fn service(manner: Manner) -> Arc<Faulty> {
    Arc::new(Faulty::new(Arc::new(InMemory::new()), Arc::new(Chance::new(1)), manner))
}

#[test]
fn who_breaks_a_promise_is_refused() {
    for (manner, promise) in [
        (Manner::IgnoresConditions, "makes a key anew that is there"),
        (Manner::LosesRaces, "accepts more than one"),
    ] {
        let bucket = service(manner);
        let made = BucketBackend::create_on(Arc::clone(&bucket) as _, "x", STORE, &BucketOptions::default());
        let Err(BackendError::Bucket(BucketError::BrokenPromise(broken))) = made else {
            panic!("{manner:?}: {made:?}");
        };
        assert!(broken.contains(promise), "{broken}");
        let opened = BucketBackend::open_on(Arc::clone(&bucket) as _, "x", &BucketOptions::default());
        assert!(matches!(opened, Err(BackendError::NotAStore(_))), "{opened:?}");
        assert_eq!(keys(&bucket), 0, "what was asked with is removed");
    }
}

#[test]
fn quotes_are_left_out_where_the_service_wants_it_so() {
    let bucket = service(Manner::WantsBareEtags);
    BucketBackend::create_on(Arc::clone(&bucket) as _, "", STORE, &BucketOptions::default()).expect("made");
    let store =
        BucketBackend::open_on(Arc::clone(&bucket) as _, "", &BucketOptions::default()).expect("opened");
    for text in ["1", "2"] {
        let transaction = moving(&store, "a", &[("drafts/x", Some(text))]);
        assert_eq!(store.commit(&transaction).expect("asked"), Outcome::Committed);
    }
    assert_eq!(store.agents(None, 9).expect("listed"), [handle("a")]);
    store.probe().expect("it keeps its promises");
}

fn keys(bucket: &Faulty) -> usize {
    use futures_util::StreamExt as _;
    use object_store::ObjectStore as _;
    futures_util::future::FutureExt::now_or_never(bucket.inner.list(None).count()).expect("it lies in memory")
}
