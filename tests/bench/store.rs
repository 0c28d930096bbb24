//! Compares the store with what a user would pick instead. Run with `cargo bench --features rivals`.

fn main() {}
