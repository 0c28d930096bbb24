//! `recto serve` and those who fetch from it and push to it, each a process of its own.

mod clients;
mod far;
mod gone;
mod hostile;
mod hot;
mod intruders;
mod killed;
mod served;
pub(crate) mod wire;
