//! The suite that every backend passes.

use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;

use crate::backend::bucket::{BucketBackend, BucketOptions};
use crate::backend::{conformance, script};

#[test]
fn conforms() {
    for max_age in [Duration::ZERO, Duration::from_secs(1)] {
        let options = BucketOptions { max_age, ..BucketOptions::default() };
        conformance::run(&|| {
            let bucket = Arc::new(InMemory::new());
            Box::new(BucketBackend::create_on(bucket, "some/where", script::STORE, &options).expect("made"))
        });
    }
}
