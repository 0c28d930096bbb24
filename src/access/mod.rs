//! Who may do what through a server: tokens, their roles, and the agents that they are for. Knows a file
//! of hashes; never HTTP, and never the text of a token that it has handed out.

mod book;
mod error;
mod grant;
mod limiter;
mod secret;

#[cfg(test)]
mod tests;

pub use book::{Book, NewGrant, TOKENS_FILE, Tokens};
pub use error::AccessError;
pub use grant::{Grant, Pattern, Role};
pub use limiter::Limiter;
pub use secret::Secret;
