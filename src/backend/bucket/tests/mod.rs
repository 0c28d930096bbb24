//! Tests of a store in a bucket.

mod claims;
mod conforms;
mod faulty;
mod histories;
mod pieces;
mod promises;
mod scheduled;
