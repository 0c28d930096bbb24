//! Tests of what only a store in a directory has.
