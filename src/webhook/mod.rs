//! Signed webhooks: addresses that are told when a version was published, begins to serve or comes to an
//! environment. Finds that in the logs of agents, whoever did it; knows ids, numbers and labels, never
//! what a config says.

mod backoff;
mod book;
mod cursors;
mod deliver;
mod error;
mod event;
mod hook;
mod message;
mod post;
mod queue;
mod secret;
mod standing;

pub use book::{Hooks, WEBHOOKS_FILE};
pub use deliver::Deliverer;
pub use error::WebhookError;
pub use event::EventKind;
pub use hook::{Former, Hook, NewHook, OVERLAP_MAX, check_url};
pub use message::Message;
pub use post::{Answer, Poster};
pub use secret::SigningSecret;
pub use standing::Standing;
