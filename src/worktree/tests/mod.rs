//! Working files on a real and on a simulated disk.

mod apply;
mod checkout;
mod conflict;
mod discard;
mod harness;
mod hostile;
mod save;
