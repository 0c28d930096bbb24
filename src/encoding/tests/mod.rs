//! Tests of the parser and the writer together.

mod fixtures;
mod properties;
